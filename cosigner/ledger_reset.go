package cosigner

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"casper-cosigner/rule/casper"
)

// Resets returns how often the heights were reset here.
func (l *Ledger) Resets() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.resets
}

// Reset lowers the floor to the height, if that is above it, and forgets the
// heights from there on, durably; eras stay. It is the one thing that lets a slot
// get another digest, so the caller must have verified that an operator signed
// the reset of that count. One that was made before changes nothing.
//
// The file is replaced by one with the new count: at every moment it is either
// from before the reset or from after it. A claim that is written meanwhile
// comes after it.
func (l *Ledger) Reset(height, count uint64) error {
	l.writing <- struct{}{}
	defer func() { <-l.writing }()
	l.mu.Lock()
	failed, h, differing := l.failed, l.header(), maps.Clone(l.differing)
	l.mu.Unlock()
	if failed != nil {
		return fmt.Errorf("resetting the ledger's heights: %w", failed)
	}
	if count <= h.resets {
		return nil
	}
	h.resets, h.first.Height, h.floor.Height = count, min(h.first.Height, height), min(h.floor.Height, height)
	gone := func(s casper.Slot) bool { return s.OfHeight() && s.Height >= height }
	maps.DeleteFunc(differing, func(s casper.Slot, _ casper.Hash) bool { return gone(s) })
	kept := slices.Collect(without(l.live(differing), gone))
	h.sealed = uint64(len(kept))
	// If we crash here, the log still shows the reset and the ledger does not: it is made then.
	if err := l.replaceBy(h, slices.Values(kept)); err != nil {
		return fmt.Errorf("resetting the ledger's heights: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resets, l.first, l.floor = h.resets, h.first, h.floor
	l.index.dropHeights(height)
	maps.DeleteFunc(l.differing, func(s casper.Slot, _ casper.Hash) bool { return gone(s) })
	return nil
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
