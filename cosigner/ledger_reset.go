package cosigner

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// Resets returns how often the heights were reset here.
func (l *Ledger) Resets() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.resets
}

// Marks returns how far the ledger has come, all of one moment.
func (l *Ledger) Marks() machine.Ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	return machine.Ledger{Resets: l.resets, Floor: l.floor, Newest: l.index.newest(), Empty: l.index.size == 0}
}

// SeenFrom returns which heights the ledger holds from that one on, or from its
// floor if that is higher: below, it holds none for good.
func (l *Ledger) SeenFrom(height uint64) watermark.Seen {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := max(height, l.floor.Height)
	return watermark.NewSeen(from, l.index.heights(from))
}

// errReset is returned by Claim for a height that was judged by another number of
// resets than the ledger has made. Judged anew, it may be claimed.
var errReset = errors.New("the heights are reset meanwhile, or this cosigner has not followed a reset")

// Reset forgets the heights that the reset frees, durably, and lowers the floor
// to its first one; eras stay. It is the one thing that lets a slot get another
// digest, so the caller must have verified that an operator signed the reset.
// One that was made before changes nothing. A height that the operator did not
// see bound keeps its digest. And the floor stays where it is if nobody can tell
// any more what lies below: if it was raised since the operator looked, or is
// above the old chain. One for a restart of the network that is not after that
// of the last one made here frees nothing: the log refuses it, too, but a leader
// may show a log that it made up, and then an operator who signed twice by
// mistake would free what was signed on the new chain. Reset reports whether it
// frees what it may. Either way it is followed: a ledger that waited for a
// better one would be out for good.
//
// The file is replaced by one with the new count: at every moment it is either
// from before the reset or from after it. No claim of a height is under way
// meanwhile: one of before would bind a value that was taken back, and one of
// after would be forgotten.
func (l *Ledger) Reset(r watermark.Reset) (frees bool, err error) {
	l.mu.Lock()
	l.resetting++
	under := l.open
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.resetting--
		l.mu.Unlock()
	}()
	if under != nil {
		<-under.done // whoever put a claim in writes it
	}
	l.writing <- struct{}{}
	defer func() { <-l.writing }()
	l.mu.Lock()
	failed, h, differing := l.failed, l.header(), maps.Clone(l.differing)
	l.mu.Unlock()
	if failed != nil {
		return false, fmt.Errorf("resetting the ledger's heights: %w", failed)
	}
	if r.Count <= h.resets {
		return true, nil
	}
	h.resets, frees = r.Count, r.Network.Above(h.network)
	gone := func(s casper.Slot) bool { return frees && s.OfHeight() && r.Frees(s.Height) }
	if frees {
		h.network = r.Network
	}
	if frees && !r.Pruned(h.floor.Height) && !r.Past(h.floor.Height) {
		h.first.Height, h.floor.Height = min(h.first.Height, r.Height), min(h.floor.Height, r.Height)
	}
	maps.DeleteFunc(differing, func(s casper.Slot, _ casper.Hash) bool { return gone(s) })
	kept := slices.Collect(without(l.live(differing), gone))
	h.sealed = uint64(len(kept))
	// If we crash here, the log still shows the reset and the ledger does not: it is made then.
	if err := l.replaceBy(h, slices.Values(kept)); err != nil {
		return false, fmt.Errorf("resetting the ledger's heights: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resets, l.network, l.first, l.floor = h.resets, h.network, h.first, h.floor
	l.index.dropHeights(func(height uint64) bool { return frees && r.Frees(height) })
	maps.DeleteFunc(l.differing, func(s casper.Slot, _ casper.Hash) bool { return gone(s) })
	return frees, nil
}

// without yields the records whose slot is not gone.
func without(records iter.Seq[record], gone func(casper.Slot) bool) iter.Seq[record] {
	return func(yield func(record) bool) {
		for r := range records {
			if !gone(r.slot) && !yield(r) {
				return
			}
		}
	}
}
