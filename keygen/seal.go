package keygen

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"filippo.io/age/armor"

	"casper-cosigner/keygen/seed"
	"casper-cosigner/rule/casper"
)

// MaxFileSize is the largest share file in bytes that OpenShare reads. A file of
// 15 cosigners has about 3 KiB.
const MaxFileSize = 64 << 10

// The versions of the document inside a share file: without a piece of the seed, as every release
// reads it, and with one.
const (
	plainVersion = 1
	pieceVersion = 2
)

var (
	// ErrWrongKey means that the identity or passphrase does not open the share
	// file, or that just the part of the file that is for it has been damaged;
	// the two cannot be told apart. Try another identity, then a backup.
	ErrWrongKey = errors.New("wrong identity or passphrase for this share file")
	// ErrDamaged means that these are not the bytes of a share file as it was
	// written, or that what they say contradicts itself. Use a backup of it.
	ErrDamaged = errors.New("share file is damaged")
)

var (
	errCanonical = errors.New("its content is not in the form that this program writes")
	errNotAge    = errors.New("it is not an age file, or not as it was written")
	errLong      = fmt.Errorf("it is longer than %d bytes", MaxFileSize)
	errNoKey     = errors.New("no identity or passphrase was given")
)

// document is the JSON inside the encryption.
type document struct {
	Version     int              `json:"version"`
	Validator   casper.PublicKey `json:"validator"`
	ID          int              `json:"id"`
	Threshold   int              `json:"threshold"`
	Size        int              `json:"size"`
	Epoch       uint32           `json:"epoch"`
	Cluster     string           `json:"cluster"`
	Commitments []casper.Hex     `json:"commitments"`
	Secret      casper.Hex       `json:"secret"`
	SeedPiece   casper.Hex       `json:"seed_piece,omitempty"`
}

// Seal writes s to w as an armored age file that r's identity opens: a
// *age.X25519Recipient, or a *age.ScryptRecipient for a passphrase. It refuses
// what OpenShare would, and then writes nothing. The file is written in one call,
// so that a failure leaves no half that looks like a file.
func Seal(w io.Writer, s ShareFile, r age.Recipient) error {
	if _, err := s.KeyShare(); err != nil {
		return fmt.Errorf("sealing a share file: %w", err)
	}
	plain, err := s.encode()
	if err != nil {
		return fmt.Errorf("sealing a share file: %w", err)
	}
	defer clear(plain)
	var file bytes.Buffer
	if err := encrypt(&file, plain, r); err != nil {
		return fmt.Errorf("sealing a share file: %w", err)
	}
	if _, err := w.Write(file.Bytes()); err != nil {
		return fmt.Errorf("writing a share file: %w", err)
	}
	return nil
}

func (s ShareFile) encode() ([]byte, error) {
	d := document{
		Version: plainVersion, Validator: s.Validator, ID: s.ID, Threshold: s.Threshold, Size: s.Size,
		Epoch: s.Epoch, Cluster: s.Cluster, Secret: s.secret[:],
	}
	for _, c := range s.Commitments {
		d.Commitments = append(d.Commitments, c)
	}
	if s.piece.ID() != 0 {
		d.Version, d.SeedPiece = pieceVersion, s.piece.Secret()
		defer clear(d.SeedPiece)
	}
	return json.Marshal(d)
}

func encrypt(file io.Writer, plain []byte, r age.Recipient) error {
	text := armor.NewWriter(file)
	body, err := age.Encrypt(text, r)
	if err != nil {
		return err
	}
	if _, err := body.Write(plain); err != nil {
		return err
	}
	if err := body.Close(); err != nil {
		return err
	}
	return text.Close()
}

// OpenShare reads a share file of at most MaxFileSize bytes with any of the
// identities (a *age.ScryptIdentity for a passphrase). It returns ErrWrongKey if
// none of them opens it and ErrDamaged if it is not the file that was written;
// else the share fits its commitments and the validator's key. Whether cluster
// and epoch are the right ones is for the caller to check.
func OpenShare(r io.Reader, ids ...age.Identity) (ShareFile, error) {
	if len(ids) == 0 {
		return ShareFile{}, fmt.Errorf("opening a share file: %w", errNoKey)
	}
	file, err := io.ReadAll(io.LimitReader(r, MaxFileSize+1))
	if err != nil {
		return ShareFile{}, fmt.Errorf("reading a share file: %w", err)
	}
	if len(file) > MaxFileSize {
		return ShareFile{}, fmt.Errorf("opening a share file: %w: %w", ErrDamaged, errLong)
	}
	plain, err := decrypt(file, ids)
	if err != nil {
		return ShareFile{}, fmt.Errorf("opening a share file: %w", err)
	}
	defer clear(plain)
	d := document{}
	if err := json.Unmarshal(plain, &d); err != nil { // whose text may quote what it stands at
		return ShareFile{}, fmt.Errorf("opening a share file: %w: %w", ErrDamaged, errCanonical)
	}
	defer clear(d.Secret)
	defer clear(d.SeedPiece)
	if d.Version > pieceVersion {
		return ShareFile{}, fmt.Errorf("opening a share file: its version is %d, this program reads version %d",
			d.Version, pieceVersion)
	}
	s, err := d.shareFile(plain)
	if err != nil {
		return ShareFile{}, fmt.Errorf("opening a share file: %w: %w", ErrDamaged, err)
	}
	return s, nil
}

func decrypt(file []byte, ids []age.Identity) ([]byte, error) {
	body, err := age.Decrypt(armor.NewReader(bytes.NewReader(file)), ids...)
	if noMatch := new(age.NoIdentityMatchError); errors.As(err, &noMatch) {
		return nil, fmt.Errorf("%w: %w", ErrWrongKey, err)
	}
	// age's own words quote what stands where an age file should begin. Where files were mixed up
	// that is a secret.
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, errNotAge)
	}
	plain, err := io.ReadAll(body)
	if err != nil {
		clear(plain)
		return nil, fmt.Errorf("%w: %w", ErrDamaged, errNotAge)
	}
	return plain, nil
}

// shareFile returns what d says if it is all that plain says, and consistent:
// comparing with what Seal would write covers unknown, missing, repeated and
// oddly spelt fields at once.
func (d document) shareFile(plain []byte) (ShareFile, error) {
	s := ShareFile{
		Validator: d.Validator, ID: d.ID, Threshold: d.Threshold, Size: d.Size,
		Epoch: d.Epoch, Cluster: d.Cluster,
	}
	for _, c := range d.Commitments {
		s.Commitments = append(s.Commitments, c)
	}
	copy(s.secret[:], d.Secret)
	if len(d.SeedPiece) > 0 {
		piece, err := seed.Parse(d.ID, d.SeedPiece)
		if err != nil {
			return ShareFile{}, err
		}
		s.piece = piece
	}
	again, err := s.encode()
	if err != nil {
		return ShareFile{}, err
	}
	defer clear(again)
	if !bytes.Equal(again, plain) {
		return ShareFile{}, errCanonical
	}
	if _, err := s.check(); err != nil {
		return ShareFile{}, err
	}
	return s, nil
}
