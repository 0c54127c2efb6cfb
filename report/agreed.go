package report

import (
	"maps"
	"slices"

	"casper-cosigner/rule/watermark"
)

// Named returns the place of the cosigner that leads, as it says itself and more than half of all
// cosigners do, answered or not; -1 if there is none.
func Named(answers []Answer) int {
	names := map[string]int{}
	for _, a := range answers {
		names[a.Status.GetLeader()]++
	}
	most := func(a Answer) bool {
		return a.leads() && 2*names[a.Name] > len(answers)
	}
	return slices.IndexFunc(answers, most)
}

// Heights is what an operator can go by who has heights reset.
type Heights struct {
	Resets uint64         // of the heights, so far
	First  watermark.Mark // of the cluster
	Floor  uint64         // of the heights, in the log
	Seen   watermark.Seen // which heights so many ledgers hold that no other value can be signed there
	Fewer  int            // heights that some ledger holds, and too few do

	Ledgers watermark.Ledgers // what each of those ledgers holds
}

// Range is the heights from one to another, both included.
type Range struct{ From, To uint64 }

// Agreed returns what holds of the heights of the range, and an index up to which as many cosigners
// as the threshold says have applied the log, so that one honest one has; false if too few answer
// or they disagree. What the log says counts as far as so many state it alike. That a height is
// bound, which is what lets it be freed, its word does not show, for a leader writes that: as many
// as sign must hold the height in their own ledgers. Fewer do not do: one of them may be the
// compromised one, which says what it likes, and the others would still be enough to sign another
// value until the reset. Of ledgers that have not followed the last reset nothing counts.
func Agreed(answers []Answer, threshold int, within Range) (h Heights, index uint64, ok bool) {
	applied := map[Heights][]uint64{}
	for _, a := range answers {
		if a.Status != nil {
			applied[logged(a)] = append(applied[logged(a)], a.Status.GetAppliedIndex())
		}
	}
	for stated, by := range applied {
		if len(by) < threshold { // which is more than half of all
			continue
		}
		slices.Sort(by)
		h, index, ok = stated, by[len(by)-threshold], true
	}
	if !ok {
		return h, index, false
	}
	ledgers := map[string]watermark.Seen{}
	for _, a := range answers {
		if s := a.Status; s.GetSeen() != nil && logged(a) == h && s.GetLedgerResets() == h.Resets {
			ledgers[a.Name] = SeenBy(a)
		}
	}
	h.Ledgers = watermark.NewLedgers(ledgers)
	h.Seen, h.Fewer, ok = seen(ledgers, threshold, within)
	return h, index, ok
}

// logged is what the answer, whose Status is not nil, says of the log.
func logged(a Answer) Heights {
	r := a.Status
	return Heights{Resets: r.GetResets(), Floor: r.GetFloor().GetHeight(),
		First: watermark.Mark{Era: r.GetFirst().GetEra(), Height: r.GetFirst().GetHeight()}}
}

// SeenBy returns what the answer says that its ledger holds.
func SeenBy(a Answer) watermark.Seen {
	s := a.Status.GetSeen()
	return watermark.Seen{From: s.GetFrom(), Bits: string(s.GetBits())}
}

// seen returns what enough of the ledgers state of the range, and how many heights only fewer do.
func seen(ledgers map[string]watermark.Seen, enough int, within Range) (s watermark.Seen, fewer int, ok bool) {
	if len(ledgers) < enough {
		return s, 0, false
	}
	var floors []uint64
	stated := map[uint64]int{}
	for _, l := range ledgers {
		floors = append(floors, l.From)
		for height := range l.All() {
			stated[height]++
		}
	}
	slices.Sort(floors)
	s.From = max(within.From, floors[len(floors)-enough]) // so many say that all below is pruned
	maps.DeleteFunc(stated, func(height uint64, by int) bool {
		if height < s.From || height > within.To {
			return true
		}
		if by < enough {
			fewer++
		}
		return by < enough
	})
	return watermark.NewSeen(s.From, maps.Keys(stated)), fewer, true
}
