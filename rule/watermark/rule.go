package watermark

import (
	"fmt"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
)

// The limits of the rule. They belong to the version of the state machine: every copy must apply
// the same log alike.
const (
	KeptEras    = 12    // eras kept whole, the newest included
	KeptHeights = 16384 // heights kept, the newest included
	MaxReruns   = 3     // times that an operator may say that an era runs again
	MaxVoices   = 256   // instances and validators of an era; sound nodes have one each, and one more a rerun

	// MaxRounds is how far ahead of an era's current round Zug takes a message (casper-node zug.rs,
	// MAX_FUTURE_ROUNDS). How far that round can be by now, MostRounds tells.
	MaxRounds = 7200
)

// Outcome is what became of a claim.
type Outcome uint8

// The outcomes.
const (
	Claimed Outcome = iota + 1 // the slot was free and now holds the claimed message
	Held                       // the slot holds a message already, be it another or the same
	Refused                    // nothing was bound, and nothing is held that could be signed
)

// Claim is the double-sign rule. It binds a free slot to the claimed message, or returns what the
// slot already holds. Only the returned claim may ever be signed, and only with Claimed or Held.
// What happened is kept apart from why it was refused, so that no reason can pass for a claim.
//
// Slots are exact, not a rising mark: Zug legitimately votes late and out of order (casper-node
// zug.rs, update_round).
func (t *Table) Claim(c Claim) (Claim, Outcome, refusal.Reason) {
	held, outcome, why := t.Check(c)
	if outcome == Claimed {
		slot, _ := casper.SlotOf(c.Message)
		t.bind(slot, c)
		t.advance(slot)
	}
	return held, outcome, why
}

// Check returns what Claim would, and changes nothing.
func (t *Table) Check(c Claim) (Claim, Outcome, refusal.Reason) {
	// A pointer to a message, say, would name a slot and bind nothing.
	if casper.Validate(c.Message) != nil {
		return Claim{}, Refused, refusal.NoSlot
	}
	slot, ok := casper.SlotOf(c.Message)
	if !ok {
		return Claim{}, Refused, refusal.NoSlot
	}
	if held, ok := t.Lookup(slot); ok {
		return held, Held, refusal.None
	}
	// The slot is not in the table. That means "free" only above the floor: below, it may have been
	// signed and forgotten, and "unknown, so allow" is how validators were slashed.
	if !t.floor.Covers(slot) {
		return Claim{}, Refused, refusal.BelowFloor
	}
	if !t.mayUse(c, slot) {
		return Claim{}, Refused, refusal.OtherInstance
	}
	return c, Claimed, refusal.None
}

// mayUse reports whether the node still has its one voice of the era, or has this one. It bounds
// how many slots a hostile node can make us keep: two a round. No node that there is makes an era
// full of voices; whoever leads may, with made-up ones.
func (t *Table) mayUse(c Claim, s casper.Slot) bool {
	e := t.eras[s.Era]
	if s.OfHeight() || e == nil {
		return true
	}
	i, ok := e.uses[e.use(c.Node, chainspecOf(c.Message))]
	at := e.voice(s.Instance, s.Validator)
	if at < 0 && len(e.voices) == MaxVoices {
		return false
	}
	return !ok || int(i) == at
}

// chainspecOf returns the chainspec of an Echo or a Vote.
func chainspecOf(m casper.Message) casper.Hash {
	switch m := m.(type) {
	case casper.Echo:
		return m.Chainspec
	case casper.Vote:
		return m.Chainspec
	}
	return casper.Hash{}
}

// advance moves the newest mark and forgets what falls out of the kept window. Eras go whole; a
// slot is never forgotten alone, since the mark below which it is refused could not name it.
func (t *Table) advance(s casper.Slot) {
	if s.OfHeight() {
		t.newest.Height = max(t.newest.Height, s.Height)
	} else {
		t.newest.Era = max(t.newest.Era, s.Era)
	}
	t.prune(Mark{Era: below(t.newest.Era, KeptEras), Height: below(t.newest.Height, KeptHeights)})
}

// below returns the lowest of the kept places that end with newest.
func below(newest, kept uint64) uint64 {
	if newest < kept {
		return 0
	}
	return newest - kept + 1
}

func (t *Table) prune(to Mark) {
	from := t.pruned
	t.pruned = from.Max(to)
	t.floor = t.floor.Max(t.pruned)
	if t.pruned.Era > from.Era {
		for n := range t.eras {
			if n < t.pruned.Era {
				delete(t.eras, n)
			}
		}
	}
	if gone := t.pruned.Height - from.Height; gone > 0 && gone <= uint64(len(t.heights)) {
		for h := from.Height; h < t.pruned.Height; h++ {
			delete(t.heights, h)
		}
	} else if gone > 0 { // a long jump: fewer heights are held than lie between
		for h := range t.heights {
			if h < t.pruned.Height {
				delete(t.heights, h)
			}
		}
	}
}

// SetFloor moves the floor, back as far as Pruned at most; it reports false, and does
// nothing, below that.
func (t *Table) SetFloor(to Mark) bool {
	if to.Era < t.pruned.Era || to.Height < t.pruned.Height {
		return false
	}
	t.floor = to
	return true
}

// Restore returns an empty table with the given marks, to be filled with Put. It refuses marks that
// no table can have: a floor below pruned, say, would free what was forgotten.
func Restore(pruned, floor, newest Mark) (*Table, error) {
	window := Mark{Era: below(newest.Era, KeptEras), Height: below(newest.Height, KeptHeights)}
	if pruned.Max(window) != pruned || floor.Max(pruned) != floor || newest.Max(pruned) != newest {
		return nil, fmt.Errorf("restoring marks %v, %v and %v: no sound table has them", pruned, floor, newest)
	}
	t := New(pruned)
	t.floor, t.newest = floor, newest
	return t, nil
}

// Put puts back a claim that All yielded, in the order in which it did. It refuses what no
// table can hold.
func (t *Table) Put(c Claim) error {
	if err := casper.Validate(c.Message); err != nil {
		return fmt.Errorf("restoring claim: %w", err)
	}
	slot, ok := casper.SlotOf(c.Message)
	_, held := t.Lookup(slot)
	if !ok || held || !t.pruned.Covers(slot) || slot.Era > t.newest.Era || slot.Height > t.newest.Height ||
		!t.mayUse(c, slot) {
		return fmt.Errorf("restoring %v: no sound table holds it", slot)
	}
	t.bind(slot, c)
	return nil
}
