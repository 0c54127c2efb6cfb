package raftstore

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"

	"casper-cosigner/rule/machine"
)

// smallLog makes members take snapshots all the time and keep few entries.
func smallLog(_ string, c *Config) {
	c.compaction = compaction{threshold: 16, trailing: 8, interval: 20 * time.Millisecond}
}

func TestLaggingFollowerInstallsASnapshotAndLeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, smallLog)
		defer tr.stopAll()
		want := map[uint64]byte{}
		claimSome := func(from, to uint64) {
			for h := from; h < to; h++ {
				tr.apply(h, byte(h))
				want[h] = byte(h)
			}
		}
		claimSome(1, 5)
		behind := tr.members[tr.followers(tr.leader())[0]]
		tr.kill(behind.name)
		claimSome(5, 120)
		tr.until("the leader has compacted its log", func() bool {
			first, err := tr.leader().disk.log.FirstIndex()
			return err == nil && first > 20
		})
		tr.start(behind.name)
		tr.catchUp(behind)
		tr.until("what lay below the snapshot is gone", func() bool {
			first, err := behind.disk.log.FirstIndex()
			return err == nil && first > 20
		})
		if err := tr.leader().transfer(raft.ServerID(behind.name)); err != nil {
			t.Fatal(err)
		}
		tr.until("it leads", func() bool { return behind.Leader().Self })
		for h := range want {
			if r := tr.apply(h, 200); r.Held.Signature[0] != byte(h) {
				t.Errorf("height %d holds %d, want %d", h, r.Held.Signature[0], h)
			}
		}
		tr.wantHeld(want)
		tr.stop(behind.name)
		tr.start(behind.name)
		tr.wantHeld(want)
		wantEqualSnapshots(tr)
	})
}

// wantEqualSnapshots checks that the running members' states are byte-equal.
func wantEqualSnapshots(tr *trio) {
	tr.t.Helper()
	var first []byte
	for _, name := range trioNames {
		m := tr.members[name]
		tr.catchUp(m)
		snap, err := m.fsm.Snapshot()
		if err != nil {
			tr.t.Fatal(err)
		}
		var s sink
		if err := snap.Persist(&s); err != nil {
			tr.t.Fatal(err)
		}
		if first == nil {
			first = s.Bytes()
		}
		if !bytes.Equal(first, s.Bytes()) {
			tr.t.Errorf("the state of %s differs from that of a", name)
		}
	}
}

func TestUndecodableEntryStopsEveryMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		tr.apply(1, 1)
		leader := tr.leader()
		go leader.raft.Apply([]byte("junk"), 0)
		tr.until("all have stopped", func() bool {
			for _, m := range tr.members {
				if m.fatalError() == nil {
					return false
				}
			}
			return true
		})
		if _, err := leader.Apply(context.Background(), claim(2, 2)); !errors.Is(err, ErrNotLeader) {
			t.Errorf("Apply afterwards: %v, want ErrNotLeader", err)
		}
		if _, err := leader.propose(context.Background(), claim(2, 2)); !errors.Is(err, ErrUnknown) {
			t.Errorf("proposing afterwards: %v, want ErrUnknown", err)
		}
	})
}

func TestUnknownCommandIsNotProposed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		leader := tr.leader()
		before, _ := leader.Indexes()
		noText := claim(1, 1)
		noText.Node = "\xff"        // cannot be encoded
		noMode := machine.SetMode{} // can be, but not decoded
		for _, bad := range []machine.Command{noText, noMode} {
			if r, err := leader.Apply(context.Background(), bad); err == nil || errors.Is(err, ErrUnknown) {
				t.Errorf("Apply(%T): %v, %v, want an error that is not ErrUnknown", bad, r.Outcome, err)
			}
		}
		if after, _ := leader.Indexes(); after != before {
			t.Errorf("the log grew from %d to %d", before, after)
		}
	})
}

func TestLostState(t *testing.T) {
	for name, lose := range map[string]func(path string) error{
		"directory removed": os.RemoveAll,
		"directory emptied": func(path string) error {
			return errors.Join(os.RemoveAll(path), os.Mkdir(path, 0o700))
		},
		"log removed":   func(path string) error { return os.Remove(filepath.Join(path, databaseFile)) },
		"log truncated": func(path string) error { return os.Truncate(filepath.Join(path, databaseFile), 0) },
		"log made anew": func(path string) error {
			file := filepath.Join(path, databaseFile)
			if err := os.Remove(file); err != nil {
				return err
			}
			db, err := openBolt(file)
			if err != nil {
				return err
			}
			return db.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newTrio(t, nil)
				defer tr.stopAll()
				tr.apply(1, 1)
				tr.stop("c")
				path := filepath.Join(tr.members["c"].path, "raft")
				if err := lose(path); err != nil {
					t.Fatal(err)
				}
				_, err := tr.open("c")
				if lost := (*LostStateError)(nil); !errors.As(err, &lost) || lost.Path != path {
					t.Fatalf("Open: %v, want a LostStateError for %s", err, path)
				}
				if _, err := tr.open("c"); err == nil {
					t.Error("the second attempt was let through")
				}
				if _, err := os.Stat(path); name == "directory removed" && !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s was made anew: %v", path, err)
				}
			})
		})
	}
}

func TestLostSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, smallLog)
		defer tr.stopAll()
		for h := range uint64(80) {
			tr.apply(h, 1)
		}
		m := tr.members["c"]
		tr.until("c has compacted its log", func() bool {
			first, err := m.disk.log.FirstIndex()
			return err == nil && first > 20
		})
		tr.stop("c")
		if err := os.RemoveAll(filepath.Join(m.path, "raft", snapshotsDir)); err != nil {
			t.Fatal(err)
		}
		_, err := tr.open("c")
		if lost := (*LostStateError)(nil); !errors.As(err, &lost) {
			t.Fatalf("Open: %v, want a LostStateError", err)
		}
	})
}

// A first run that was cut short is a first run again, and one whose mark alone was left over
// starts nothing anew.
func TestFirstRunCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		cut := 0 // how many times c could not end its first run
		tr := &trio{t: t, wire: newWire(), members: map[string]*member{}, cluster: [16]byte{1}}
		tr.adjust = func(name string, c *Config) {
			end := c.EndFirstRun
			c.EndFirstRun = func() error {
				mu.Lock()
				defer mu.Unlock()
				if name == "c" && cut < 2 {
					cut++
					return errors.New("power cut")
				}
				return end()
			}
		}
		root := t.TempDir()
		for _, name := range trioNames {
			tr.members[name] = &member{name: name, path: filepath.Join(root, name)}
			tr.init(name)
		}
		tr.start("a")
		tr.start("b")
		defer tr.stopAll()
		for range 2 {
			if _, err := tr.open("c"); err == nil {
				t.Fatal("c opened although its first run was not ended")
			}
		}
		tr.start("c")
		if tr.members["c"].dir.FirstRun() {
			t.Error("the first run of c has not ended")
		}
		tr.apply(1, 1)
		tr.wantHeld(map[uint64]byte{1: 1})
	})
}

func TestOtherMembersThanTheLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		tr.stop("c")
		tr.adjust = func(_ string, c *Config) { c.Voters[0].Name = "d" }
		if _, err := tr.open("c"); err == nil || !strings.Contains(err.Error(), "never change") {
			t.Errorf("Open: %v, want a refusal of the other members", err)
		}
		tr.adjust = func(_ string, c *Config) { c.Voters[0].Address, c.Voters[1].Address = "b", "a" }
		tr.start("c") // where the members are reached may change
	})
}

// b lags behind when a and c commit a value; c's state is then replaced and a dies. b and c would
// be a majority that knows nothing of the value.
func TestEmptiedOrRestoredMemberIsKeptOut(t *testing.T) {
	restore := func(tr *trio, saved string) {
		if err := errors.Join(os.RemoveAll(tr.members["c"].path), os.Rename(saved, tr.members["c"].path)); err != nil {
			tr.t.Fatal(err)
		}
	}
	for name, older := range map[string]func(tr *trio, saved string){
		"emptied":             func(tr *trio, _ string) { tr.init("c") },
		"restored":            restore,
		"restored, pipelined": restore,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var logged syncBuffer
				pipelined := strings.HasSuffix(name, "pipelined")
				tr := newTrio(t, func(name string, c *Config) {
					if name == "b" {
						c.Log = zerolog.New(&logged).Level(zerolog.WarnLevel)
					}
					if pipelined {
						c.pipelineFrom = -1
					}
				})
				defer tr.stopAll()
				tr.apply(1, 1)
				tr.stop("c")
				saved := filepath.Join(t.TempDir(), "saved")
				if err := os.CopyFS(saved, os.DirFS(tr.members["c"].path)); err != nil {
					t.Fatal(err)
				}
				tr.start("c")
				tr.catchUp(tr.members["c"])
				tr.wire.isolate("b", true)
				tr.apply(2, 2)
				tr.catchUp(tr.members["c"])
				tr.kill("c")
				tr.kill("a")

				older(tr, saved)
				tr.start("c")
				tr.wire.isolate("b", false)
				c, b := tr.members["c"], tr.members["b"]
				had, _ := c.Indexes()
				<-time.After(20 * time.Second)
				if b.Leader().Self || c.Leader().Self {
					t.Fatal("b and the older c elected a leader without the claim")
				}
				if has, _ := c.Indexes(); has != had {
					t.Errorf("the log of c grew from %d to %d", had, has)
				}
				if n := strings.Count(logged.String(), "refusing cosigner c"); n != 1 {
					t.Errorf("b logged %d refusals of c, want 1:\n%s", n, logged.String())
				}
				tr.start("a")
				tr.until("a claim that was not lost", func() bool { return b.held(2) == 2 })
				if has, _ := c.Indexes(); has != had {
					t.Errorf("the log of c grew from %d to %d", had, has)
				}
			})
		})
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestUnfinishedSnapshotsAreRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		tr.stop("c")
		left := filepath.Join(tr.members["c"].path, "raft", snapshotsDir, "1-2-3.tmp")
		if err := os.MkdirAll(left, 0o700); err != nil {
			t.Fatal(err)
		}
		tr.start("c")
		if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", left, err)
		}
	})
}

func TestMemberOrderDoesNotMatter(t *testing.T) {
	c := Config{Voters: Voters{{Name: "b"}, {Name: "a"}, {Name: "c"}}}
	d := Config{Voters: Voters{{Name: "c"}, {Name: "b"}, {Name: "a"}}}
	if got, want := c.Voters.configuration().Servers, d.Voters.configuration().Servers; !slices.Equal(got, want) {
		t.Errorf("%v and %v", got, want)
	}
}
