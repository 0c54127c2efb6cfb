package watermark

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
)

// This file has what an operator may say when the network itself went back: no message of a node
// ever does that.

// rerunsAhead is how far above the newest era one may be of which that is said: the cosigners may
// not have been asked for it yet.
const rerunsAhead = 2

// Rerun notes that the era runs again under another chainspec, as after an emergency restart of the
// network. From then on each node has a voice of its own under that one, beside the one that it may
// have used before. No slot becomes free by it: one of another chainspec is of another instance, so
// it is another slot. To say the same twice changes nothing.
func (t *Table) Rerun(n uint64, chainspec casper.Hash) refusal.Reason {
	switch e := t.eras[n]; {
	case n < t.pruned.Era:
		return refusal.BelowPruned
	case n > after(t.newest.Era, rerunsAhead):
		return refusal.EraUnknown
	case e != nil && slices.Contains(e.named, chainspec):
		return refusal.None
	case e != nil && len(e.named) == MaxReruns:
		return refusal.TooManyReruns
	}
	e := t.own(n)
	e.named = append(e.named, chainspec)
	// Who spoke under it before has used the voice that it gets now. So what a node may use follows
	// from the slots held and the chainspecs named, in whatever order they came.
	for u, i := range e.uses {
		if u.named == 0 && e.voices[i].Chainspec == chainspec {
			delete(e.uses, u)
			e.uses[use{node: u.node, named: len(e.named)}] = i
		}
	}
	return refusal.None
}

// Reruns yields every era and chainspec of a Rerun, by era and as they were named.
func (t *Table) Reruns() iter.Seq2[uint64, casper.Hash] {
	return func(yield func(uint64, casper.Hash) bool) {
		for _, n := range slices.Sorted(maps.Keys(t.eras)) {
			for _, chainspec := range t.eras[n].named {
				if !yield(n, chainspec) {
					return
				}
			}
		}
	}
}

// Reset is what an operator signs to have the heights reset.
type Reset struct {
	Height    uint64 // the first that is free again
	Newest    uint64 // height that the operator saw signed: none above is taken back
	SeenAt    uint64 // the log's index at which the operator saw that
	Count     uint64 // of resets, this one included; 0 is none
	Operator  string
	Reason    string
	Signature [64]byte // of the above and the cluster's id
}

// Within returns an error if the reset frees heights below the first one of the cluster. No
// operator has a reason to: what is below was signed by others, be it this very cluster before it
// was founded anew. An operator's signature of that time would free here what was signed before and
// since, for resets are counted from the founding on.
func (r Reset) Within(first Mark) error {
	if r.Height < first.Height {
		return fmt.Errorf("heights cannot be reset to %d: this cluster was founded for height %d and above. To free what "+
			"it signed itself, reset to %d", r.Height, first.Height, first.Height)
	}
	return nil
}

// ResetHeights frees the heights from to on, after a hard reset of the network took back the blocks
// that were signed there: it lowers each height mark that is above, and forgets those heights. It
// reports false, and does nothing, if no height above was claimed. Eras stay: a round that is run
// again is of another instance.
//
// This is the one thing that lets a slot get a second value. Whoever calls it has an operator's
// signature in hand.
func (t *Table) ResetHeights(to uint64) bool {
	if to > t.newest.Height {
		return false
	}
	t.newest.Height = to
	t.floor.Height = min(t.floor.Height, to)
	t.pruned.Height = min(t.pruned.Height, to)
	for h := range t.heights {
		if h >= to {
			delete(t.heights, h)
		}
	}
	return true
}
