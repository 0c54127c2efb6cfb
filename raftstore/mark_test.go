package raftstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"casper-cosigner/statedir"
)

// wantSound opens a store's files and checks where the log ends.
func wantSound(t *testing.T, c Config, last uint64) {
	t.Helper()
	d, err := c.openDisk()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := d.log.LastIndex(); err != nil || got != last {
		t.Errorf("the log ends at %d, %v, want %d", got, err, last)
	}
	if err := d.log.Close(); err != nil {
		t.Error(err)
	}
}

func (c Config) file(name string) string { return filepath.Join(c.Path, name) }

func (c Config) read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(c.file(name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (c Config) write(t testing.TB, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(c.file(name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLostTail(t *testing.T) {
	for from := uint64(2); from <= 10; from++ {
		c := filled(t, 1, 10)
		wantSound(t, c, 10)
		c.behind(t, func(raw database) error { return raw.DeleteRange(from, 10) })
		wantLost(t, c, "it ends at entry")
	}
}

func TestOlderState(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, c Config){
		"term": func(t *testing.T, c Config) {
			c.behind(t, func(raw database) error { return checked{raw}.SetUint64([]byte(keyTerm), 1) })
		},
		"vote": func(t *testing.T, c Config) {
			c.behind(t, func(raw database) error {
				return checked{raw}.Set([]byte(keyVote), append(binary.BigEndian.AppendUint64(nil, 1), 'a'))
			})
		},
		// bbolt takes it for a write that was never finished, and goes back to the one before.
		"newest state of bbolt damaged": func(t *testing.T, c Config) {
			b := c.read(t, databaseFile)
			const txid = 64
			page := 0
			if at := os.Getpagesize() + txid; binary.LittleEndian.Uint64(b[at:]) > binary.LittleEndian.Uint64(b[txid:]) {
				page = os.Getpagesize()
			}
			b[page+txid-8] ^= 1
			c.write(t, databaseFile, b)
		},
		"database put back": func(t *testing.T, c Config) {
			older := c.read(t, databaseFile)
			d, err := c.openDisk()
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(d.log.StoreLog(entryOf(11, 2)), d.log.Close()); err != nil {
				t.Fatal(err)
			}
			wantSound(t, c, 11)
			c.write(t, databaseFile, older)
		},
		"database of an earlier version put back": func(t *testing.T, c Config) {
			if err := os.Remove(c.file(databaseFile)); err != nil {
				t.Fatal(err)
			}
			c.behind(t, func(raw database) error {
				return errors.Join(raw.StoreLog(&raft.Log{Index: 1, Term: 1}), raw.SetUint64([]byte(keyTerm), 2))
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := filled(t, 1, 10)
			change(t, c)
			wantLost(t, c, "it ends at entry")
		})
	}
}

// TestLostNewestSnapshot: a leader's snapshot took the place of the log, and is gone. The one
// before it stands, and with that this member would start without what it had applied.
func TestLostNewestSnapshot(t *testing.T) {
	c := filled(t, 1, 10)
	d, err := c.openDisk()
	if err != nil {
		t.Fatal(err)
	}
	d.log.replaced.Store(true)
	if err := errors.Join(takeSnapshot(d, 8, 2), takeSnapshot(d, 10, 2), d.log.mark.apply(10), d.log.DeleteRange(1, 10),
		d.log.Close()); err != nil {
		t.Fatal(err)
	}
	wantSound(t, c, 0)
	kept, err := d.snapshots.List()
	if err != nil || len(kept) != 2 || kept[0].Index != 10 {
		t.Fatal(kept, err)
	}
	if err := os.RemoveAll(filepath.Join(c.file(snapshotsDir), kept[0].ID)); err != nil {
		t.Fatal(err)
	}
	wantLost(t, c, "says that entry 10 was applied")
}

func TestLostMark(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(b []byte) []byte // nil: the file is removed
		says   string
	}{
		"missing":   {nil, "is missing"},
		"empty":     {func([]byte) []byte { return nil }, "EOF"},
		"cut off":   {func(b []byte) []byte { return b[:markBytes-1] }, "EOF"},
		"zeroed":    {func(b []byte) []byte { return make([]byte, len(b)) }, "is damaged"},
		"another's": {func([]byte) []byte { return nil }, "belongs to another"},
		"damaged": {func(b []byte) []byte {
			b[20] ^= 1
			b[markSlot+20] ^= 1
			return b
		}, "is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			c := filled(t, 1, 10)
			switch {
			case name == "another's":
				if err := createMark(c.Path, statedir.ID{2}, reached{}); err != nil {
					t.Fatal(err)
				}
			case tt.change == nil:
				if err := os.Remove(c.file(markFile)); err != nil {
					t.Fatal(err)
				}
			default:
				c.write(t, markFile, tt.change(c.read(t, markFile)))
			}
			wantLost(t, c, tt.says)
		})
	}
}

// A power cut may leave an older mark, or one whose newest slot is torn.
func TestMarkBehind(t *testing.T) {
	c := filled(t, 1, 10)
	older := c.read(t, markFile)
	d, err := c.openDisk()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.log.StoreLog(entryOf(11, 2)), d.log.Close()); err != nil {
		t.Fatal(err)
	}
	newer := c.read(t, markFile)
	c.write(t, markFile, older)
	wantSound(t, c, 11)
	for at := range int64(2) {
		torn := bytes.Clone(newer)
		copy(torn[at*markSlot:], make([]byte, markBytes/2))
		c.write(t, markFile, torn)
		wantSound(t, c, 11)
	}
}

// A power cut may leave the sector unreadable that was being written. Whichever slot that takes,
// and whatever of the other one had come to the disk since the mark fell, the log is sound.
func TestMarkWithASectorLost(t *testing.T) {
	const sector = 4096
	c := filled(t, 1, 10)
	d, err := c.openDisk()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.log.DeleteRange(8, 10); err != nil {
		t.Fatal(err)
	}
	fallen := c.read(t, markFile)
	if err := errors.Join(d.log.StoreLog(entryOf(8, 2)), d.log.StoreLog(entryOf(9, 2)), d.log.Close()); err != nil {
		t.Fatal(err)
	}
	for name, written := range map[string][]byte{"as when it fell": fallen, "newest": c.read(t, markFile)} {
		for at := 0; at < len(written); at += sector {
			t.Run(fmt.Sprintf("%s, without sector %d", name, at/sector), func(t *testing.T) {
				lost := bytes.Clone(written)
				clear(lost[at:min(at+sector, len(lost))])
				c.write(t, markFile, lost)
				wantSound(t, c, 9)
			})
		}
	}
}

// peeking lets a test look at the files when entries are about to be deleted.
type peeking struct {
	database
	look func() error
}

func (p peeking) DeleteRange(first, last uint64) error {
	if err := p.look(); err != nil {
		return err
	}
	return p.database.DeleteRange(first, last)
}

// Entries that conflict with the leader's are deleted. If we crash before that, the mark must have
// fallen; and what comes after counts again.
func TestMarkFallsBeforeTheLog(t *testing.T) {
	c := filled(t, 1, 10)
	var atCrash []byte
	c.openDB = func(path string) (database, error) {
		raw, err := openUnsynced(path)
		return peeking{raw, func() error {
			atCrash = c.read(t, markFile)
			return nil
		}}, err
	}
	d, err := c.openDisk()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.log.DeleteRange(8, 10), d.log.Close()); err != nil {
		t.Fatal(err)
	}
	wantSound(t, c, 7)
	after := c.read(t, markFile)
	c.write(t, markFile, atCrash)
	wantSound(t, c, 7)
	c.write(t, markFile, after)

	if d, err = c.openDisk(); err != nil {
		t.Fatal(err)
	}
	err = errors.Join(d.log.StoreLog(entryOf(8, 2)), d.log.StoreLog(entryOf(9, 2)), d.log.DeleteRange(1, 3), d.log.Close())
	if err != nil {
		t.Fatal(err)
	}
	c.behind(t, func(raw database) error { return raw.DeleteRange(9, 9) })
	if _, err := c.openDisk(); err == nil || !strings.Contains(err.Error(), "says that it had 9") {
		t.Errorf("opening without entry 9: %v", err)
	}
}

// A follower that was given a snapshot has an empty log, and the library has it take one of its own
// at once: then it deletes from the first entry of that log, which is 0.
func TestMarkOfAnEmptyLog(t *testing.T) {
	c := filled(t, 1, 10)
	d, err := c.openDisk()
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(takeSnapshot(d, 12, 2), d.log.DeleteRange(1, 10), takeSnapshot(d, 12, 2), d.log.DeleteRange(0, 7),
		d.log.Close())
	if err != nil {
		t.Fatal(err)
	}
	wantSound(t, c, 0)
}

// A first run that is cut short after any of its steps is one again.
func TestFirstRunCutShortAtEachStep(t *testing.T) {
	for steps := range 5 {
		c := directoryOf(t, 1)
		if err := os.Mkdir(c.Path, 0o700); err != nil {
			t.Fatal(err)
		}
		whole := directoryOf(t, 1)
		wantFirst(t, whole)
		var l raft.Log
		whole.behind(t, func(raw database) error { return raw.GetLog(1, &l) })
		c.behind(t, func(raw database) error {
			id := c.directory()
			for _, step := range []func() error{
				func() error { return createMark(c.Path, id, reached{}) },
				func() error { return raw.StoreLog(&l) },
				func() error { return checked{raw}.SetUint64([]byte(keyTerm), 1) },
				func() error { return checked{raw}.Set([]byte(keyDirectory), id[:]) },
			}[:steps] {
				if err := step(); err != nil {
					return err
				}
			}
			return nil
		})
		wantFirst(t, c)
	}
}

// wantFirst runs a first run and then a second.
func wantFirst(t *testing.T, c Config) {
	t.Helper()
	wantSound(t, c, 1)
	c.FirstRun = false
	wantSound(t, c, 1)
}

// TestAppliedInTheMark: what is applied is known after a restart, and stands where a release that
// does not know it reads over it. What such a release writes says nothing of it.
func TestAppliedInTheMark(t *testing.T) {
	m := newMark(t)
	if err := errors.Join(m.raise(func(r *reached) { r.last = 9 }), m.apply(8), m.apply(3)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Dir(m.file.Name())
	again := func() *mark {
		n, err := openMark(path, statedir.ID{1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.close() })
		return n
	}
	if n := again(); n.last != 9 || n.highest() != 8 {
		t.Errorf("read back: %+v", n.reached)
	}
	for i := range int64(2) {
		b := make([]byte, markWhole)
		if _, err := m.file.ReadAt(b, i*markSlot); err != nil {
			t.Fatal(err)
		}
		if checksum(b[:markBytes-4]) != binary.BigEndian.Uint32(b[markBytes-4:]) {
			t.Errorf("slot %d is damaged for the release before", i)
		}
		clear(b[markBytes:])
		if _, err := m.file.WriteAt(b, i*markSlot); err != nil {
			t.Fatal(err)
		}
	}
	if n := again(); n.last != 9 || n.highest() != 0 {
		t.Errorf("of the release before: %+v", n.reached)
	}
}
