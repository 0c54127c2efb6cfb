package keygen

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"casper-cosigner/cosigner/frost"
	"casper-cosigner/keygen/seed"
	"casper-cosigner/rule/casper"
)

// maxCluster is the longest cluster id in bytes.
const maxCluster = 128

var (
	errEpoch     = errors.New("epoch 0, the first one is 1")
	errCluster   = fmt.Errorf("the cluster id is not UTF-8 text of at most %d bytes", maxCluster)
	errValidator = errors.New("the commitments are of another key than the validator's")
	errPiece     = errors.New("the piece of the seed has another number than the share")
	errThreshold = errors.New("the threshold is not the number of commitments")
)

// ShareFile is what one cosigner's share file holds. It prints, and turns into
// JSON, without the secret.
type ShareFile struct {
	Validator   casper.PublicKey // the key that was split
	ID          int              // the cosigner, from 1 to Size
	Threshold   int              // t
	Size        int              // n
	Epoch       uint32           // 1 at the split, one more at each resharing
	Cluster     string           // id of the cluster it was made for, may be empty
	Commitments [][]byte         // t Feldman commitments, 32 bytes each

	secret [32]byte
	piece  seed.Piece // none unless the cosigners keep a node's key
}

// NewShareFile returns the file of one share, for an epoch from 1.
func NewShareFile(share *frost.KeyShare, epoch uint32, cluster string) ShareFile {
	group, secret := share.Group(), share.Secret()
	defer clear(secret)
	return ShareFile{
		Validator:   group.Public(),
		ID:          share.ID(),
		Threshold:   group.Threshold(),
		Size:        group.Size(),
		Epoch:       epoch,
		Cluster:     cluster,
		Commitments: group.Commitments(),
		secret:      [32]byte(secret),
	}
}

// WithPiece returns the file with the same cosigner's piece of the seed, for a cluster that keeps
// the key of a stock node.
func (s ShareFile) WithPiece(p seed.Piece) ShareFile {
	s.piece = p
	return s
}

// Piece returns the piece of the seed, and false if there is none. Whether it is one of the
// validator's key only t of them show together.
func (s ShareFile) Piece() (seed.Piece, bool) { return s.piece, s.piece.ID() != 0 }

// KeyShare returns the share itself, checked against the commitments, which are
// checked against the validator's key, t and n.
func (s ShareFile) KeyShare() (*frost.KeyShare, error) {
	share, err := s.check()
	if err != nil {
		return nil, fmt.Errorf("reading the share of cosigner %d: %w", s.ID, err)
	}
	return share, nil
}

func (s ShareFile) check() (*frost.KeyShare, error) {
	if err := checkSize(s.Threshold, s.Size); err != nil {
		return nil, err
	}
	switch {
	case s.Threshold != len(s.Commitments):
		return nil, errThreshold
	case s.Epoch == 0:
		return nil, errEpoch
	case len(s.Cluster) > maxCluster || !utf8.ValidString(s.Cluster):
		return nil, errCluster
	case s.piece.ID() != 0 && s.piece.ID() != s.ID:
		return nil, errPiece
	}
	group, err := frost.ParseGroupKey(s.Commitments, s.Size)
	if err != nil {
		return nil, err
	}
	if group.Public() != s.Validator {
		return nil, errValidator
	}
	return frost.ParseKeyShare(group, s.ID, s.secret[:])
}

// String describes the file in one line, without the secret.
func (s ShareFile) String() string {
	return fmt.Sprintf("share %d of %d (threshold %d, epoch %d) of %v: [secret]",
		s.ID, s.Size, s.Threshold, s.Epoch, s.Validator)
}

// GoString returns what String does.
func (s ShareFile) GoString() string { return s.String() }

// Format writes what String returns, for every verb.
func (s ShareFile) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalJSON returns what String does, as a JSON string. It is for logs; what is
// in the file is written by Seal only.
func (s ShareFile) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }
