// Package turn decides what becomes of a request for a slot: whether it is passed on, finished,
// claimed now, waits or is refused.
//
// It promises that a slot which holds a message is finished with it, whoever asks; that what the
// log would refuse, and what the chain cannot have come to, is proposed to no log; that whoever has
// to wait is answered before its asker's patience ends; and that nothing is claimed by a process
// that stood still, or for an asker that gave up. What a slot may hold is watermark's and
// machine's, and whom to prefer is failover's; this package puts their answers in order. It is a
// function of the log's state, of what this leader was asked for and of the time: to read them, to
// wait and to propose is its callers'.
//
// The decision is Desk.Decide. Follower is what comes before it, Moment what comes after.
package turn

import (
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/timing"
	"casper-cosigner/rule/watermark"
)

const (
	// AnswerBefore is how long before its asker's deadline a claim is refused whose turn does not come
	// in time, at least: silence would be taken for a signer that hangs, and not be asked again for a
	// while. Whose turn does come by then is to have its signature in time, so more is left where one
	// takes longer.
	AnswerBefore = 100 * time.Millisecond
	// mostBefore is the same at most. A node waits 250 ms, and some of that is to be waited.
	mostBefore = 200 * time.Millisecond
)

// Do is what is to be done with a request.
type Do uint8

// What can be done.
const (
	Finish Do = iota + 1 // sign Decision.Held, which the slot holds
	Claim                // propose the claim now, if Moment has nothing against it
	Wait                 // decide again at Decision.Until, or once a slot was bound
	Refuse               // for Decision.Why
)

// Decision is what becomes of a request now.
type Decision struct {
	Do    Do
	Held  watermark.Claim // of Finish
	Until time.Time       // of Wait
	Why   refusal.Reason  // of Refuse: by the log's rule, the token bucket or the preference
	Ahead Ahead           // of TooFarAhead
	Left  int64           // in the token bucket if it is claimed now, thousandths; zero if log or bucket refuse
}

// Ahead is a place further than the chain can be by now, counted in eras, rounds or heights.
type Ahead struct {
	Newest uint64 // claimed so far
	By     uint64
}

// Desk decides about the requests that come to one leader. NewDesk makes one. It is not safe for
// concurrent use.
type Desk struct {
	Preference failover.Preference // is told of every request, before it is decided about, and when leadership begins
	eras       watermark.Bucket
	heights    watermark.Bucket
	takes      time.Duration // that a signature takes here, smoothed
}

// NewDesk returns the desk for a chain whose eras and blocks take at least that long; grace is how
// long a standby's claim of a round waits for the active node's.
func NewDesk(era, block, grace time.Duration) Desk {
	return Desk{
		Preference: failover.Preference{Round: block, Grace: grace},
		eras:       watermark.EraBucket(era),
		heights:    watermark.HeightBucket(block),
		takes:      AnswerBefore * 4 / 5,
	}
}

// Signed notes how long a signature took, from its claim on. One that took very long, as the first
// after a leader's death may, says little of the next.
func (d *Desk) Signed(took time.Duration) { d.takes = timing.Usual(d.takes, min(took, mostBefore)) }

// answerBefore leaves the time that a signature takes here, and a quarter for those that take
// longer than usual.
func (d *Desk) answerBefore() time.Duration {
	return min(max(d.takes+d.takes/4, AnswerBefore), mostBefore)
}

// Decide says what becomes of the request now. Whoever is told to wait asks again, with the facts
// of then.
func (d *Desk) Decide(f Facts, r Request, now time.Time) Decision {
	switch f.Would.Outcome {
	case machine.Done:
	case machine.Held:
		if !r.Signed && d.Preference.Sidelines(f.Roles, r.Node, r.Slot, f.Voter) {
			return Decision{Do: Refuse, Why: refusal.Passive}
		}
		if held := f.Would.Held; held.Node != r.Node && held.Message == r.Message {
			d.Preference.Follows(r.Node, r.Slot)
		}
		return Decision{Do: Finish, Held: f.Would.Held}
	default: // what the log would refuse is not worth an entry
		return Decision{Do: Refuse, Why: f.Would.Why}
	}
	left, ahead := d.spend(f, r.Slot, now)
	if ahead.By > 0 {
		return Decision{Do: Refuse, Why: refusal.TooFarAhead, Ahead: ahead}
	}
	if r.Signed {
		return Decision{Do: Claim, Left: left}
	}
	bound := failover.Bound{Place: f.Bound, HeightAt: f.Moved.Height, Voter: f.Voter}
	switch says := d.Preference.Decide(f.Roles, r.Node, r.Slot, bound, now); says.Verdict {
	case failover.Serve:
		return Decision{Do: Claim, Left: left}
	case failover.Wait:
		until := r.answerBy(says.Until, d.answerBefore())
		if !until.After(now) {
			return Decision{Do: Refuse, Why: refusal.NotPreferred, Left: left}
		}
		return Decision{Do: Wait, Until: until, Left: left}
	default:
		return Decision{Do: Refuse, Why: says.Why, Left: left}
	}
}

// spend returns what the token bucket of the slot's mark would hold after a claim of it, or how far
// ahead that is.
func (d *Desk) spend(f Facts, slot casper.Slot, now time.Time) (int64, Ahead) {
	bucket, last, at := d.eras, f.Eras, f.Moved.Era
	wanted, newest := slot.Era, f.Bound.Era
	if slot.OfHeight() {
		bucket, last, at = d.heights, f.Heights, f.Moved.Height
		wanted, newest = slot.Height, f.Bound.Height
	}
	if !slot.OfHeight() {
		// Of an era whose beginning is not known, the time since the newest one's begun is taken: it is
		// more for a later era, and a late vote of an earlier one is near to what is bound there.
		most := max(watermark.MostRounds(now.Sub(at), d.heights.Period), uint64(f.Round)+1)
		if uint64(slot.Round) >= most {
			return 0, Ahead{Newest: most - 1, By: uint64(slot.Round) - (most - 1)}
		}
	}
	if wanted <= newest {
		return last.Left, Ahead{}
	}
	left, ok := bucket.Spend(last.Left, now.Sub(at), wanted-newest)
	if !ok {
		return 0, Ahead{Newest: newest, By: wanted - newest}
	}
	return left, Ahead{}
}
