package watermark

import (
	"errors"
	"fmt"
	"iter"
	"maps"
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
	Height    uint64  // the first that the network took back
	Until     uint64  // the last that the chain had before: none above is freed
	Network   Version // with which the network restarted
	SeenAt    uint64  // the log's index at which the operator looked
	Count     uint64  // of resets, this one included; 0 is none
	Seen              // heights that so many ledgers held that the log frees them, and no other
	Ledgers   Ledgers // what each held: its own is all that a ledger forgets
	First     Mark    // of the cluster: for which founding it is
	Operator  string
	Reason    string
	Signature [64]byte // of the above and the cluster's id
}

// Within returns an error unless the operator signed the reset for the founding of this first mark.
// Resets are counted from a founding on, so one of before would count again, and free what was
// signed since. Nor does it free heights below that mark: no operator has a reason to, for what is
// below was signed by others, be it this very cluster before. One that does not say what the
// operator saw bound frees nothing, nor one whose last height is below its first.
func (r Reset) Within(first Mark) error {
	if r.Bits == "" {
		return errors.New("the reset of the heights does not say which ones the operator saw bound: have it signed by " +
			"`watermark reset-heights` of this release")
	}
	if r.Until < r.Height {
		return fmt.Errorf("the reset of the heights is of %d to %d, which is none: ask again", r.Height, r.Until)
	}
	if r.First != first {
		return fmt.Errorf("the reset of the heights was signed for a cluster that was founded for era %d and height %d on, "+
			"and this one was for %d and %d: it cannot be made any more", r.First.Era, r.First.Height, first.Era, first.Height)
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

// Frees reports whether the reset frees the height: it is in the range that the network took back,
// and the operator saw it bound, or saw that it could not be any more. What was bound since, late
// or ahead of the chain, may be the new chain's, and stays.
func (r Reset) Frees(height uint64) bool {
	return height >= r.Height && height <= r.Until && (height < r.From || r.has(height))
}

// Of returns the reset as it is for the ledger of the named cosigner: that frees what the log does,
// of that what it held itself when the operator looked. What others held says nothing of what it
// has bound since, before it came to know of the reset: whoever leads chooses that moment for each.
func (r Reset) Of(name string) Reset {
	own, ok := r.Ledgers.of(name)
	if !ok {
		r.Seen = Seen{}
		return r
	}
	all := r
	r.Seen = NewSeen(min(own.From, r.From), func(yield func(uint64) bool) {
		for h := range own.All() {
			if all.Frees(h) && !yield(h) {
				return
			}
		}
	})
	return r
}

// Pruned reports whether a table or ledger that keeps nothing below that height has forgotten since
// the operator looked what the reset would free.
func (r Reset) Pruned(below uint64) bool { return below > max(r.From, r.Height) }

// Past reports whether the height is so far above the old chain that a mark there covers heights
// which the reset does not free. Lowering it would free them as well.
func (r Reset) Past(mark uint64) bool { return mark > after(r.Until, 1) }

// Seen is which heights are bound, from one on. Its zero value is that of a reset which does not
// say.
type Seen struct {
	From uint64 // the lowest that it tells of: below, nothing could be bound any more
	Bits string // one for each height from there on, the lowest of the first byte first
}

// NewSeen returns which of the heights lie from that one on, and no further above it than a table
// keeps any.
func NewSeen(from uint64, heights iter.Seq[uint64]) Seen {
	b := make([]byte, 1, KeptHeights/8)
	for h := range heights {
		at := h - from
		if h < from || at >= KeptHeights {
			continue
		}
		if more := int(at/8) + 1 - len(b); more > 0 {
			b = append(b, make([]byte, more)...)
		}
		b[at/8] |= 1 << (at % 8)
	}
	return Seen{From: from, Bits: string(b)}
}

func (s Seen) has(height uint64) bool {
	at := height - s.From
	return at/8 < uint64(len(s.Bits)) && s.Bits[at/8]>>(at%8)&1 == 1
}

// All yields the heights that are bound, of no more than a table keeps: it may be anybody's word.
func (s Seen) All() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for at := range uint64(min(8*len(s.Bits), KeptHeights)) {
			if h := s.From + at; h >= s.From && s.has(h) && !yield(h) {
				return
			}
		}
	}
}

// Len returns how many heights All yields.
func (s Seen) Len() (n int) {
	for range s.All() {
		n++
	}
	return n
}

// ResetHeights frees the heights that the reset does, after a hard reset of the network took back
// the blocks that were signed there: it lowers each height mark that is above, as far as what stays
// bound lets it, and forgets those heights. It does nothing if there is a reason not to. Eras stay:
// a round that is run again is of another instance.
//
// This is the one thing that lets a slot get a second value. Whoever calls it has an operator's
// signature in hand.
func (t *Table) ResetHeights(r Reset) refusal.Reason {
	switch {
	case r.Height > min(t.newest.Height, r.Until):
		return refusal.NothingAbove
	case r.Past(t.floor.Height): // so is what is pruned, or below
		return refusal.FloorAbove
	case r.Pruned(t.pruned.Height):
		return refusal.PrunedSince
	}
	newest := r.Height
	for h := range t.heights {
		if r.Frees(h) {
			delete(t.heights, h)
			continue
		}
		newest = max(newest, h)
	}
	t.newest.Height = newest
	lowest := max(r.Height, below(newest, KeptHeights)) // no mark lies below what is kept beside the newest
	t.floor.Height = min(t.floor.Height, lowest)
	t.pruned.Height = min(t.pruned.Height, lowest)
	return refusal.None
}
