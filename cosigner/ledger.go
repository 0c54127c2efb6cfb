package cosigner

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"sync"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

// ErrBelowFloor is returned by Claim for a slot below the ledger's floor: what
// was signed there is forgotten, so nothing may be.
var ErrBelowFloor = errors.New("the slot is below this cosigner's floor")

// ErrDiffers is returned by Claim for a slot that the log once showed with
// another digest than the ledger holds. This cosigner gives no share for it.
var ErrDiffers = errors.New("the log and this cosigner's ledger hold different values for the slot")

// ConflictError is returned by Claim for a slot that holds another digest.
type ConflictError struct {
	Slot       casper.Slot
	Have, Want casper.Hash
}

// Error names the slot and both digests.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("the ledger holds digest %v for %v, not %v", e.Have, e.Slot, e.Want)
}

// LedgerConfig says where a ledger is and who hears of its failures.
type LedgerConfig struct {
	Path      string
	Directory statedir.ID       // the state directory that it lies in
	FirstRun  bool              // whether that has never run: only then is a ledger made where there is none
	First     watermark.Mark    // below which a ledger that is made refuses everything
	Restate   bool              // First holds also for one that was made with another, and is as it was made
	Watchdog  statedir.Watchdog // guards each write
	// Fatal is called when a write's outcome is unknown. It must end the
	// process: pages that failed to reach the disk may be dropped from memory
	// as well, so only a fresh start shows what is there.
	Fatal func(error)
}

// LedgerStats counts what a ledger did since it was opened, and its size.
type LedgerStats struct {
	Slots     int    // slots held
	Differing int    // slots for which the log held another digest: alarm if not 0
	Torn      int    // records of an unfinished batch cut off by OpenLedger
	Claims    uint64 // free slots that Claim took up
	Syncs     uint64 // fdatasync calls
	Bytes     int64  // size of the file
	Resets    uint64 // how often the heights were reset
}

// Ledger is a cosigner's own durable map from slot to digest, the gate in
// front of its shares. Any two sets of t cosigners have a member in common, and
// that member's ledger holds one digest per slot: so at most one digest per slot
// ever gets t shares. Its methods may be called concurrently.
type Ledger struct {
	config LedgerConfig
	disk   disk

	// writing is the lock that is held from the write of a batch to the fsync
	// that covers it, and taken before mu: whoever has put a value in, has it.
	writing chan struct{}
	file    file
	next    uint64 // seq of the next record
	size    int64  // bytes of the file that are allocated and durable
	buf     []byte

	compactAbove int64 // the constant, but for tests

	mu        sync.Mutex
	index     *index // durable slots; changed with both locks held
	first     watermark.Mark
	floor     watermark.Mark              // durable, never falls but by a Reset
	resets    uint64                      // durable
	network   watermark.Version           // at the last of these that was made, durable
	chain     chain                       // durable; changed with both locks held
	resetting int                         // Resets under way
	differing map[casper.Slot]casper.Hash // effective at once, durable soon
	open      *batch                      // gathers claims for the next write
	busy      *batch                      // is being written
	failed    error                       // once set, nothing is claimed any more
	stats     LedgerStats
}

// batch is what one write and one fsync make durable.
type batch struct {
	records []record
	slots   map[casper.Slot]casper.Hash // what its claims bind
	done    chan struct{}               // closed after err is set
	err     error
}

func (b *batch) claim(slot casper.Slot, digest casper.Hash) {
	b.records = append(b.records, record{kind: recordClaim, slot: slot, digest: digest})
	b.slots[slot] = digest
}

// CreateLedger makes an empty ledger that refuses everything below first. It
// never overwrites: if there is one it returns an error that is fs.ErrExist.
func CreateLedger(path string, directory statedir.ID, first watermark.Mark) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("creating ledger %s: %w", path, errors.Join(err, fs.ErrExist))
	}
	h := header{directory: directory, first: first, floor: first, written: 1}
	if err := writeLedger(osDisk(path), statedir.Watchdog{}, h, func(func(record) bool) {}); err != nil {
		return fmt.Errorf("creating ledger %s: %w", path, err)
	}
	return nil
}

