// Package frost makes Ed25519 signatures with a key that nobody holds:
// FROST(Ed25519, SHA-512) of RFC 9591, t of n cosigners, over a kyber.Group.
//
// A signature takes two rounds. Round one is done ahead of time: a cosigner
// draws a Nonce (KeyShare.Commit) and hands out its public Commitment. In round
// two everyone builds the same Session from the message and the commitments of
// at least t cosigners (NewSession), each answers with its 32-byte signature
// share (KeyShare.Sign), and whoever asked adds them up (Session.Aggregate).
//
// It promises:
//   - What Aggregate returns is an ordinary Ed25519 signature under
//     GroupKey.Public, checked with the standard library. It also passes the
//     stricter rules of ed25519-dalek's verify_strict, which casper-types uses:
//     neither R nor the public key has small order, R and S are canonical.
//   - A Nonce yields at most one share, under any concurrency, and is burnt
//     before anything secret is computed from it.
//   - Points and scalars from outside are decoded strictly: one encoding per
//     value, points in the prime-order subgroup and not the identity. Commitments
//     may come as Eighths, of which eight make the same one.
//   - If shares do not add up, every cosigner that sent a wrong one is named.
//   - Secrets print as "[secret]", and leave only through KeyShare.Secret.
//
// It leaves to others what is signed and whether it may be, who is asked, how
// commitments and shares travel, and where shares are kept. It writes nothing
// down: nonces must not outlive the process.
//
// Secret scalars are computed with in constant time if the group does so.
// Package edgroup does; kyber's own group, on which the tests run as well, does
// not.
package frost

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"

	"go.dedis.ch/kyber/v3"

	"casper-cosigner/cosigner/frost/edgroup"
)

// MaxSize is the largest number of cosigners that a key may be split over.
const MaxSize = 15

// Errors that a caller tells apart; all are wrapped with what was being done.
var (
	// ErrNonceUsed means that this nonce has been given to Sign before. Draw a
	// new one and collect commitments again.
	ErrNonceUsed = errors.New("nonce was used before")
	// ErrNotInSession means that the session does not contain the cosigner, or
	// not with the commitment of the nonce at hand, or is of another GroupKey.
	ErrNotInSession = errors.New("session does not contain this commitment")
	// ErrSigners means that a signer list is unsorted, has a duplicate or an
	// unknown id, or names fewer than t or more than n cosigners.
	ErrSigners = errors.New("invalid list of signers")
	// ErrPoint means that 32 bytes do not encode, canonically, a point of the
	// prime-order subgroup other than the identity, or an eighth of one.
	ErrPoint = errors.New("not a canonical point of the prime-order subgroup")
	// ErrShare means that a signature share is not what the cosigner's nonce,
	// key share and the session yield.
	ErrShare = errors.New("wrong signature share")
)

// scalarSize and pointSize are the encoded lengths of RFC 9591 section 6.1.
const (
	scalarSize = 32
	pointSize  = 32
)

// hidden is what secrets print as.
const hidden = "[secret]"

// hide is the body of every Format method of a secret type: no verb of package
// fmt gets at the fields.
func hide(f fmt.State) { _, _ = io.WriteString(f, hidden) }

// decodeScalar is DeserializeScalar of RFC 9591 section 6.1. The comparison
// makes it strict on a group that decodes leniently.
func decodeScalar(g kyber.Group, b []byte) (kyber.Scalar, bool) {
	s := g.Scalar()
	if len(b) != scalarSize || s.UnmarshalBinary(b) != nil {
		return nil, false
	}
	again := encode(s)
	defer clear(again[:])
	return s, subtle.ConstantTimeCompare(again[:], b) == 1
}

// decodePoint is DeserializeElement of RFC 9591 section 6.1. It is strict on any
// group: of the points that have a second encoding, none but the identity is in
// the prime-order subgroup.
func decodePoint(g kyber.Group, b []byte) (kyber.Point, error) {
	p := g.Point()
	if len(b) != pointSize || p.UnmarshalBinary(b) != nil || !generates(g, p) {
		return nil, ErrPoint
	}
	return p, nil
}

// generates reports whether p generates the prime-order subgroup: p is not the
// identity, and (L-1)*p = -p, so that its order divides the prime L. p is public.
func generates(g kyber.Group, p kyber.Point) bool {
	if p.Equal(g.Point().Null()) {
		return false
	}
	last := g.Scalar().Neg(g.Scalar().One())
	return sum(g, []kyber.Scalar{last}, []kyber.Point{p}).Equal(g.Point().Neg(p))
}

// decodeEighth returns 8 times the point that b encodes, canonically. Since 8 is the
// cofactor, that lies in the prime-order subgroup whatever point it is, and nothing
// but the identity is left to be refused: a tenth of what decodePoint costs.
func decodeEighth(g kyber.Group, b []byte) (kyber.Point, error) {
	p := g.Point()
	if len(b) != pointSize || p.UnmarshalBinary(b) != nil || !edgroup.Canonical([pointSize]byte(b)) {
		return nil, ErrPoint
	}
	if times8(p).Equal(g.Point().Null()) {
		return nil, ErrPoint
	}
	return p, nil
}

// times8 multiplies p by 8, by three doublings, and returns it.
func times8(p kyber.Point) kyber.Point {
	for range 3 {
		p.Add(p, p)
	}
	return p
}

// sum returns the sum of scalars[i]*points[i]. All of it is public, so a group
// may take a shortcut whose time depends on the values; edgroup has one.
func sum(g kyber.Group, scalars []kyber.Scalar, points []kyber.Point) kyber.Point {
	type summer interface {
		// VarTimeSum must equal the loop below.
		VarTimeSum([]kyber.Scalar, []kyber.Point) kyber.Point
	}
	if fast, ok := g.(summer); ok {
		return fast.VarTimeSum(scalars, points)
	}
	total, term := g.Point().Null(), g.Point()
	for i := range scalars {
		total.Add(total, term.Mul(scalars[i], points[i]))
	}
	return total
}

// encode returns the 32-byte encoding of a scalar or point.
func encode(m kyber.Marshaling) [32]byte {
	b, err := m.MarshalBinary()
	if err != nil || len(b) != 32 {
		panic(fmt.Sprintf("encoding a group element: %d bytes, %v", len(b), err)) // unreachable on an Ed25519 group
	}
	return [32]byte(b)
}
