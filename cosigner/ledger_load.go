package cosigner

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"casper-cosigner/rule/casper"
)

// DamagedError is returned by OpenLedger for a file that lost what was once
// durable, so that what this cosigner signed is no longer known.
type DamagedError struct {
	File   string
	Offset int64 // in bytes, of the first record that is wrong
	Reason string
}

// Error says what is wrong, what that means and what to do.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("ledger %s is damaged at byte %d: %s. It no longer tells everything that this cosigner signed, "+
		"so it must not sign again: do not delete the file, do not copy one into its place, do not run init again. "+
		"Keep the share file and leave this cosigner stopped; the others go on signing while a quorum of them is left. "+
		"What to do: docs/recovery.md, \"One cosigner is lost\"", e.File, e.Offset, e.Reason)
}

func openLedger(config LedgerConfig, d disk) (*Ledger, error) {
	f, size, err := d.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &DamagedError{File: config.Path, Reason: "the file is missing"}
	}
	if err != nil {
		return nil, fmt.Errorf("opening ledger %s: %w", config.Path, err)
	}
	l := &Ledger{
		config: config, disk: d, writing: make(chan struct{}, 1), file: f, size: size - size%growBy,
		index: newIndex(), differing: map[casper.Slot]casper.Hash{}, compactAbove: compactAbove,
	}
	l.stats.Bytes = l.size
	if err := l.load(size); err != nil {
		f.Close()
		return nil, fmt.Errorf("opening ledger %s: %w", config.Path, err)
	}
	return l, nil
}

// load reads the file, checks that nothing is lost but the batch that was being
// written, and makes sure that what it read is on the disk.
func (l *Ledger) load(size int64) error {
	if size < growBy {
		return l.damaged(0, "the file was cut: it is shorter than a new one")
	}
	var b [recordSize]byte
	if _, err := l.file.ReadAt(b[:], 0); err != nil {
		return err
	}
	h, err := parseHeader(b[:])
	if err != nil {
		return l.damaged(0, "header: "+err.Error())
	}
	if h.directory != l.config.Directory {
		return l.damaged(0, fmt.Sprintf("it belongs to state directory %v, not to %v", h.directory, l.config.Directory))
	}
	l.first, l.floor, l.chain = h.first, h.first.Max(h.floor), h.chain()
	l.resets, l.network = h.resets, h.network

	s := scan{ledger: l, next: 1, sealed: h.sealed}
	if err := l.each(size, s.record); err != nil {
		return err
	}
	if s.next <= h.sealed {
		return l.damaged(s.next, fmt.Sprintf("no valid record there, though %d were written at once and whole", h.sealed))
	}
	if s.garbage >= s.next+pageRecords && s.garbage > s.mate {
		return l.damaged(s.garbage, "neither zeros nor a record, too far from the last one to be torn")
	}
	l.next = s.next
	if err := l.cut(s.next, s.dirty); err != nil {
		return err
	}
	if err := l.rewrite(max(1, s.first)); err != nil || !h.uncounted {
		return err
	}
	return l.count()
}

func (l *Ledger) damaged(seq uint64, reason string) error {
	return &DamagedError{File: l.config.Path, Offset: int64(seq) * recordSize, Reason: reason}
}

// each calls f for every place of a record after the header; the last one may
// be short.
func (l *Ledger) each(size int64, f func(seq uint64, b []byte) error) error {
	buf := make([]byte, chunkRecords*recordSize)
	for at := int64(recordSize); at < size; {
		n, err := l.file.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		if err != nil && (!errors.Is(err, io.EOF) || n == 0) {
			return err
		}
		for b := range slices.Chunk(buf[:n], recordSize) {
			if err := f(uint64(at/recordSize), b); err != nil {
				return err
			}
			at += int64(len(b))
		}
	}
	return nil
}

// scan walks over the records. Up to the first place that holds no valid record
// all goes into the ledger. What follows must be zeros, or else be the rest of
// the batch that was being written: a batch is only begun when the one before it
// is durable, so a record that names a later batch proves that the gap was once
// filled.
type scan struct {
	ledger *Ledger
	sealed uint64 // records that the file was born with
	next   uint64 // first place without a valid record
	first  uint64 // first record of the last batch
	ended  bool   // next was reached
	torn   uint64 // first record of the batch that is cut, 0 if unknown
	mate   uint64 // last valid record of that batch
	dirty  uint64 // place after the last one that is not zero

	// garbage is the last place that is neither zero nor valid. A disk tears at
	// most the page that it was writing; more than that was not torn.
	garbage uint64
}

