package raftstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"github.com/rs/zerolog"

	"casper-cosigner/statedir"
)

// directoryOf returns the configuration of a store in a new directory, with an id of its own. It
// is not synced: no test here cuts the power.
func directoryOf(t testing.TB, id byte) Config {
	return Config{
		Name: "a", Voters: Voters{{Name: "a", Address: "a"}}, Path: filepath.Join(t.TempDir(), "raft"), FirstRun: true,
		Network: Network{Presences: &doorman{id: statedir.ID{id}}}, openDB: openUnsynced,
	}
}

func openUnsynced(path string) (database, error) {
	return raftboltdb.New(raftboltdb.Options{Path: path, NoSync: true})
}

func (c Config) openDisk() (*disk, error) {
	return openDisk(c, newHalt(func(error) {}), newHCLogger(zerolog.New(io.Discard), time.Now))
}

func entryOf(index, term uint64) *raft.Log {
	return &raft.Log{Index: index, Term: term, Data: bytes.Repeat(fmt.Appendf(nil, "%d/%d ", index, term), 20)}
}

// filled returns a directory that has run: entries up to last, of terms 1 and 2, and a vote in 2.
func filled(t testing.TB, id byte, last uint64) Config {
	t.Helper()
	c := directoryOf(t, id)
	d, err := c.openDisk()
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(d.log.SetUint64([]byte(keyTerm), 2), d.log.SetUint64([]byte(keyVoteTerm), 2),
		d.log.Set([]byte(keyVoteCandidate), []byte("b")))
	for i := uint64(2); i <= last; i++ {
		err = errors.Join(err, d.log.StoreLog(entryOf(i, 1+2*i/(last+1))))
	}
	if err := errors.Join(err, d.log.Close()); err != nil {
		t.Fatal(err)
	}
	c.FirstRun = false
	return c
}

