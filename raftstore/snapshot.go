package raftstore

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"

	"casper-cosigner/rule/machine"
	"casper-cosigner/statedir"
)

// snapshot is the state at one entry. Its form is the index of that entry, 8 bytes big-endian, and
// then what machine.State writes.
type snapshot struct {
	index uint64
	state *machine.State
}

// Snapshot copies the state, which is quick; Persist writes the copy while entries are applied.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.halt.stopped() {
		return nil, f.halt.err
	}
	return snapshot{index: f.index, state: f.state.Clone()}, nil
}

// Persist writes the snapshot and closes the sink.
func (s snapshot) Persist(sink raft.SnapshotSink) error {
	if to, ok := sink.(*snapshotSink); ok {
		to.own, to.index = true, s.index
	}
	if err := s.write(sink); err != nil {
		return errors.Join(fmt.Errorf("writing snapshot: %w", err), sink.Cancel())
	}
	return sink.Close()
}

func (s snapshot) write(w io.Writer) error {
	if _, err := w.Write(binary.BigEndian.AppendUint64(nil, s.index)); err != nil {
		return err
	}
	_, err := s.state.WriteTo(w)
	return err
}

// Release does nothing: the copy is garbage collected.
func (s snapshot) Release() {}

func readSnapshot(r io.Reader) (uint64, *machine.State, error) {
	index, err := readIndex(r)
	if err != nil {
		return 0, nil, err
	}
	state, err := machine.ReadState(r)
	return index, state, err
}

func readIndex(r io.Reader) (uint64, error) {
	var index [8]byte
	if _, err := io.ReadFull(r, index[:]); err != nil {
		return 0, fmt.Errorf("reading snapshot: %w", err)
	}
	return binary.BigEndian.Uint64(index[:]), nil
}

// snapshotStore guards the writes of a raft.SnapshotStore. One that fails is no reason to stop: the
// log is still there, and only a whole snapshot is ever used.
//
// One that a leader sends is read as it is written, and refused before it is whole if this member
// could not go on from it: what is kept is also what every later start begins with.
type snapshotStore struct {
	raft.SnapshotStore        // keeps one more than is to be kept
	path               string // where they are
	reap               func() error
	watchdog           statedir.Watchdog
	log                *logStore
}

// keptSnapshots is how many stay, the newest included.
const keptSnapshots = 2

// Create starts a snapshot.
func (s snapshotStore) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration, configIndex uint64,
	t raft.Transport) (raft.SnapshotSink, error) {
	defer s.watchdog.Start("creating a snapshot")()
	sink, err := s.SnapshotStore.Create(v, index, term, c, configIndex, t)
	if err != nil {
		return nil, err
	}
	return &snapshotSink{SnapshotSink: sink, store: s,
		meta: raft.SnapshotMeta{Index: index, Term: term, Configuration: c, ConfigurationIndex: configIndex}}, nil
}

// Open returns a snapshot, unless it says that it holds more than the log held that it is of: then
// this member would state what it never applied.
func (s snapshotStore) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	meta, r, err := s.SnapshotStore.Open(id)
	if err != nil {
		return nil, nil, err
	}
	in := bufio.NewReader(r)
	head, err := in.Peek(8)
	if err == nil {
		if index := binary.BigEndian.Uint64(head); index > meta.Index {
			err = beyond(index, meta.Index)
		}
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("opening snapshot %s: %w", id, err), r.Close())
	}
	return meta, struct {
		io.Reader
		io.Closer
	}{in, r}, nil
}

func beyond(index, last uint64) error {
	return fmt.Errorf("it says that it holds all up to entry %d, and the log that it is of ended at entry %d", index, last)
}

// refuse tells the operator why what the leader sends is refused, and returns that. A sound leader
// may send what ends the store: there an operator has to do something on this host.
func (s snapshotStore) refuse(err error) error {
	switch {
	case errors.Is(err, errOlder), errors.As(err, new(errObjects)):
		return err
	case errors.As(err, new(errBelow)), errors.Is(err, machine.ErrNewer):
		s.log.halt.stop(err)
		return err
	}
	return s.log.refusals.about(s.log.fsm.sender(), "snapshot", err)
}

// errOlder says that a snapshot came late. The library sends one again whose answer it did not
// hear.
var errOlder = errors.New("it is older than what is applied or stored here")

