package frost

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"go.dedis.ch/kyber/v3"
)

// CulpritError says that signature shares do not add up to a signature, and
// whose are wrong.
type CulpritError struct {
	IDs []int // every cosigner whose share is wrong, ascending; never empty
}

// Error names the cosigners.
func (e *CulpritError) Error() string {
	return fmt.Sprintf("wrong signature shares of cosigners %v", e.IDs)
}

// VerifyShare checks one signature share (verify_signature_share, RFC 9591
// section 5.4): ErrShare if it is wrong or not canonical, ErrNotInSession if
// cosigner id is not asked in this session.
func (s *Session) VerifyShare(id int, share [32]byte) error {
	i := s.position(id)
	if i < 0 {
		return fmt.Errorf("verifying the share of cosigner %d: %w", id, ErrNotInSession)
	}
	g := s.key.group
	z, ok := decodeScalar(g, share[:])
	if !ok {
		return fmt.Errorf("verifying the share of cosigner %d: %w: not canonical", id, ErrShare)
	}
	// z*B = D + rho*E + challenge*lambda*verification share
	weight := g.Scalar().Mul(s.challenge, s.lambda[i])
	want := sum(g, []kyber.Scalar{s.rho[i], weight}, []kyber.Point{s.binding[i], s.key.verificationShare(id)})
	want.Add(want, s.hiding[i])
	if !g.Point().Mul(z, nil).Equal(want) {
		return fmt.Errorf("verifying the share of cosigner %d: %w", id, ErrShare)
	}
	return nil
}

var errInconsistent = errors.New("every share is right, their sum is not")

// Aggregate adds the signature shares up (aggregate, RFC 9591 section 5.3) and
// returns the 64-byte Ed25519 signature R || S. shares holds exactly one share
// for each cosigner of the session, by id, else ErrSigners.
//
// It checks the sum, which costs one signature verification. Only if that fails
// are the shares checked one by one, and a *CulpritError names all wrong ones.
func (s *Session) Aggregate(shares map[int][32]byte) ([64]byte, error) {
	if len(shares) != len(s.commitments) {
		return [64]byte{}, fmt.Errorf("aggregating: %w: %d shares for %d cosigners",
			ErrSigners, len(shares), len(s.commitments))
	}
	total := s.key.group.Scalar().Zero()
	for _, c := range s.commitments {
		share, ok := shares[c.ID]
		if !ok {
			return [64]byte{}, fmt.Errorf("aggregating: %w: the share of cosigner %d is missing", ErrSigners, c.ID)
		}
		// One that does not decode is missing from the sum, which is then wrong.
		if z, ok := decodeScalar(s.key.group, share[:]); ok {
			total.Add(total, z)
		}
	}
	encodedS := encode(total)
	var sig [64]byte
	copy(sig[:32], s.encodedR[:])
	copy(sig[32:], encodedS[:])
	if ed25519.Verify(s.key.public[:], s.msg, sig[:]) {
		return sig, nil
	}
	return [64]byte{}, s.blame(shares)
}

// blame finds the wrong shares among those that do not add up
// (RFC 9591 section 5.4).
func (s *Session) blame(shares map[int][32]byte) error {
	var culprits []int
	for _, c := range s.commitments {
		if s.VerifyShare(c.ID, shares[c.ID]) != nil {
			culprits = append(culprits, c.ID)
		}
	}
	if culprits == nil {
		return fmt.Errorf("aggregating: %w", errInconsistent) // a bug of ours, nobody to blame
	}
	return fmt.Errorf("aggregating: %w", &CulpritError{IDs: culprits})
}