// OpenLedger loads a ledger. A batch that was being written when the process or
// the machine stopped is cut off and counted: nothing was released for it. It
// refuses, with a *DamagedError, a file that lost what was once durable. On the
// directory's first run it makes the ledger if there is none. It must be opened
// before the log, which ends the first run: from then on the absence of either
// is a loss.
func OpenLedger(config LedgerConfig) (*Ledger, error) {
	if config.FirstRun {
		if err := CreateLedger(config.Path, config.Directory, config.First); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	l, err := openLedger(config, osDisk(config.Path))
	if err != nil || !config.Restate {
		return l, err
	}
	return l.restated()
}

// Close waits for the batch being written. Later calls fail.
func (l *Ledger) Close() error {
	l.writing <- struct{}{}
	defer func() { <-l.writing }()
	l.mu.Lock()
	if l.failed == nil {
		l.failed = fs.ErrClosed
	}
	l.mu.Unlock()
	return l.file.Close()
}

// Stats returns the ledger's counts.
func (l *Ledger) Stats() LedgerStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Slots, s.Differing, s.Resets = l.index.size, len(l.differing), l.resets
	return s
}

// Floor returns the era and height below which every claim is refused.
func (l *Ledger) Floor() watermark.Mark {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.floor
}

// Claim binds slot to digest. Nil means that the ledger holds exactly that,
// durably, now or since earlier: only then may a share for it leave. It returns
// a *ConflictError if the slot holds another digest, ErrBelowFloor and
// ErrDiffers. Any other error means that the digest may or may not be stored.
// Resets is how many of the heights were made here when the claim was judged: a
// height is claimed only while that is so.
func (l *Ledger) Claim(slot casper.Slot, digest casper.Hash, resets uint64) error {
	if !slot.Valid() {
		return fmt.Errorf("claiming %v: not a slot", slot)
	}
	l.mu.Lock()
	var b *batch
	var mine bool
	var err error
	if slot.OfHeight() && (l.resetting > 0 || resets != l.resets) {
		err = errReset
	} else {
		b, mine, err = l.join(slot, digest)
	}
	l.mu.Unlock()
	if mine {
		l.commit(b)
	}
	if b != nil { // if we crash here, the slot is free or holds digest, and no share has left
		<-b.done
		err = b.err
	}
	if err != nil {
		return fmt.Errorf("claiming %v: %w", slot, err)
	}
	return nil
}

// join decides on a claim: settled (nil, nil), refused, or to be awaited in a
// batch, which the caller must commit if it is mine. mu is held.
func (l *Ledger) join(slot casper.Slot, digest casper.Hash) (b *batch, mine bool, err error) {
	if l.failed != nil {
		return nil, false, l.failed
	}
	if !l.floor.Covers(slot) {
		return nil, false, ErrBelowFloor
	}
	if _, differs := l.differing[slot]; differs {
		return nil, false, ErrDiffers
	}
	held, in, ok := l.held(slot)
	switch {
	case !ok:
		b, mine = l.gather()
		b.claim(slot, digest)
		l.stats.Claims++
		return b, mine, nil
	case held != digest:
		return nil, false, &ConflictError{Slot: slot, Have: held, Want: digest}
	}
	return in, false, nil
}

// held returns what slot holds and the batch that is yet to make it durable,
// nil if it is. mu is held.
func (l *Ledger) held(slot casper.Slot) (casper.Hash, *batch, bool) {
	if d, ok := l.index.get(slot); ok {
		return d, nil, true
	}
	for _, b := range []*batch{l.busy, l.open} {
		if b != nil {
			if d, ok := b.slots[slot]; ok {
				return d, b, true
			}
		}
	}
	return casper.Hash{}, nil, false
}

// gather returns the batch that will be written next. It is the caller's to
// commit if it was made just now. mu is held.
func (l *Ledger) gather() (b *batch, mine bool) {
	if l.open == nil {
		l.open, mine = &batch{slots: map[casper.Slot]casper.Hash{}, done: make(chan struct{})}, true
	}
	return l.open, mine
}