// read reads a snapshot that a leader sends. With a term above the own one, or with other members,
// the next start would take this log for lost.
func (s snapshotStore) read(r io.Reader, m raft.SnapshotMeta) error {
	own, _, err := s.log.terms()
	if err != nil {
		return err
	}
	applied := s.log.mark.highest()
	late, err := s.log.goesBeyond(place{m.Index, m.Term})
	switch {
	case err != nil:
		return err
	case m.Index < applied, late:
		return errOlder
	case m.Term > own:
		return fmt.Errorf("it is of the term %d, and it is sent in the term %d", m.Term, own)
	case m.ConfigurationIndex > m.Index: // the library would never make one of its own again
		return fmt.Errorf("its members are of entry %d, and it ends with entry %d", m.ConfigurationIndex, m.Index)
	}
	if err := s.log.voters.same(m.Configuration); err != nil {
		return err
	}
	in := bufio.NewReader(r)
	index, err := readIndex(in)
	switch {
	case err != nil:
		return err
	case index > m.Index:
		return beyond(index, m.Index)
	case index < applied:
		return fmt.Errorf("it says that it holds all up to entry %d, of a log that ended at entry %d, and lacks entry %d",
			index, m.Index, applied)
	}
	state, err := machine.ReadState(in)
	if err != nil {
		return err
	}
	if err := s.log.fsm.sameFounding(state); err != nil {
		return err
	}
	if err := s.log.fsm.goesOn(index, state); err != nil || !state.Started() {
		return err
	}
	if err := mayBegin(begun(state), s.log.first); err != nil || s.log.fsm.founded() {
		return err
	}
	return s.log.objects()
}

type snapshotSink struct {
	raft.SnapshotSink
	store   snapshotStore
	meta    raft.SnapshotMeta // index and term of its last entry, the members, and where those stand
	own     bool              // it is of this member's own state
	index   uint64            // entry at which that is, if own
	reading *reading
}

// reading is a snapshot that is read while it is written.
type reading struct {
	to   *io.PipeWriter
	done chan error
}

var errCancelled = errors.New("the snapshot was given up")

func (s *snapshotSink) read() *reading {
	if s.reading == nil {
		from, to := io.Pipe()
		s.reading = &reading{to: to, done: make(chan error, 1)}
		go func() {
			err := s.store.read(from, s.meta)
			from.CloseWithError(err) // nil: nothing more is to come
			s.reading.done <- err
		}()
	}
	return s.reading
}

// Write writes a part.
func (s *snapshotSink) Write(b []byte) (int, error) {
	if !s.own {
		if _, err := s.read().to.Write(b); err != nil {
			return 0, s.store.refuse(err)
		}
	}
	defer s.store.watchdog.Start("writing a snapshot")()
	return s.SnapshotSink.Write(b)
}

// Close makes the snapshot the newest one, unless it is refused.
func (s *snapshotSink) Close() error {
	if !s.own {
		if err := s.end(nil); err != nil {
			return errors.Join(s.store.refuse(err), s.SnapshotSink.Cancel())
		}
		s.store.log.refusals.forget("snapshot")
	}
	stop := s.store.watchdog.Start("syncing a snapshot")
	err := s.SnapshotSink.Close()
	stop()
	if err == nil && s.own {
		err = s.store.readBack(s.ID(), s.index)
	}
	if err != nil {
		return err
	}
	return s.store.reap()
}

// readBack reads a snapshot that this member wrote, all of it, and removes it if that is not what
// it was to be. The library deletes the log below it, and older ones go: nothing else would be left
// to start with. If we crash before, they are all still there.
func (s snapshotStore) readBack(id string, want uint64) error {
	err := s.holds(id, want)
	if err == nil {
		return nil
	}
	return errors.Join(fmt.Errorf("reading back the snapshot %s, which is removed: %w", id, err),
		os.RemoveAll(filepath.Join(s.path, id)))
}

func (s snapshotStore) holds(id string, want uint64) error {
	_, r, err := s.Open(id)
	if err != nil {
		return err
	}
	defer r.Close()
	index, _, err := readSnapshot(r)
	if err == nil && index != want {
		err = fmt.Errorf("it is of entry %d, and was written of entry %d", index, want)
	}
	return err
}

// Cancel gives the snapshot up.
func (s *snapshotSink) Cancel() error {
	if !s.own {
		_ = s.end(errCancelled) // why it is given up is known
	}
	return s.SnapshotSink.Cancel()
}

// end ends the reading, with what comes after the last part, and returns what was read.
func (s *snapshotSink) end(with error) error {
	r := s.read()
	r.to.CloseWithError(with)
	err := <-r.done
	r.done <- err // whoever asks once more
	return err
}
