package attest

import (
	"errors"
	"fmt"

	"casper-cosigner/rule/casper"
)

// Proof is that a slot holds something, and can hold nothing else any more. Only a Cluster makes
// one, of attestations that suffice; the zero Proof is of nothing.
type Proof struct{ of Holding }

// Slot is the one that it is of.
func (p Proof) Slot() casper.Slot { return p.of.Slot }

// Of reports whether it is of this very content.
func (p Proof) Of(b casper.Ballot) bool {
	h, ok := OfBallot(b, p.of.Slot.Era)
	return ok && h == p.of
}

// ErrUnproven says that an answer is not borne out by attestations, whoever gave it.
var ErrUnproven = errors.New("not attested by enough cosigners of the cluster file here")

// Prove returns the proof of what a threshold of different cosigners attest.
func (c Cluster) Prove(h Holding, all []Attestation) (Proof, error) {
	if err := c.Suffice(h, all); err != nil {
		return Proof{}, fmt.Errorf("%w: %w", ErrUnproven, err)
	}
	return Proof{of: h}, nil
}

// Settle returns the proof of what the slot of a claimed message holds, by an answer to the claim:
// that message, or another one of the same slot. What was attested to somebody else is as good:
// the slot is the validator's, and holds one content for all of its nodes.
func (c Cluster) Settle(claimed, held casper.Message, all []Attestation) (Proof, error) {
	h, ok := Of(held)
	slot, _ := casper.SlotOf(claimed)
	if !ok || h.Slot != slot {
		return Proof{}, fmt.Errorf("%w: it is of another slot than what was claimed", ErrUnproven)
	}
	return c.Prove(h, all)
}
