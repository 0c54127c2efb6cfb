package world

import (
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/watermark"
)

// thief is what a hostile standby may take: whatever main leaves, and nothing while main is well,
// preferred and moves on. A nil one, in a world without, takes nothing.
type thief struct {
	w       *World
	account *account
	lost    map[slotKey]bool // bound when a hostile standby could have it
	stolen  map[slotKey]bool // bound for a hostile standby when it was main's
	ahead   bool             // slots are bound ahead of main
	stalled time.Time        // when main had nothing new to ask for, last
}

func newThief(w *World, a *account) *thief {
	if !w.plan.Hostile {
		return nil
	}
	return &thief{w: w, account: a, lost: map[slotKey]bool{}, stolen: map[slotKey]bool{}}
}

// settle is how much longer it takes until a new leader can be relied on: it does not know when
// main's turn is, until main has asked.
func (t *thief) settle() time.Duration {
	if t == nil {
		return 0
	}
	return 3 * t.w.plan.Block
}

func (t *thief) isAhead() bool { return t != nil && t.ahead }

// took reports whether a slot of main's, of which nil is none, was bound for the thief.
func (t *thief) took(m casper.Message) bool { return t != nil && m != nil && t.has(t.stolen, m) }

// couldHave reports whether a slot was bound when the thief could have it.
func (t *thief) couldHave(m casper.Message) bool { return t != nil && t.has(t.lost, m) }

func (t *thief) has(slots map[slotKey]bool, m casper.Message) bool {
	key, _ := t.w.referee.digest(m)
	return slots[key]
}

// takes sees a slot bound.
func (t *thief) takes(claim watermark.Claim) {
	if t == nil {
		return
	}
	key, _ := t.w.referee.digest(claim.Message)
	t.lost[key] = !t.mains(claim.Message)
	t.stolen[key] = claim.Node == names[standbyHost] && !t.lost[key]
}

// mains reports whether a free slot is main's to have now, if it wants it: it is well, and its
// turn is not over.
func (t *thief) mains(m casper.Message) bool {
	a, now, plan := t.account.asked[mainHost], t.w.now, t.w.plan
	slot, _ := casper.SlotOf(m)
	begun := !further(failover.Place{Era: slot.Era, Round: slot.Round}, a.place)
	switch {
	case t.account.fine.IsZero() || now.Sub(a.advanced) >= 2*plan.Block:
		return false
	case m.Kind() == casper.KindFinality:
		return now.Sub(a.height) < 2*plan.Block
	case begun:
		return now.Sub(a.advanced) < plan.Grace
	}
	return now.Sub(a.advanced) < plan.Block+plan.Grace
}

// chase notes whether slots are bound further than main has come. A thief that had the field to
// itself goes ahead of the chain, and keeps what it has; while main is well, preferred and moves
// on it must not.
func (t *thief) chase() {
	if t == nil || t.account.by == nil {
		return
	}
	w, a := t.w, t.account
	bound, tip, asked := a.by.bound(), w.nodes[mainHost].node.Status().Tip, a.asked[mainHost]
	ahead := bound.Height > tip.Height+1 || bound.Era == asked.place.Era && bound.Round > asked.place.Round+1 ||
		bound.Era == asked.place.Era+1 && bound.Round > 1 || bound.Era > asked.place.Era+1
	// When nothing new comes for two round lengths, main is as good as silent, and the
	// preference ends.
	long := 2*w.plan.Block - 2*sampleEvery
	if w.now.Sub(asked.advanced) > long || w.now.UnixMilli()-tip.At > long.Milliseconds() {
		t.stalled = w.now
	}
	well := !a.fine.IsZero() && !a.good[mainHost].IsZero() && w.roles.Active == names[mainHost] && t.moves()
	if ahead && !t.ahead && well {
		w.fail("the hostile standby went ahead of main: %+v is bound, and main is at %+v, height %d",
			bound, asked.place, tip.Height)
	}
	t.ahead = ahead
}

// moves reports whether main has had something new to ask for, lately.
func (t *thief) moves() bool { return t.w.now.Sub(t.stalled) > t.w.plan.Block }

// promoted sees a leader propose an automatic change of the active node: never to the thief for
// being ahead of a main that is well.
func (t *thief) promoted(node, cause string) {
	if node == names[standbyHost] && cause == failover.Behind && !t.account.fine.IsZero() && t.moves() {
		t.w.fail("the hostile standby is to become active, and main is well")
	}
}
