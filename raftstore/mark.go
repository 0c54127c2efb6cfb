package raftstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"casper-cosigner/statedir"
)

const (
	markFile = "raft.mark"
	// markSlot is how far apart the two slots are, which are written in turns. They must not share a
	// sector, nor a page: a power cut may leave the one that is being written unreadable as a whole.
	markSlot  = 4096
	markBytes = 16 + 4*8 + crc32.Size
	// What is applied stands after that, with a checksum of its own over all: a release that does not
	// know it reads what is before, and writes zeros there.
	markWhole = markBytes + 8 + crc32.Size
)

// reached is how far the database was when a write to it was last known to be durable.
type reached struct {
	last, term, vote uint64 // index of the last entry, current term, term of the vote
	applied          uint64 // last entry that was given to the state machine; 0 if that is not known
}

// mark keeps beside the database, in a file of its own, what it had reached. If the database later
// has less, it has lost what was acknowledged: bbolt takes a damaged newest state for one that was
// never finished and goes back to the one before, and a database may be put back from a copy.
//
// The file is not synced when the mark rises, which would cost a second sync a write. So it never
// says more than is durable, it is exact after a crash of the process, and after a power cut it may
// say what was true some seconds before. It is synced before it falls.
type mark struct {
	file      *os.File
	directory statedir.ID

	mu  sync.Mutex // guards all below
	seq uint64     // of the slot that was written last
	reached
	slot [markSlot]byte // as it is written
}

// createMark makes the file in a store's directory, or makes it anew.
func createMark(path string, directory statedir.ID, r reached) error {
	m := &mark{directory: directory, reached: r}
	data := make([]byte, 2*markSlot)
	copy(data, m.encode())
	return statedir.WriteFile(filepath.Join(path, markFile), data, 0o600)
}

// openMark reads the newer slot. Its error is os.ErrNotExist for a file that is not there, and else
// says what is wrong with the file.
func openMark(path string, directory statedir.ID) (*mark, error) {
	f, err := os.OpenFile(filepath.Join(path, markFile), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	m := &mark{file: f, directory: directory}
	if err := m.read(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return m, nil
}

func (m *mark) read() error {
	found, foreign := false, false
	broken := fmt.Errorf("%s is damaged", markFile)
	for i := range int64(2) {
		b := make([]byte, markWhole)
		if _, err := m.file.ReadAt(b, i*markSlot); err != nil {
			broken = fmt.Errorf("%s: %w", markFile, err)
			continue
		}
		n := markBytes - crc32.Size
		if checksum(b[:n]) != binary.BigEndian.Uint32(b[n:]) {
			continue
		}
		if [16]byte(b) != m.directory {
			foreign = true
			continue
		}
		field := func(i int) uint64 { return binary.BigEndian.Uint64(b[16+8*i:]) }
		if seq := field(0); !found || seq > m.seq {
			m.seq, m.reached = seq, reached{last: field(1), term: field(2), vote: field(3)}
			if n := markWhole - crc32.Size; checksum(b[:n]) == binary.BigEndian.Uint32(b[n:]) {
				m.applied = binary.BigEndian.Uint64(b[markBytes:])
			}
		}
		found = true
	}
	switch {
	case foreign:
		return fmt.Errorf("%s belongs to another state directory", markFile)
	case !found:
		return broken
	}
	return nil
}

func (m *mark) encode() []byte {
	b := slices.Clone(m.directory[:])
	for _, n := range []uint64{m.seq, m.last, m.term, m.vote} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = binary.BigEndian.AppendUint32(b, checksum(b))
	b = binary.BigEndian.AppendUint64(b, m.applied)
	return binary.BigEndian.AppendUint32(b, checksum(b))
}

// raise notes what is durable by now.
func (m *mark) raise(change func(*reached)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.reached)
	return m.write()
}

// apply notes that entries up to index are about to be applied, all of which are durable.
func (m *mark) apply(index uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if index <= m.applied {
		return nil
	}
	m.applied = index
	return m.write()
}

// highest returns the last entry that was given to the state machine, by this process or one
// before.
func (m *mark) highest() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.applied
}

// cut notes, durably, that entries from first to last are about to be deleted. It does so in both
// slots: if a power cut later spoils the newer one, the other must not say what was before this.
func (m *mark) cut(first, last uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if last < m.last || first > m.last {
		return nil // old ones, below a snapshot
	}
	m.last = max(first, 1) - 1 // the library deletes from 0 on if the log is empty
	for range 2 {
		if err := m.write(); err != nil {
			return err
		}
	}
	return unix.Fdatasync(int(m.file.Fd()))
}

// write writes one slot, whole: then a sector that cannot be read need not be, and is mended.
func (m *mark) write() error {
	m.seq++
	copy(m.slot[:], m.encode())
	if _, err := m.file.WriteAt(m.slot[:], int64(m.seq%2)*markSlot); err != nil {
		return fmt.Errorf("%s: %w", markFile, err)
	}
	return nil
}

func (m *mark) close() error { return m.file.Close() }
