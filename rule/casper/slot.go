package casper

import (
	"fmt"

	"golang.org/x/crypto/blake2b"
)

// Slot is the place that a message fills: a validator may sign one value in
// each, ever. Slots are comparable with == and usable as map keys.
//
// A Zug slot has Kind, Era, Instance, Validator and Round; echo and vote of a
// round are two slots (casper-node zug/message.rs, contradicts). A finality
// slot has Kind and Height only: two blocks at one height contradict each other
// whatever era they claim. The fields not named are zero.
type Slot struct {
	Kind      Kind
	Era       uint64
	Instance  Hash // instance_id, which binds Era
	Validator uint32
	Round     uint32
	Height    uint64
}

// SlotOf returns the slot that m fills; false for a Handshake, which can
// contradict nothing. It panics if m is nil, since "no slot" would let it pass.
func SlotOf(m Message) (Slot, bool) { return m.slot() }

// SlotOfHeight returns the slot of a height.
func SlotOfHeight(height uint64) Slot { return Slot{Kind: KindFinality, Height: height} }

// Valid reports whether s is a slot that some message fills: its kind fills
// one, and the fields that such a slot has not are zero.
func (s Slot) Valid() bool {
	switch s.Kind {
	case KindEcho, KindVote:
		return s.Height == 0
	case KindFinality:
		return s == SlotOfHeight(s.Height)
	}
	return false
}

// OfHeight reports whether s is the slot of a height. If not it is of a round.
func (s Slot) OfHeight() bool { return s.Kind.OfHeight() }

// Digest returns BLAKE2b-256 of m's sign bytes. Two messages of one slot agree
// if and only if their digests are equal.
func Digest(m Message) Hash { return blake2b.Sum256(m.SignBytes()) }

// String returns a short form for logs: "finality height 266", or "echo era 12
// round 3 instance 7d9f81ac/2" with the first bytes of instance_id and the
// validator index.
func (s Slot) String() string {
	switch s.Kind {
	case KindEcho, KindVote:
		return fmt.Sprintf("%v era %d round %d instance %x/%d", s.Kind, s.Era, s.Round, s.Instance[:4], s.Validator)
	case KindFinality:
		return fmt.Sprintf("%v height %d", s.Kind, s.Height)
	}
	return fmt.Sprintf("no slot (%v)", s.Kind)
}

func (e Echo) slot() (Slot, bool) { return e.slotOf(KindEcho), true }

func (v Vote) slot() (Slot, bool) { return v.slotOf(KindVote), true }

func (f Finality) slot() (Slot, bool) {
	return SlotOfHeight(f.Height), true
}

func (Handshake) slot() (Slot, bool) { return Slot{}, false }

// slotOf returns the slot of kind k, echo or vote, in round r.
func (r Round) slotOf(k Kind) Slot {
	return Slot{Kind: k, Era: r.Era, Instance: r.Instance(), Validator: r.Validator, Round: r.ID}
}
