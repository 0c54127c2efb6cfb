package frost

import "fmt"

// Sign burns the nonce and returns this cosigner's signature share, an encoded
// scalar (sign, RFC 9591 section 5.2). The session must have been built with
// Group() of this very share.
//
// The nonce is gone whatever Sign returns, before anything is computed from it:
// a second call with it is ErrNonceUsed. A session that does not list the nonce's
// exact commitment under this cosigner's id is ErrNotInSession. Whether the
// message may be signed is decided before Sign is called.
func (k *KeyShare) Sign(n *Nonce, s *Session) ([32]byte, error) {
	d, e, err := n.burn()
	if err != nil {
		return [32]byte{}, fmt.Errorf("signing as cosigner %d: %w", k.id, err)
	}
	defer func() { d.Zero(); e.Zero() }()
	i := s.position(k.id)
	if s.key != k.group || i < 0 || !s.commitments[i].same(n.commitment) {
		return [32]byte{}, fmt.Errorf("signing as cosigner %d: %w", k.id, ErrNotInSession)
	}
	// z = d + e*rho + lambda*secret*challenge
	g := k.group.group
	key := g.Scalar().Mul(s.lambda[i], k.secret)
	key.Mul(key, s.challenge)
	z := g.Scalar().Mul(e, s.rho[i])
	z.Add(z, d)
	z.Add(z, key)
	key.Zero()
	return encode(z), nil
}
