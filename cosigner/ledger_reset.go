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

// ErrUnseen is returned by Reset if a height would be forgotten that the operator
// did not see bound.
var ErrUnseen = errors.New("this cosigner has signed at a height that the operator did not see bound")

// errReset is returned by Claim for a height that was judged by another number of
// resets than the ledger has made. Judged anew, it may be claimed.
var errReset = errors.New("the heights are reset meanwhile, or this cosigner has not followed a reset")

// Reset lowers the floor to the reset's height, if that is above it, and forgets
// the heights from there on, durably; eras stay. It is the one thing that lets a
// slot get another digest, so the caller must have verified that an operator
// signed the reset. One that was made before changes nothing. It returns
// ErrUnseen, and changes nothing, if it would forget what the operator did not
// see.
//
// The file is replaced by one with the new count: at every moment it is either
// from before the reset or from after it. No claim of a height is under way
// meanwhile: one of before would bind a value that was taken back, and one of
// after would be forgotten.
func (l *Ledger) Reset(r watermark.Reset) error {
	height, count := r.Height, r.Count
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
		return fmt.Errorf("resetting the ledger's heights: %w", failed)
	}
	if count <= h.resets {
		return nil
	}
	if r.Pruned(h.floor.Height) { // then no index tells any more what was bound there
		return fmt.Errorf("heights below %d were pruned since: %w", h.floor.Height, ErrUnseen)
	}
	for at := range l.index.heights(height) { // writing suffices to read the index
		if !r.Saw(at) {
			return fmt.Errorf("height %d: %w", at, ErrUnseen)
		}
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
