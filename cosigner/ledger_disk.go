package cosigner

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"casper-cosigner/rule/casper"
	"casper-cosigner/statedir"
)

const (
	// growBy is the step in which the file grows, in bytes: 2,048 records.
	// Space is written with zeros and synced before use. That makes a later
	// fdatasync cheap (no metadata changes), shows a full disk before anything
	// is written, and lets load see that a file was cut.
	growBy = 2048 * recordSize

	// The file is rewritten when it is larger than compactAbove bytes and holds
	// more than compactRatio records per slot.
	compactAbove = 4 << 20
	compactRatio = 4

	chunkRecords = 512 // records per write call

	// A new file is synced after each syncEvery bytes, so that no sync has more
	// to do than a watchdog lets pass.
	syncEvery = 4 << 20
)

// disk is where a ledger's file lies. Tests put one there that fails.
type disk interface {
	// open opens the file and returns its size in bytes.
	open() (f file, size int64, err error)

	// replace puts what fill writes in the file's place. Once it returns nil
	// that must be durable. It must leave the file alone if fill was not called
	// or failed; after any other error either content may be there.
	replace(fill func(io.Writer) error) error
}

// file is an open ledger file. Sync must return nil only if all that was
// written before is durable.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
}

// osDisk is the path of a real file.
type osDisk string

func (d osDisk) open() (file, int64, error) {
	f, err := os.OpenFile(string(d), os.O_RDWR, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return osFile{f}, info.Size(), nil
}

func (d osDisk) replace(fill func(io.Writer) error) error {
	return statedir.Replace(string(d), 0o600, func(f *os.File) error { return fill(&syncingWriter{to: osFile{f}}) })
}

// syncingWriter syncs what it has written now and then; the last of it is left
// to whoever closes the file.
type syncingWriter struct {
	to interface {
		io.Writer
		Sync() error
	}
	unsynced int // bytes
}

// Write returns an error if the write, or the sync that was due, failed.
func (w *syncingWriter) Write(b []byte) (int, error) {
	n, err := w.to.Write(b)
	if w.unsynced += n; err != nil || w.unsynced < syncEvery {
		return n, err
	}
	w.unsynced = 0
	return n, w.to.Sync()
}

// guardedWriter guards each write by itself.
type guardedWriter struct {
	to       io.Writer
	watchdog statedir.Watchdog
}

// Write writes b.
func (w guardedWriter) Write(b []byte) (int, error) {
	defer w.watchdog.Start(rewriting)()
	return w.to.Write(b)
}

// rewriting is what a watchdog is told of writeLedger.
const rewriting = "rewriting the ledger"

// osFile is a real file whose Sync is fdatasync.
type osFile struct{ *os.File }

func (f osFile) Sync() error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}

// append makes records durable as one batch, and returns the link at each. writing is held.
func (l *Ledger) append(records []record) ([]Link, error) {
	defer l.config.Watchdog.Start("writing the ledger")()
	if err := l.grow(int64(l.next+uint64(len(records))) * recordSize); err != nil {
		return nil, err
	}
	first, links, last := l.next, make([]Link, 0, len(records)), l.chain.last()
	for chunk := range slices.Chunk(records, chunkRecords) {
		at := int64(l.next) * recordSize
		l.buf = slices.Grow(l.buf[:0], len(chunk)*recordSize)[:len(chunk)*recordSize]
		for i := range chunk {
			chunk[i].seq, chunk[i].first = l.next, first
			b := l.buf[i*recordSize : (i+1)*recordSize]
			chunk[i].put(b)
			last = last.follow(b)
			links = append(links, last)
			l.next++
		}
		if _, err := l.file.WriteAt(l.buf, at); err != nil {
			return nil, l.fail(err)
		}
	}
	return links, l.sync()
}

// grow allocates the file up to need bytes. When the disk is full it fails
// before any record was written, and everything goes on as before.
func (l *Ledger) grow(need int64) error {
	if need <= l.size {
		return nil
	}
	size := (need + growBy - 1) / growBy * growBy
	zeros := make([]byte, growBy)
	for at := l.size; at < size; at += growBy {
		if _, err := l.file.WriteAt(zeros, at); noSpace(err) {
			return fmt.Errorf("growing %s: %w; nothing was written, make room on the disk", l.config.Path, err)
		} else if err != nil {
			return l.fail(err)
		}
	}
	if err := l.sync(); err != nil {
		return err
	}
	l.size = size
	l.mu.Lock()
	l.stats.Bytes = size
	l.mu.Unlock()
	return nil
}

