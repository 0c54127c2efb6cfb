package watermark

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/bits"
	"slices"
	"strings"

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
	Seen             // heights that the operator saw bound from Height on: no other is taken back
	First     Mark   // of the cluster: for which founding it is
	Operator  string
	Reason    string
	Signature [64]byte // of the above and the cluster's id
}

// Within returns an error unless the operator signed the reset for the founding of this first mark.
// Resets are counted from a founding on, so one of before would count again, and free what was
// signed since. Nor does it free heights below that mark: no operator has a reason to, for what is
// below was signed by others, be it this very cluster before. One that does not say what the
// operator saw bound frees nothing.
func (r Reset) Within(first Mark) error {
	if r.Bits == "" {
		return errors.New("the reset of the heights does not say which ones the operator saw bound: have it signed by " +
			"`watermark reset-heights` of this release")
	}
	if r.First != first {
		return fmt.Errorf("the reset of the heights was signed for a cluster that was founded for era %d and height %d on, "+
			"and this one was for %d and %d: ask again", r.First.Era, r.First.Height, first.Era, first.Height)
	}
	if r.Height < first.Height {
		return fmt.Errorf("heights cannot be reset to %d: this cluster was founded for height %d and above. To free what "+
			"it signed itself, reset to %d", r.Height, first.Height, first.Height)
	}
	return nil
}

// Followed returns an error while a ledger is known not to have made the last reset, the resets-th:
// were another one to come now, it would make that one alone, and keep for good what only the last
// takes back. made is how many each cosigner's ledger has made, of those of which that is known; an
// operator may go on without the named ones.
func Followed(resets uint64, made map[string]uint64, without []string) error {
	var behind []string
	for _, name := range slices.Sorted(maps.Keys(made)) {
		if made[name] < resets && !slices.Contains(without, name) {
			behind = append(behind, fmt.Sprintf("%s has made %d of %d", name, made[name], resets))
		}
	}
	if len(behind) == 0 {
		return nil
	}
	return fmt.Errorf("the last reset is not followed yet: %s. A ledger follows within a second or two, and one that "+
		"does not says why in its log. --without NAME goes on without it", strings.Join(behind, ", "))
}

// Saw reports whether the operator saw the height bound, or saw that it could not be any more.
func (r Reset) Saw(height uint64) bool {
	if r.Bits == "" { // as resets were signed once; no ledger follows one now
		return height <= r.Newest
	}
	return height < r.From || height <= r.Newest && r.has(height)
}

// Pruned reports whether a table or ledger that keeps nothing below that height has forgotten since
// the operator looked what the reset would free.
func (r Reset) Pruned(below uint64) bool { return below > max(r.From, r.Height) }

// Seen is which heights are bound, from one on. Its zero value is that of a reset which does not
// say.
type Seen struct {
	From uint64 // the lowest that it tells of: below, nothing could be bound any more
	Bits string // one for each height from there to the newest, the lowest of the first byte first
}

func (s Seen) has(height uint64) bool {
	at := height - s.From
	return at/8 < uint64(len(s.Bits)) && s.Bits[at/8]>>(at%8)&1 == 1
}

// Len returns how many heights are bound.
func (s Seen) Len() (n int) {
	for i := range len(s.Bits) {
		n += bits.OnesCount8(s.Bits[i])
	}
	return n
}

// SeenFrom returns which heights the table holds from that one on, zero if none so high was
// claimed.
func (t *Table) SeenFrom(height uint64) Seen {
	from := max(height, t.pruned.Height)
	if from > t.newest.Height {
		return Seen{}
	}
	b := make([]byte, (t.newest.Height-from)/8+1) // no more than are kept
	for h := range t.heights {
		if h >= from {
			b[(h-from)/8] |= 1 << ((h - from) % 8)
		}
	}
	return Seen{From: from, Bits: string(b)}
}

// Unseen reports whether the reset would free a height that the operator did not see bound: one
// that was bound since, late and in a gap, or above all others; or one of which that is not known
// any more, for it was pruned since.
func (t *Table) Unseen(r Reset) bool {
	if r.Pruned(t.pruned.Height) {
		return true
	}
	for h := range t.heights {
		if h >= r.Height && !r.Saw(h) {
			return true
		}
	}
	return false
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
