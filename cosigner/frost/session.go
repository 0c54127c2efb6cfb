package frost

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"go.dedis.ch/kyber/v3"
)

// Session is one signature in the making: a message, the commitments of the
// cosigners that sign it, and the public values that follow from them. Everyone
// who takes part derives the same Session for himself. It does not change and is
// safe for concurrent use.
type Session struct {
	key         *GroupKey
	msg         []byte
	commitments []Commitment // ids strictly ascending

	// One entry per commitment, in their order.
	hiding, binding []kyber.Point
	rho             []kyber.Scalar // binding factors
	lambda          []kyber.Scalar // Lagrange coefficients

	r         kyber.Point // group commitment, R of the signature
	encodedR  [pointSize]byte
	challenge kyber.Scalar
}

var errNullR = errors.New("the commitments add up to the identity")

// NewSession derives what both sides of round two need from the message and from
// the commitments of at least t cosigners, sorted by strictly ascending id, else
// ErrSigners. A commitment that does not hold two valid points is ErrPoint. The
// message is copied.
func NewSession(g *GroupKey, msg []byte, commitments []Commitment) (*Session, error) {
	ids := make([]int, len(commitments))
	for i, c := range commitments {
		ids[i] = c.ID
	}
	set, err := g.signers(ids)
	if err != nil {
		return nil, fmt.Errorf("opening a session: %w", err)
	}
	s := &Session{
		key:         g,
		msg:         slices.Clone(msg),
		commitments: slices.Clone(commitments),
		lambda:      g.lagrange(set, ids),
	}
	for _, c := range commitments {
		d, e, err := c.points(g)
		if err != nil {
			return nil, fmt.Errorf("opening a session: %w", err)
		}
		s.hiding, s.binding = append(s.hiding, d), append(s.binding, e)
	}
	s.bind()
	if s.r.Equal(g.group.Point().Null()) {
		return nil, fmt.Errorf("opening a session: %w", errNullR)
	}
	s.encodedR = encode(s.r)
	// compute_challenge, RFC 9591 section 4.6.
	s.challenge = h2(g.group, s.encodedR[:], g.public[:], s.msg)
	return s, nil
}

// bind computes the binding factors (compute_binding_factors, RFC 9591 section
// 4.4) and the group commitment (compute_group_commitment, section 4.5).
func (s *Session) bind() {
	g := s.key.group
	list := make([]byte, 0, len(s.commitments)*(scalarSize+2*pointSize))
	for _, c := range s.commitments { // encode_group_commitment_list, section 4.3
		id := encodeID(c.ID)
		list = append(list, id[:]...)
		list = append(list, c.Hiding[:]...)
		list = append(list, c.Binding[:]...)
	}
	hashedMsg, hashedList := h4(s.msg), h5(list)
	for _, c := range s.commitments {
		id := encodeID(c.ID)
		s.rho = append(s.rho, h1(g, s.key.public[:], hashedMsg[:], hashedList[:], id[:]))
	}
	s.r = sum(g, s.rho, s.binding)
	for _, d := range s.hiding {
		s.r.Add(s.r, d)
	}
}

// Signs reports whether the session is for exactly this message.
func (s *Session) Signs(msg []byte) bool { return bytes.Equal(s.msg, msg) }

// position returns the index of a cosigner's entries, or -1.
func (s *Session) position(id int) int {
	return slices.IndexFunc(s.commitments, func(c Commitment) bool { return c.ID == id })
}