// sync makes what was written durable, or fails for good. writing is held.
func (l *Ledger) sync() error {
	l.mu.Lock()
	l.stats.Syncs++
	l.mu.Unlock()
	if err := l.file.Sync(); err != nil {
		return l.fail(err)
	}
	return nil
}

// fail stops the ledger for good, since nobody knows what is on the disk.
func (l *Ledger) fail(err error) error {
	err = fmt.Errorf("the outcome of a write to %s is unknown, restart to see: %w", l.config.Path, err)
	l.mu.Lock()
	l.failed = err
	l.mu.Unlock()
	l.config.Fatal(err)
	return err
}

func noSpace(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// compact rewrites the file if most of it was forgotten. At every moment the
// file's name leads to one that holds every durable claim.
func (l *Ledger) compact() error {
	l.writing <- struct{}{}
	defer func() { <-l.writing }()
	l.mu.Lock()
	failed, h, differing := l.failed, l.header(), maps.Clone(l.differing)
	l.mu.Unlock()
	h.sealed = uint64(l.index.size + len(differing)) // writing suffices to read the index
	if failed != nil || int64(l.next)*recordSize <= l.compactAbove || l.next <= compactRatio*h.sealed {
		return failed
	}
	return l.replaceBy(h, l.live(differing))
}

// header is that of a file which is written now, but for the number of records. mu is held.
func (l *Ledger) header() header {
	return header{directory: l.config.Directory, first: l.first, floor: l.floor, resets: l.resets, network: l.network,
		written: l.chain.written(), link: l.chain.last()}
}

// replaceBy replaces the file by one of h and records, and goes on with that. After an error that
// did not stop the ledger for good the old file is still in place. writing is held.
func (l *Ledger) replaceBy(h header, records iter.Seq[record]) error {
	if err := writeLedger(l.disk, l.config.Watchdog, h, records); err != nil {
		return l.unlessFull(err)
	}
	defer l.config.Watchdog.Start("opening the rewritten ledger")()
	// From here on the old file has no name: a claim written to it would be lost.
	f, size, err := l.disk.open()
	if err != nil {
		return l.fail(err)
	}
	l.file.Close()
	l.file, l.size, l.next = f, size, 1+h.sealed
	l.mu.Lock()
	l.stats.Bytes = size
	l.mu.Unlock()
	return nil
}

// live yields the records that compaction keeps.
func (l *Ledger) live(differing map[casper.Slot]casper.Hash) iter.Seq[record] {
	return func(yield func(record) bool) {
		for slot, digest := range l.index.all() {
			if !yield(record{kind: recordClaim, slot: slot, digest: digest}) {
				return
			}
		}
		for slot, digest := range differing {
			if !yield(record{kind: recordDiffers, slot: slot, digest: digest}) {
				return
			}
		}
	}
}

// unlessFull fails for good unless err of writeLedger says that the old file is
// still in place.
func (l *Ledger) unlessFull(err error) error {
	var unknown *replaceError
	if errors.As(err, &unknown) {
		return l.fail(err)
	}
	return err
}

// replaceError is returned by writeLedger when either file may be in place.
type replaceError struct{ err error }

func (e *replaceError) Error() string { return "replacing the ledger: " + e.err.Error() }
func (e *replaceError) Unwrap() error { return e.err }

// writeLedger replaces the file by one of h and records, as many as h says.
// Each record is a batch of its own: all are durable before the file has its
// name, so none of them may ever be taken for torn. The watchdog guards each
// write by itself, and what comes before and after them.
func writeLedger(d disk, w statedir.Watchdog, h header, records iter.Seq[record]) error {
	var called bool
	var filled error
	stop := w.Start(rewriting)
	err := d.replace(func(to io.Writer) error {
		stop()
		called = true
		filled = fillLedger(guardedWriter{to: to, watchdog: w}, h, records)
		stop = w.Start(rewriting)
		return filled
	})
	stop()
	if err != nil && called && filled == nil {
		return &replaceError{err}
	}
	return err
}

func fillLedger(to io.Writer, h header, records iter.Seq[record]) error {
	w := bufio.NewWriterSize(to, chunkRecords*recordSize)
	var b [recordSize]byte
	h.put(b[:])
	w.Write(b[:]) // the first error stays, and Flush returns it
	seq := uint64(0)
	for r := range records {
		seq++
		r.seq, r.first = seq, seq
		r.put(b[:])
		w.Write(b[:])
	}
	if seq != h.sealed {
		return fmt.Errorf("%d records, want %d", seq, h.sealed)
	}
	clear(b[:])
	for at := (seq + 1) * recordSize; at%growBy != 0; at += recordSize {
		w.Write(b[:])
	}
	return w.Flush()
}
