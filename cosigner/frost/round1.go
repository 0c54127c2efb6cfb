package frost

import (
	"fmt"
	"io"
	"sync"

	"go.dedis.ch/kyber/v3"
)

// Commitment is the public half of a Nonce: what a cosigner hands out in round
// one. Make it with ParseEighths, ParseCommitment or Nonce.Commitment. Its encoded
// fields are what counts; a Commitment put together by hand is decoded and checked
// when a session uses it.
type Commitment struct {
	ID      int      // the cosigner, from 1 to n
	Hiding  [32]byte // D, an encoded point
	Binding [32]byte // E, an encoded point

	decoded *decodedCommitment
}

// decodedCommitment keeps the points of a Commitment, and for which encodings
// and which key they were checked.
type decodedCommitment struct {
	group                         *GroupKey
	hiding, binding               kyber.Point
	encodedHiding, encodedBinding [32]byte
	eighths                       *Eighths // nil: not known
}

// Eighths are the two points of a Commitment as they travel: encoded points of
// which D and E are 8 times. So whoever reads them knows that D and E lie in the
// prime-order subgroup (RFC 9591 section 6.1 has that checked), for three
// doublings in place of a multiplication by the order. More than one point has the
// same 8 times; all that is computed, hashed or compared here is D and E.
type Eighths struct{ Hiding, Binding [32]byte }

// ParseEighths decodes the commitment of cosigner id from its eighths: two
// canonical points of 32 bytes whose 8 times is not the identity, else ErrPoint.
// This is most of the work of receiving a commitment; do it when a pool of them is
// filled, not when a signature waits.
func ParseEighths(g *GroupKey, id int, hiding, binding []byte) (Commitment, error) {
	c, err := parse(g, id, decodeEighth, hiding, binding)
	if err == nil {
		c.decoded.eighths = &Eighths{Hiding: [32]byte(hiding), Binding: [32]byte(binding)}
	}
	return c, err
}

// ParseCommitment decodes the commitment of cosigner id from its points: two
// canonical ones of 32 bytes in the prime-order subgroup, neither the identity,
// else ErrPoint. It costs several times what ParseEighths does.
func ParseCommitment(g *GroupKey, id int, hiding, binding []byte) (Commitment, error) {
	return parse(g, id, decodePoint, hiding, binding)
}

func parse(g *GroupKey, id int, decode func(kyber.Group, []byte) (kyber.Point, error),
	hiding, binding []byte) (Commitment, error) {
	if id < 1 || id > g.size {
		return Commitment{}, fmt.Errorf("parsing a commitment: %w: cosigner %d, ids are 1 to %d", ErrSigners, id, g.size)
	}
	d, err := decode(g.group, hiding)
	if err != nil {
		return Commitment{}, fmt.Errorf("parsing the hiding commitment of cosigner %d: %w", id, err)
	}
	e, err := decode(g.group, binding)
	if err != nil {
		return Commitment{}, fmt.Errorf("parsing the binding commitment of cosigner %d: %w", id, err)
	}
	return newCommitment(g, id, d, e), nil
}

func newCommitment(g *GroupKey, id int, hiding, binding kyber.Point) Commitment {
	c := Commitment{ID: id, Hiding: encode(hiding), Binding: encode(binding)}
	c.decoded = &decodedCommitment{
		group: g, hiding: hiding, binding: binding, encodedHiding: c.Hiding, encodedBinding: c.Binding,
	}
	return c
}

// Eighths returns what ParseEighths makes c of again, for any key. It is false
// for a commitment that was read from its points, and for one made by hand.
func (c Commitment) Eighths() (Eighths, bool) {
	if d := c.decoded; d != nil && d.eighths != nil && d.encodedHiding == c.Hiding && d.encodedBinding == c.Binding {
		return *d.eighths, true
	}
	return Eighths{}, false
}

// points returns the two points of c, checked for use under key g. It decodes
// again whenever the kept points might not be those of the exported fields.
func (c Commitment) points(g *GroupKey) (hiding, binding kyber.Point, err error) {
	d := c.decoded
	if d == nil || d.group != g || d.encodedHiding != c.Hiding || d.encodedBinding != c.Binding {
		again, err := ParseCommitment(g, c.ID, c.Hiding[:], c.Binding[:])
		if err != nil {
			return nil, nil, err
		}
		d = again.decoded
	}
	return d.hiding, d.binding, nil
}

// same reports whether two commitments are the same on the wire.
func (c Commitment) same(other Commitment) bool {
	return c.ID == other.ID && c.Hiding == other.Hiding && c.Binding == other.Binding
}

// Nonce is a cosigner's secret for exactly one signature share. It prints as
// "[secret]". A Nonce must not be written down, backed up or moved to another
// process: two shares from one nonce reveal the key share. It is safe for
// concurrent use.
type Nonce struct {
	commitment Commitment

	mu              sync.Mutex
	hiding, binding kyber.Scalar // d and e; nil once burnt
}

// Commit draws a nonce (commit, RFC 9591 section 5.1). It reads 64 bytes from
// random, which must be crypto/rand's Reader outside of tests: hashing the key
// share in (nonce_generate, section 4.1) guards against random bytes that are
// guessed, not against random bytes that come twice.
func (k *KeyShare) Commit(random io.Reader) (*Nonce, error) {
	var entropy [64]byte
	defer clear(entropy[:])
	if _, err := io.ReadFull(random, entropy[:]); err != nil {
		return nil, fmt.Errorf("drawing a nonce: %w", err)
	}
	g, secret := k.group.group, encode(k.secret)
	defer clear(secret[:])
	n := &Nonce{
		hiding:  h3(g, entropy[:32], secret[:]),
		binding: h3(g, entropy[32:], secret[:]),
	}
	d, partD := k.group.commit(n.hiding)
	e, partE := k.group.commit(n.binding)
	if identity := g.Point().Null(); d.Equal(identity) || e.Equal(identity) {
		return nil, fmt.Errorf("drawing a nonce: %w", ErrPoint) // peers would refuse it
	}
	n.commitment = newCommitment(k.group, k.id, d, e)
	n.commitment.decoded.eighths = &Eighths{Hiding: partD, Binding: partE}
	return n, nil
}

// commit returns s times the base point, and the encoded point that is an eighth of it.
func (k *GroupKey) commit(s kyber.Scalar) (kyber.Point, [pointSize]byte) {
	part := k.group.Scalar().Mul(s, k.eighth)
	defer part.Zero()
	p := k.group.Point().Mul(part, nil)
	encoded := encode(p)
	return times8(p), encoded
}

// Commitment returns the public half, also after the nonce is burnt.
func (n *Nonce) Commitment() Commitment { return n.commitment }

// burn hands out the two scalars to the first caller and ErrNonceUsed to every
// other one. The caller wipes them.
func (n *Nonce) burn() (hiding, binding kyber.Scalar, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hiding == nil {
		return nil, nil, ErrNonceUsed
	}
	hiding, binding = n.hiding, n.binding
	n.hiding, n.binding = nil, nil
	return hiding, binding, nil
}

// String returns "[secret]".
func (n *Nonce) String() string { return hidden }

// GoString returns "[secret]".
func (n *Nonce) GoString() string { return hidden }

// Format writes "[secret]" for every verb.
func (n *Nonce) Format(f fmt.State, _ rune) { hide(f) }

// MarshalJSON returns "[secret]" as a JSON string.
func (n *Nonce) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }
