package gate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units"
)

// file is a unit file of the gate.
type file struct {
	gate *Gate
	name string
	node uint64
	seen uint64 // lookups that the kernel has not forgotten; guarded by the gate's lock

	mu    sync.Mutex // guards what follows; held while bytes are stored, never while anybody is asked
	store *os.File   // nil until the file is opened for the first time
	held  *journal.Journal
	dead  error // it takes nothing any more
}

// handle is a file that somebody opened.
type handle struct {
	file *file // nil for the probe, which is no file

	mu  sync.Mutex // one write after the other
	pen *journal.Pen
}

// open reads the file, and cuts what is no whole entry. It asks nobody: a node that cannot open its
// unit file casts no vote in that era.
func (f *file) open() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.store != nil || f.dead != nil {
		return f.dead
	}
	instance, err := journal.ParseName(f.name, f.gate.settings.Key)
	if err != nil {
		return err
	}
	store, err := os.OpenFile(f.path(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	held := journal.New(instance, f.gate.settings.Key)
	end, err := held.Load(store)
	if err != nil {
		store.Close()
		return fmt.Errorf("reading %s: %w", f.path(), err)
	}
	info, err := store.Stat()
	if err == nil && info.Size() != end {
		f.gate.settings.Log.Warn().Str("file", f.name).Int64("size", info.Size()).Int64("end", end).
			Msg("a unit file is cut behind its last whole entry")
		err = store.Truncate(end)
	}
	if err != nil {
		store.Close()
		return err
	}
	f.store, f.held = store, held
	if held.Own() > 0 {
		f.gate.told.saw(instance, info.ModTime())
	}
	return nil
}

// pen returns a new writer of the opened file.
func (f *file) pen() *journal.Pen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held.Pen()
}

func (f *file) path() string { return filepath.Join(f.gate.folder(), f.name) }

// stat returns the size of the whole entries, and when something was last stored.
func (f *file) stat() (size int64, changed time.Time, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held == nil {
		info, err := os.Stat(f.path())
		if err != nil {
			return 0, time.Time{}, err
		}
		return info.Size(), info.ModTime(), nil
	}
	info, err := f.store.Stat()
	if err != nil {
		return 0, time.Time{}, err
	}
	return f.held.End(), info.ModTime(), nil
}

// read fills buf from an offset, up to the end of the whole entries.
func (f *file) read(buf []byte, at int64) (int, error) {
	f.mu.Lock()
	store, end := f.store, f.held.End()
	f.mu.Unlock()
	if at < 0 || at >= end {
		return 0, nil
	}
	return store.ReadAt(buf[:min(int64(len(buf)), end-at)], at)
}

// write takes what a node wrote, all of it or nothing. Where it wanted it to be is without meaning:
// it is appended. An error is the end of this handle.
func (h *handle) write(b []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.pen.Broken(); err != nil {
		return err
	}
	err := h.record(b)
	if err != nil {
		h.tell(h.pen.Break(err))
	}
	return err
}

// record stores what is whole, once it is granted as far as it is ours. The node's death does not
// end the wait: what is granted is stored, so that the node finds it when it comes back.
func (h *handle) record(b []byte) error {
	if h.file == nil {
		_, err := h.pen.Take(b)
		return err
	}
	pieces, lacks, err := h.file.take(h.pen, b)
	if err != nil || len(lacks) == 0 {
		return err
	}
	g := h.file.gate
	ctx, cancel := context.WithTimeout(context.Background(), g.patience(h.file))
	defer cancel()
	var granted []attest.Proof
	for _, m := range lacks {
		p, err := g.prove(ctx, m)
		if err != nil {
			return err
		}
		granted = append(granted, p)
	}
	return h.file.keep(pieces, granted)
}

// tell logs why the handle takes nothing more, and notes it for the agent.
func (h *handle) tell(err error) {
	if h.file == nil || errors.Is(err, journal.ErrProbe) {
		return
	}
	h.file.gate.told.refuses(h.file.instance())
	s := h.file.gate.settings
	event := s.Log.Warn()
	if index := new(units.IndexError); errors.As(err, &index) || errors.Is(err, journal.ErrContradicts) ||
		errors.Is(err, attest.ErrUnproven) {
		event = s.Log.Error()
	}
	event.Err(err).Str("file", h.file.name).
		Msg("refused; the node casts no vote for the rest of this era, or until it is restarted")
}

// take stores what is whole, if nothing of it must be granted; else it returns what must.
func (f *file) take(pen *journal.Pen, b []byte) ([]units.Piece, []casper.Ballot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead != nil {
		return nil, nil, f.dead
	}
	pieces, err := pen.Take(b)
	if err != nil {
		return nil, nil, err
	}
	batch, err := f.held.Judge(pieces, nil)
	if err == nil && len(batch.Lacks) == 0 {
		err = f.append(batch)
	}
	return pieces, batch.Lacks, err
}

// keep stores what was granted. It is judged again: another writer may have been faster.
func (f *file) keep(pieces []units.Piece, granted []attest.Proof) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead != nil {
		return f.dead
	}
	batch, err := f.held.Judge(pieces, granted)
	if err != nil {
		return err
	}
	return f.append(batch)
}

// append stores entries at the end. There is no sync: what is ours is in the cosigners' log.
func (f *file) append(b journal.Batch) error {
	raw, err := b.Raw()
	if err != nil || len(raw) == 0 {
		return err
	}
	if _, err := f.store.WriteAt(raw, f.held.End()); err != nil {
		if cut := f.store.Truncate(f.held.End()); cut != nil {
			f.dead = fmt.Errorf("%s cannot be cut back to its last whole entry: %w", f.path(), cut)
		}
		return fmt.Errorf("storing entries: %w", err)
	}
	f.held.Add(b)
	if own := b.Own(); len(own) > 0 {
		f.gate.told.stores(own)
	}
	return nil
}

// truncate is for casper-node's cutting of what is torn. There is nothing torn, so it must want the
// size that the file has.
func (f *file) truncate(size uint64) error {
	now, _, err := f.stat()
	if err != nil {
		return err
	}
	if size != uint64(now) {
		return syscall.EPERM
	}
	return nil
}

// close lets go of a deleted file that nobody has open any more.
func (f *file) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.store != nil {
		f.store.Close()
	}
}

// remove deletes the file. Who has it open may read on, and writes no more.
func (f *file) remove() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := os.Remove(f.path()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f.dead = errors.New("this unit file was deleted")
	return nil
}
