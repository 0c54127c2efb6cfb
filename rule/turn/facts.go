package turn

import (
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// Request is a node's claim of a slot.
type Request struct {
	watermark.Claim
	Slot     casper.Slot // of the claim's message
	Deadline time.Time   // when its asker gives up, on the clock by which is decided; zero if it does not say
	// Signed says that the message was signed before anybody was asked, which its signature by the
	// validator's key must have shown, so that whose turn it is does not count. A node that signs one
	// to show it gets in the way of a vote, and of no more: it has the key.
	Signed bool
}

// answerBy returns the time, but no later than the asker must be answered: so long before its
// deadline.
func (r Request) answerBy(t time.Time, before time.Duration) time.Time {
	if last := r.Deadline.Add(-before); !r.Deadline.IsZero() && last.Before(t) {
		return last
	}
	return t
}

// Facts are what a decision needs of the applied state, read at one instant.
type Facts struct {
	Would machine.Result // of applying the claim now
	Roles failover.State
	Bound failover.Place // how far slots are bound
	Round uint32         // highest bound in the era of a free slot
	Voter string         // whose claim is the highest of the slot's era

	Eras, Heights machine.Advance // the last entries that moved the marks
	Moved         Moved
}

// Moved is when the marks moved last, on the clock by which is decided. It is no part of the state,
// which holds the clocks of those that led then.
type Moved struct{ Era, Height time.Time }

// Look reads the facts; would is what the state's Check says of the claim. When the marks moved is
// for the caller to add.
func Look(m *machine.State, would machine.Result) Facts {
	f := Facts{Would: would, Roles: m.Roles(), Bound: m.Bound()}
	f.Eras, f.Heights = m.Advances()
	if would.Outcome == machine.Done || would.Outcome == machine.Held {
		if slot, _ := casper.SlotOf(would.Held.Message); !slot.OfHeight() {
			f.Voter = m.Table().Voter(slot.Era)
			if would.Outcome == machine.Done {
				f.Round, _ = m.Table().RoundIn(slot.Era)
			}
		}
	}
	return f
}