// commit writes b, the open batch, once the batch before it is durable. Those
// who claim in the meantime join b, so that one fsync serves them all.
func (l *Ledger) commit(b *batch) {
	l.writing <- struct{}{}
	defer func() { <-l.writing }()
	l.mu.Lock()
	l.open, l.busy = nil, b
	failed := l.failed
	l.mu.Unlock()

	b.err = failed
	var links []Link
	if failed == nil {
		links, b.err = l.append(b.records)
	}

	l.mu.Lock()
	l.busy = nil
	if b.err == nil {
		l.chain.add(links)
		for i := range b.records {
			l.apply(&b.records[i])
		}
	}
	l.mu.Unlock()
	close(b.done)
}

// apply brings a durable record into memory. Both locks are held.
func (l *Ledger) apply(r *record) {
	switch r.kind {
	case recordClaim:
		l.index.put(r.slot, r.digest)
	case recordDiffers:
		l.differing[r.slot] = r.digest
	case recordFloor:
		l.floor = l.floor.Max(r.floor)
		l.index.prune(l.floor)
		for slot := range l.differing {
			if !l.floor.Covers(slot) {
				delete(l.differing, slot)
			}
		}
	}
}

// fillSlots is how many slots Fill looks at for one batch: writing them all at
// once takes longer than a watchdog lets pass.
const fillSlots = 4096

// Fill brings the ledger up to what the log holds: it adds the slots that are
// missing and not below the floor, and changes none. Where both hold a slot with
// different digests the entry stays and Claim returns ErrDiffers from then on;
// differing counts these. If it fails, or we crash, after some of its batches,
// these stay: each slot stands for itself.
func (l *Ledger) Fill(seq iter.Seq2[casper.Slot, casper.Hash]) (differing int, err error) {
	part := make([]record, 0, fillSlots)
	add := func() {
		var n int
		n, err = l.fill(part)
		differing, part = differing+n, part[:0]
	}
	for slot, digest := range seq {
		part = append(part, record{kind: recordClaim, slot: slot, digest: digest})
		if len(part) == fillSlots {
			add()
		}
		if err != nil {
			break
		}
	}
	if len(part) > 0 {
		add()
	}
	if err != nil {
		return differing, fmt.Errorf("filling the ledger: %w", err)
	}
	return differing, nil
}

// fill is Fill for the slots of one batch, given as claims.
func (l *Ledger) fill(part []record) (differing int, err error) {
	b, mine, differing, err := l.joinMissing(part)
	if mine {
		l.commit(b)
	}
	if b != nil {
		<-b.done
		err = b.err
	}
	return differing, err
}

func (l *Ledger) joinMissing(part []record) (b *batch, mine bool, differing int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return nil, false, 0, l.failed
	}
	into := func() *batch {
		if b == nil {
			b, mine = l.gather()
		}
		return b
	}
	for i := range part {
		slot, digest := part[i].slot, part[i].digest
		if !slot.Valid() || !l.floor.Covers(slot) {
			continue
		}
		held, _, ok := l.held(slot)
		switch {
		case !ok:
			into().claim(slot, digest)
		case held != digest:
			differing++
			if _, marked := l.differing[slot]; !marked {
				l.differing[slot] = digest
				into().records = append(into().records, record{kind: recordDiffers, slot: slot, digest: digest})
			}
		}
	}
	return b, mine, differing, nil
}

// Prune raises the floor to mark, durably, and forgets the slots below; a lower
// mark changes nothing. Now and then it rewrites the file without what was
// forgotten. An error from that alone leaves the floor raised.
func (l *Ledger) Prune(mark watermark.Mark) error {
	l.mu.Lock()
	if mark = l.floor.Max(mark); mark == l.floor {
		l.mu.Unlock()
		return nil
	}
	if l.failed != nil {
		defer l.mu.Unlock()
		return fmt.Errorf("pruning the ledger: %w", l.failed)
	}
	b, mine := l.gather()
	b.records = append(b.records, record{kind: recordFloor, floor: mark})
	l.mu.Unlock()
	if mine {
		l.commit(b)
	}
	<-b.done
	if b.err != nil {
		return fmt.Errorf("pruning the ledger: %w", b.err)
	}
	if err := l.compact(); err != nil {
		return fmt.Errorf("compacting the ledger: %w", err)
	}
	return nil
}
