package frost

import (
	"errors"
	"fmt"

	"go.dedis.ch/kyber/v3"
)

// KeyShare is one cosigner's share of the secret key. It prints as "[secret]".
// It is safe for concurrent use.
type KeyShare struct {
	id     int
	secret kyber.Scalar
	group  *GroupKey
}

// ParseKeyShare decodes the secret share of cosigner id, a canonical scalar of
// 32 little-endian bytes, and checks it against the group's commitments
// (vss_verify, RFC 9591 appendix C.2). The bytes are not kept.
func ParseKeyShare(group *GroupKey, id int, secret []byte) (*KeyShare, error) {
	if id < 1 || id > group.size {
		return nil, fmt.Errorf("parsing a key share: id %d, ids are 1 to %d", id, group.size)
	}
	s, ok := decodeScalar(group.group, secret)
	if !ok {
		return nil, fmt.Errorf("parsing the key share of cosigner %d: %w", id, errSecret)
	}
	if !group.group.Point().Mul(s, nil).Equal(group.verificationShare(id)) {
		return nil, fmt.Errorf("parsing the key share of cosigner %d: %w", id, errForeignShare)
	}
	return &KeyShare{id: id, secret: s, group: group}, nil
}

var (
	errSecret       = errors.New("not 32 bytes of a canonical scalar")
	errForeignShare = errors.New("the share does not fit the commitments of the group key")
)

// ID returns the cosigner's number, from 1 to Group().Size().
func (k KeyShare) ID() int { return k.id }

// Group returns the public key that this is a share of.
func (k KeyShare) Group() *GroupKey { return k.group }

// Secret returns the encoded secret, 32 bytes. It is for keygen, which writes it
// into the encrypted share file, and for nobody else. The caller wipes it.
func (k KeyShare) Secret() []byte {
	b := encode(k.secret)
	return b[:]
}

// String returns "[secret]".
func (k KeyShare) String() string { return hidden }

// GoString returns "[secret]".
func (k KeyShare) GoString() string { return hidden }

// Format writes "[secret]" for every verb.
func (k KeyShare) Format(f fmt.State, _ rune) { hide(f) }

// MarshalJSON returns "[secret]" as a JSON string.
func (k KeyShare) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }
