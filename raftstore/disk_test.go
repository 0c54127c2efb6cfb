package raftstore

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"casper-cosigner/statedir"
)

// faulty is a database whose writes can be made to fail, before or after they were
// stored, or to hang.
type faulty struct {
	database

	mu    sync.Mutex
	fault func(store func() error) error
	hold  chan struct{} // entries wait until it is closed; nil: they do not
}

func (f *faulty) set(fault func(func() error) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

func (f *faulty) write(store func() error) error {
	f.mu.Lock()
	fault := f.fault
	f.mu.Unlock()
	if fault == nil {
		return store()
	}
	return fault(store)
}

func (f *faulty) StoreLogs(l []*raft.Log) error {
	f.mu.Lock()
	hold := f.hold
	f.mu.Unlock()
	if hold != nil {
		<-hold
	}
	return f.write(func() error { return f.database.StoreLogs(l) })
}

func (f *faulty) Set(k, v []byte) error { return f.write(func() error { return f.database.Set(k, v) }) }

func (f *faulty) SetUint64(k []byte, v uint64) error {
	return f.write(func() error { return f.database.SetUint64(k, v) })
}

func (f *faulty) holdEntries(until chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hold = until
}

// disks are the databases of a trio, by member.
type disks struct{ sync.Map }

func (d *disks) of(m *member) *faulty {
	f, _ := d.Load(m.name)
	return f.(*faulty)
}

func (d *disks) adjust(name string, c *Config) {
	c.openDB = func(path string) (database, error) {
		db, err := openBolt(path)
		f := &faulty{database: db}
		d.Store(name, f)
		return f, err
	}
}

func newFaulty(t *testing.T) *faulty {
	t.Helper()
	db, err := openBolt(filepath.Join(t.TempDir(), databaseFile))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &faulty{database: db}
}

func newMark(t *testing.T) *mark {
	t.Helper()
	path := t.TempDir()
	if err := createMark(path, statedir.ID{1}, reached{}); err != nil {
		t.Fatal(err)
	}
	m, err := openMark(path, statedir.ID{1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.close() })
	return m
}

func failBefore(func() error) error { return errors.New("broken disk") }

func failAfter(store func() error) error { return errors.Join(store(), errors.New("broken disk")) }

func TestFailedWriteStopsTheStore(t *testing.T) {
	entries := []*raft.Log{{Index: 1, Term: 1}}
	for what, write := range map[string]func(*logStore) error{
		"entries": func(s *logStore) error { return s.StoreLogs(entries) },
		"entry":   func(s *logStore) error { return s.StoreLog(entries[0]) },
		"term":    func(s *logStore) error { return s.SetUint64([]byte(keyTerm), 3) },
		"value":   func(s *logStore) error { return s.Set([]byte("key"), []byte("value")) },
		"vote": func(s *logStore) error {
			return errors.Join(s.SetUint64([]byte(keyVoteTerm), 3), s.Set([]byte(keyVoteCandidate), []byte("b")))
		},
	} {
		for when, fault := range map[string]func(func() error) error{"not stored": failBefore, "stored": failAfter} {
			t.Run(what+" "+when, func(t *testing.T) {
				fatal := 0
				db := newFaulty(t)
				s := &logStore{database: db, mark: newMark(t), halt: newHalt(func(error) { fatal++ })}
				if err := write(s); err != nil || s.Writes() != 1 {
					t.Fatalf("a sound write: %v, %d writes", err, s.Writes())
				}
				db.set(fault)
				if err := write(s); err == nil || fatal != 1 {
					t.Errorf("%v, Fatal called %d times, want an error and once", err, fatal)
				}
				// A second attempt must not bless what the first may have left.
				db.set(nil)
				if err := write(s); err == nil || fatal != 1 || s.Writes() != 1 {
					t.Errorf("second attempt: %v, Fatal called %d times, %d writes", err, fatal, s.Writes())
				}
			})
		}
	}
}

func TestPanicOfTheDatabaseStopsTheStore(t *testing.T) {
	fatal := 0
	db := newFaulty(t)
	s := &logStore{database: db, mark: newMark(t), halt: newHalt(func(error) { fatal++ })}
	db.set(func(func() error) error { panic("page 7 already freed") })
	if err := s.StoreLog(&raft.Log{Index: 1}); err == nil || !strings.Contains(err.Error(), "page 7") || fatal != 1 {
		t.Errorf("%v, Fatal called %d times, want an error and once", err, fatal)
	}
}

func (s *logStore) Writes() uint64 { return s.writes.Load() }

// The library writes a vote as a term and then a candidate. Cut short between the two, the former
// vote must stand whole.
func TestVoteIsOneWrite(t *testing.T) {
	s := &logStore{database: newFaulty(t), mark: newMark(t), halt: newHalt(func(error) {})}
	vote := func() (uint64, string) {
		t.Helper()
		term, err := s.GetUint64([]byte(keyVoteTerm))
		candidate, err2 := s.Get([]byte(keyVoteCandidate))
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		return term, string(candidate)
	}
	if _, err := s.GetUint64([]byte(keyVoteTerm)); err == nil || err.Error() != "not found" {
		t.Errorf("before any vote: %v, want what the library takes for none", err)
	}
	if err := s.Set([]byte(keyVoteCandidate), []byte("a")); err == nil {
		t.Error("a candidate without a term was stored")
	}
	s.failed.Store(nil)
	for term, candidate := range []string{"a", "b"} {
		if err := s.SetUint64([]byte(keyVoteTerm), uint64(term)); err != nil {
			t.Fatal(err)
		}
		if err := s.Set([]byte(keyVoteCandidate), []byte(candidate)); err != nil {
			t.Fatal(err)
		}
		if gotTerm, got := vote(); gotTerm != uint64(term) || got != candidate {
			t.Errorf("vote is %d for %s, want %d for %s", gotTerm, got, term, candidate)
		}
	}
	if err := s.SetUint64([]byte(keyVoteTerm), 9); err != nil {
		t.Fatal(err)
	}
	s = &logStore{database: s.database, mark: s.mark, halt: s.halt} // the process died here
	if term, candidate := vote(); term != 1 || candidate != "b" {
		t.Errorf("vote is %d for %s, want the former one, 1 for b", term, candidate)
	}
}

// A leader whose disk hangs keeps its leadership, so the watchdog has to end it.
func TestHungDiskOnTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var disks disks
		stalled := map[string]string{}
		tr := newTrio(t, func(name string, c *Config) {
			disks.adjust(name, c)
			c.Watchdog = statedir.Watchdog{Limit: time.Second, Stalled: func(what string) {
				mu.Lock()
				defer mu.Unlock()
				stalled[name] = what
			}}
		})
		defer tr.stopAll()
		tr.apply(1, 1)
		leader := tr.leader()
		released := make(chan struct{})
		disks.of(leader).holdEntries(released)
		ctx, cancel := context.WithTimeout(context.Background(), 1100*time.Millisecond)
		defer cancel()
		if _, err := leader.Apply(ctx, claim(2, 2)); !errors.Is(err, ErrUnknown) {
			t.Errorf("Apply on a hung disk: %v, want ErrUnknown", err)
		}
		mu.Lock()
		if len(stalled) != 1 || stalled[leader.name] != "storing log entries" {
			t.Errorf("the watchdog found %v, want the entries on %s", stalled, leader)
		}
		mu.Unlock()
		// What ending the process amounts to.
		tr.wire.isolate(leader.name, true)
		close(released)
		next := tr.leader(leader.name)
		if _, err := next.Apply(context.Background(), claim(3, 3)); err != nil {
			t.Error(err)
		}
	})
}

func TestBrokenDiskOnTheLeader(t *testing.T) {
	for when, fault := range map[string]func(func() error) error{"not stored": failBefore, "stored": failAfter} {
		t.Run(when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tr *trio
				var disks disks
				tr = newTrio(t, func(name string, c *Config) {
					disks.adjust(name, c)
					fatal := c.Fatal
					c.Fatal = func(err error) {
						fatal(err)
						tr.wire.isolate(name, true) // the process is gone
					}
				})
				defer tr.stopAll()
				tr.apply(1, 1)
				old := tr.leader()
				disks.of(old).set(fault)
				if _, err := old.Apply(context.Background(), claim(2, 2)); !errors.Is(err, ErrUnknown) {
					t.Errorf("Apply: %v, want ErrUnknown", err)
				}
				tr.until("Fatal was called", func() bool { return old.fatalError() != nil })
				next := tr.leader(old.name)
				r, err := next.Apply(context.Background(), claim(2, 3))
				if err != nil {
					t.Fatal(err)
				}
				tr.catchUp(next)
				if got := next.held(2); got != r.Held.Signature[0] {
					t.Errorf("height 2 holds %d and was answered with %d", got, r.Held.Signature[0])
				}
			})
		})
	}
}

// A leader that was elected and cannot commit yet does not know what was committed before it.
func TestLeaderIsFitOnlyAfterItsBarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var disks disks
		tr := newTrio(t, disks.adjust)
		defer tr.stopAll()
		tr.apply(1, 1)
		old := tr.leader()
		next := tr.members[tr.followers(old)[0]]
		tr.catchUp(next)
		released := make(chan struct{})
		for _, name := range tr.followers(next) {
			disks.of(tr.members[name]).holdEntries(released)
		}
		if err := old.transfer(raft.ServerID(next.name)); err != nil {
			t.Fatal(err)
		}
		<-time.After(100 * time.Millisecond)
		if next.raft.State() != raft.Leader {
			t.Fatal("it was not elected")
		}
		if l := next.Leader(); l.Self || l.Name != next.name {
			t.Errorf("leadership is %+v before the barrier", l)
		}
		if _, err := next.Apply(context.Background(), claim(2, 2)); !errors.Is(err, ErrNotLeader) {
			t.Errorf("Apply before the barrier: %v, want ErrNotLeader", err)
		}
		if _, err := next.Barrier(context.Background()); !errors.Is(err, ErrNotLeader) {
			t.Errorf("Barrier before the barrier: %v, want ErrNotLeader", err)
		}
		close(released)
		tr.apply(2, 2)
		tr.wantHeld(map[uint64]byte{1: 1, 2: 2})
	})
}
