package report

import (
	"cmp"
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

// Heights is how far blocks are signed, as a cosigner states it.
type Heights struct {
	Newest uint64         // highest height
	Resets uint64         // of the heights, so far
	Seen   watermark.Seen // which are bound, from the one on that was asked for
	First  watermark.Mark // of the cluster
}

// HeightsOf returns what the answer states. Its Status is not nil.
func HeightsOf(a Answer) Heights {
	r := a.Status
	return Heights{Newest: r.GetNewest().GetHeight(), Resets: r.GetResets(),
		Seen:  watermark.Seen{From: r.GetSeen().GetFrom(), Bits: string(r.GetSeen().GetBits())},
		First: watermark.Mark{Era: r.GetFirst().GetEra(), Height: r.GetFirst().GetHeight()}}
}

// Agreed returns the heights that as many cosigners state as the threshold says, so that one honest
// one does, and an index up to which so many of them have applied the log; false if they disagree.
func Agreed(answers []Answer, threshold int) (h Heights, index uint64, ok bool) {
	applied := map[Heights][]uint64{}
	for _, a := range answers {
		if a.Status != nil {
			applied[HeightsOf(a)] = append(applied[HeightsOf(a)], a.Status.GetAppliedIndex())
		}
	}
	for stated, by := range applied {
		if len(by) < threshold {
			continue
		}
		if ok && cmp.Or(cmp.Compare(stated.Resets, h.Resets), cmp.Compare(stated.Newest, h.Newest)) < 0 {
			continue
		}
		slices.Sort(by)
		h, index, ok = stated, by[len(by)-threshold], true
	}
	return h, index, ok
}