// behind changes the database behind the store's back.
func (c Config) behind(t testing.TB, change func(raw database) error) {
	t.Helper()
	raw, err := openUnsynced(filepath.Join(c.Path, databaseFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(change(raw), raw.Close()); err != nil {
		t.Fatal(err)
	}
}

func wantLost(t *testing.T, c Config, says string) {
	t.Helper()
	for range 2 { // the first attempt mends nothing
		d, err := c.openDisk()
		if err == nil {
			d.log.Close()
		}
		if lost := (*LostStateError)(nil); !errors.As(err, &lost) || !strings.Contains(lost.Reason, says) {
			t.Fatalf("opening: %v, want a LostStateError that says %q", err, says)
		}
	}
}

func TestDamagedDatabase(t *testing.T) {
	flip := func(b []byte, i int) []byte {
		b = bytes.Clone(b)
		b[i] ^= 4
		return b
	}
	value := func(key string, i int) func(database) error {
		return func(raw database) error {
			b, err := raw.Get([]byte(key))
			if err != nil {
				return err
			}
			return raw.Set([]byte(key), flip(b, i))
		}
	}
	entry := func(change func(*raft.Log)) func(database) error {
		return func(raw database) error {
			var l raft.Log
			if err := raw.GetLog(5, &l); err != nil {
				return err
			}
			change(&l)
			return raw.StoreLog(&l)
		}
	}
	for name, tt := range map[string]struct {
		change func(raw database) error
		says   string
	}{
		"entry's data":     {entry(func(l *raft.Log) { l.Data = flip(l.Data, 9) }), "entry 5: reading log entry 5"},
		"entry's term":     {entry(func(l *raft.Log) { l.Term++ }), "entry 5"},
		"entry's type":     {entry(func(l *raft.Log) { l.Type = raft.LogNoop }), "entry 5"},
		"entry's checksum": {entry(func(l *raft.Log) { l.Extensions = nil }), "entry 5"},
		"entry's place": {func(raw database) error {
			var l raft.Log
			if err := raw.GetLog(5, &l); err != nil {
				return err
			}
			l.Index = 6
			return raw.StoreLog(&l)
		}, "entry 6"},
		"gap":         {func(raw database) error { return raw.DeleteRange(4, 5) }, "entry 4"},
		"begins late": {func(raw database) error { return raw.DeleteRange(1, 5) }, "begins at entry 6"},
		"term":        {value(keyTerm, 7), "CurrentTerm"},
		"vote":        {value(keyVote, 8), "Vote"},
		"owner":       {value(keyDirectory, 0), "Directory"},
		"term is an older": {func(raw database) error { return checked{raw}.SetUint64([]byte(keyTerm), 1) },
			"its term is 1"},
		"term falls": {func(raw database) error { return checked{raw}.StoreLog(entryOf(10, 1)) },
			"entry 10 has the term 1"},
		"vote of a term to come": {func(raw database) error {
			return checked{raw}.Set([]byte(keyVote), append(binary.BigEndian.AppendUint64(nil, 3), 'b'))
		}, "voted in the term 3"},
	} {
		t.Run(name, func(t *testing.T) {
			c := filled(t, 1, 10)
			c.behind(t, tt.change)
			if err := createMark(c.Path, c.directory(), reached{}); err != nil { // it is no help
				t.Fatal(err)
			}
			wantLost(t, c, tt.says)
		})
	}
}

// A member whose log was emptied by a snapshot has its term only in the stable store.
func TestTermBelowTheSnapshots(t *testing.T) {
	c := filled(t, 1, 4)
	d, err := c.openDisk()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(takeSnapshot(d, 9, 3), d.log.Close()); err != nil {
		t.Fatal(err)
	}
	wantLost(t, c, "its term is 2")
}

func TestDatabaseOfAnotherDirectory(t *testing.T) {
	c := filled(t, 1, 10)
	c.Network.Presences = &doorman{id: statedir.ID{2}}
	wantLost(t, c, "belongs to the state directory")
}

// Damage that comes while the store runs ends it, and does not spread to a follower.
func TestDamagedEntryStopsTheStore(t *testing.T) {
	c := filled(t, 1, 10)
	c.behind(t, func(raw database) error {
		fatal := 0
		s := &logStore{database: checked{raw}, halt: newHalt(func(error) { fatal++ })}
		var l raft.Log
		if err := s.GetLog(11, &l); !errors.Is(err, raft.ErrLogNotFound) || fatal != 0 {
			t.Errorf("an entry to come: %v, Fatal called %d times", err, fatal)
		}
		l = *entryOf(5, 2)
		l.Extensions = []byte("none")
		err := raw.StoreLog(&l)
		if err := s.GetLog(5, &l); !errors.Is(err, errDamaged) || fatal != 1 {
			t.Errorf("a damaged entry: %v, Fatal called %d times", err, fatal)
		}
		return err
	})
}

// What an earlier version wrote has no checksums; it gets them, also if that is cut short.
func TestDatabaseOfAnEarlierVersion(t *testing.T) {
	for done := range 4 { // entries that have theirs already
		c := directoryOf(t, 1)
		c.FirstRun = false
		if err := os.Mkdir(c.Path, 0o700); err != nil {
			t.Fatal(err)
		}
		c.behind(t, func(raw database) error {
			err := errors.Join(raw.SetUint64([]byte(keyTerm), 2),
				raw.Set([]byte(keyVote), append(binary.BigEndian.AppendUint64(nil, 2), 'b')))
			for i := 1; i <= 3; i++ {
				store := raw.StoreLog
				if i <= done {
					store = checked{raw}.StoreLog
				}
				err = errors.Join(err, store(entryOf(uint64(i), 1)))
			}
			if done == 3 {
				err = errors.Join(err, checked{raw}.SetUint64([]byte(keyTerm), 2))
			}
			return err
		})
		for range 2 {
			d, err := c.openDisk()
			if err != nil {
				t.Fatal(err)
			}
			for i := uint64(1); i <= 3; i++ {
				var l raft.Log
				if err := d.log.GetLog(i, &l); err != nil || !bytes.Equal(l.Data, entryOf(i, 1).Data) || len(l.Extensions) > 0 {
					t.Errorf("entry %d: %v, %v", i, l, err)
				}
			}
			term, err := d.log.GetUint64([]byte(keyTerm))
			vote, candidate, err2 := d.log.vote()
			if err := errors.Join(err, err2, d.log.Close()); err != nil || term != 2 || vote != 2 || string(candidate) != "b" {
				t.Errorf("term %d, vote %d for %q, %v", term, vote, candidate, err)
			}
		}
		c.Network.Presences = &doorman{id: statedir.ID{2}}
		wantLost(t, c, "belongs to the state directory")
	}
}

// Who goes back to an earlier version and then forth again is not told that the state is lost. But
// what is lost is lost, whoever wrote to it.
func TestWentBack(t *testing.T) {
	term := func(n uint64) func(database) error {
		return func(raw database) error { return raw.SetUint64([]byte(keyTerm), n) }
	}
	for name, tt := range map[string]struct {
		change func(raw database) error
		lost   bool
	}{
		"new term":             {term(3), false},
		"new entry":            {func(raw database) error { return raw.StoreLog(entryOf(11, 2)) }, false},
		"older term":           {term(1), true},
		"no checksum any more": {func(raw database) error { return raw.StoreLog(entryOf(10, 2)) }, true},
		"lost its tail": {func(raw database) error {
			return errors.Join(raw.DeleteRange(9, 10), raw.SetUint64([]byte(keyTerm), 3))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := filled(t, 1, 10)
			c.behind(t, tt.change)
			if tt.lost {
				wantLost(t, c, "")
				return
			}
			for range 2 {
				if _, err := c.openDisk(); !errors.Is(err, errWentBack) {
					t.Fatal(err)
				}
			}
		})
	}
}

// slow is a database whose writes take their time.
type slow struct {
	database
	takes time.Duration
}

func (s slow) StoreLogs(logs []*raft.Log) error {
	<-time.After(s.takes)
	return s.database.StoreLogs(logs)
}

// The more entries an earlier version left the longer it takes until they have their checksums;
// that is no sign that the disk hangs, as long as each write is done in time.
func TestChecksumsForMuch(t *testing.T) {
	c := directoryOf(t, 1)
	c.FirstRun = false
	if err := os.Mkdir(c.Path, 0o700); err != nil {
		t.Fatal(err)
	}
	const entries = 2000
	c.behind(t, func(raw database) error {
		all := []*raft.Log{}
		for i := range uint64(entries) {
			all = append(all, entryOf(i+1, 1))
		}
		return errors.Join(raw.SetUint64([]byte(keyTerm), 1), raw.StoreLogs(all))
	})
	synctest.Test(t, func(t *testing.T) {
		c.Watchdog = statedir.Watchdog{Limit: time.Second, Stalled: func(what string) { t.Errorf("%s: stalled", what) }}
		c.openDB = func(path string) (database, error) {
			raw, err := openUnsynced(path)
			return slow{raw, 600 * time.Millisecond}, err
		}
		wantSound(t, c, entries)
	})
}

// lossy is a database that gives back something else than was stored.
type lossy struct{ database }

func (lossy) Get([]byte) ([]byte, error) { return []byte("another"), nil }

func TestValueIsReadBack(t *testing.T) {
	db := checked{lossy{newFaulty(t)}}
	if err := db.Set([]byte("key"), []byte("value")); err == nil {
		t.Error("a value that was read back as another was taken for stored")
	}
}
