package agent

import (
	"fmt"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
)

// Answer is an answer to a request, read. Without a Signature it was refused.
type Answer struct {
	Held      casper.Message // what the slot holds: what was asked for, or in Bound something else
	Signature *casper.Signature
	Bound     bool
	Refused   *cosignerv1.Refused
}

// sameSlot reports whether the slot of what was asked can hold the other message instead.
func sameSlot(asked, held casper.Message) bool {
	slot, ok := casper.SlotOf(asked)
	other, same := casper.SlotOf(held)
	return ok && same && slot == other && asked != held
}

// Read reads the answer to what was asked. It takes no cosigner's word for a signature: one that is
// not the validator's, of what it is said to be of, is an error; so is what another slot holds.
func Read(key casper.PublicKey, asked casper.Message, r *cosignerv1.SignResponse) (Answer, error) {
	a := Answer{Held: asked, Refused: r.GetRefused()}
	signature := r.GetSigned().GetSignature()
	switch {
	case a.Refused != nil:
		return a, nil
	case r.GetBound() != nil:
		var err error
		if a.Held, err = wire.Held(r.GetBound()); err != nil {
			return a, fmt.Errorf("reading the answer of %q: %w", r.GetDecidedBy(), err)
		}
		if !sameSlot(asked, a.Held) {
			return a, fmt.Errorf("reading the answer of %q: it is of another slot", r.GetDecidedBy())
		}
		a.Bound, signature = true, r.GetBound().GetSignature()
	case r.GetSigned() == nil:
		return a, fmt.Errorf("reading the answer of %q: it is of a kind that this version does not know", r.GetDecidedBy())
	}
	a.Signature = new(casper.Signature)
	if err := wire.Copy(a.Signature[:], signature, "signature"); err != nil {
		return a, fmt.Errorf("reading the answer of %q: %w", r.GetDecidedBy(), err)
	}
	if !key.Verify(a.Held, *a.Signature) {
		return a, fmt.Errorf("the signature that %q answered with is not the validator's", r.GetDecidedBy())
	}
	return a, nil
}