// pageRecords is the number of records in 4 KiB, the largest unit that disks
// write.
const pageRecords = 4096 / recordSize

func (s *scan) record(seq uint64, b []byte) error {
	if !s.ended {
		r, err := s.follow(seq, b)
		if err == nil {
			s.next, s.first = seq+1, r.first
			if chain := &s.ledger.chain; seq > s.sealed {
				chain.links = append(chain.links, chain.last().follow(b))
			}
			return s.keep(&r)
		}
		if errors.Is(err, errKind) && r.seq == seq {
			return fmt.Errorf("at byte %d: %w, so it was written by a later one: run that; nothing was changed",
				seq*recordSize, err)
		}
		s.ended = true
	}
	if isZero(b) {
		return nil
	}
	if int64(seq) >= s.ledger.size/recordSize {
		return s.ledger.damaged(seq, "the file was cut: there is a record in a part that is not whole")
	}
	s.dirty = seq + 1
	r, err := s.parse(seq, b)
	if err != nil {
		s.garbage = seq
		return nil
	}
	if r.first > s.next || s.torn != 0 && r.first != s.torn || r.first < s.next && r.first != s.first {
		return s.ledger.damaged(s.next, fmt.Sprintf("no valid record there, but a later batch has one at byte %d",
			seq*recordSize))
	}
	s.torn, s.mate = r.first, seq
	return nil
}

// follow returns the record at seq if it is a valid successor of the last one.
func (s *scan) follow(seq uint64, b []byte) (record, error) {
	if int64(seq) >= s.ledger.size/recordSize {
		return record{}, errors.New("the file ends there")
	}
	r, err := s.parse(seq, b)
	if err != nil {
		return r, err
	}
	if r.first != seq && r.first != s.first {
		return record{}, errors.New("a record of no batch that could be there")
	}
	return r, nil
}

func (s *scan) parse(seq uint64, b []byte) (record, error) {
	if len(b) < recordSize {
		return record{}, errors.New("a record cut short")
	}
	r, err := parseRecord(b)
	if err != nil {
		return r, err
	}
	if r.seq != seq || r.first == 0 || r.first > seq {
		return record{}, errors.New("a record out of place")
	}
	return r, nil
}

// keep brings a record into memory.
func (s *scan) keep(r *record) error {
	if r.kind == recordFloor {
		s.ledger.apply(r)
		return nil
	}
	if !s.ledger.floor.Covers(r.slot) {
		return nil
	}
	if r.kind == recordClaim {
		if _, ok := s.ledger.index.get(r.slot); ok {
			return s.ledger.damaged(r.seq, fmt.Sprintf("a second record for %v", r.slot))
		}
	}
	s.ledger.apply(r)
	return nil
}

func isZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

// cut zeroes the records from next up to dirty: the torn last batch.
func (l *Ledger) cut(next, dirty uint64) error {
	if dirty <= next {
		return nil
	}
	l.stats.Torn = int(dirty - next)
	zeros := make([]byte, (dirty-next)*recordSize)
	if _, err := l.file.WriteAt(zeros, int64(next)*recordSize); err != nil {
		return fmt.Errorf("cutting a torn batch: %w", err)
	}
	return nil
}

// rewrite writes the last batch once more and syncs. What was read may have
// come from memory: if the fsync of that batch never ran, or failed, it may
// not be on the disk, and only pages written anew are sure to be synced.
func (l *Ledger) rewrite(first uint64) error {
	defer l.config.Watchdog.Start("opening the ledger")()
	buf := make([]byte, chunkRecords*recordSize)
	for at, end := int64(first)*recordSize, int64(l.next)*recordSize; at < end; {
		b := buf[:min(int64(len(buf)), end-at)]
		if _, err := l.file.ReadAt(b, at); err != nil {
			return fmt.Errorf("reading the last batch: %w", err)
		}
		if _, err := l.file.WriteAt(b, at); err != nil {
			return fmt.Errorf("writing the last batch anew: %w", err)
		}
		at += int64(len(b))
	}
	l.stats.Syncs++
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("syncing: %w", err)
	}
	return nil
}
