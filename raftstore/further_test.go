package raftstore

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/raft"

	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// otherLog returns what the victim's log would amount to, with each entry as edit returns it.
func (s *siege) otherLog(edit func(*raft.Log) *raft.Log) []byte {
	f := testFSM(Config{})
	last, _ := s.victim.Indexes()
	for i := uint64(2); i <= last; i++ {
		if l := edit(s.victim.entry(s.t(), i)); l != nil {
			f.Apply(l)
		}
	}
	return snapshotOf(s.t(), f)[8:]
}

// TestSnapshotThatTakesBack: the state of a snapshot that lacks a slot which is bound here, or has
// it hold another block, is refused, told and not kept; also by a process that was just started,
// and has applied nothing yet. What a sound leader goes on with is taken.
func TestSnapshotThatTakesBack(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := besiege(t, 5)
			defer s.end()
			applied := s.victim.Applied()
			third := func(l *raft.Log) bool {
				c, _, err := machine.Decode(l.Data)
				claim, ok := c.(machine.Claim)
				return err == nil && ok && claim.Claim == claimed(3)
			}
			lacks := s.otherLog(func(l *raft.Log) *raft.Log {
				if third(l) {
					return nil
				}
				return l
			})
			differs := s.otherLog(func(l *raft.Log) *raft.Log {
				if third(l) {
					return entry(t, l.Index, claim(3, 8))
				}
				return l
			})
			sound := s.otherLog(func(l *raft.Log) *raft.Log { return l })
			if restarted {
				s.kill(s.victim.name)
				s.start(s.victim.name)
				if n := s.victim.Applied(); n != 0 {
					t.Fatalf("entry %d is applied: this test tests nothing", n)
				}
			}
			meta := raft.SnapshotMeta{Index: applied + 9, Term: s.term, Configuration: s.voters()}
			of := func(state []byte) []byte { return append(binary.BigEndian.AppendUint64(nil, meta.Index), state...) }
			for name, state := range map[string][]byte{"lacks": lacks, "differs": differs} {
				before := s.alarms()
				s.victim.disk.log.refusals.forget("snapshot")
				for range 2 {
					if ok, err := s.install(s.victim, meta, of(state)); ok {
						t.Errorf("%s: taken, %v", name, err)
					}
				}
				if n := s.alarms() - before; n != 1 || !strings.Contains(s.logged.String(), "it takes back what is applied here") {
					t.Errorf("%s: told %d times", name, n)
				}
				if kept, err := s.victim.disk.snapshots.List(); err != nil || len(kept) > 0 || s.victim.fatalError() != nil {
					t.Fatalf("%s: kept %v, %v; ended with %v", name, kept, err, s.victim.fatalError())
				}
			}
			if ok, err := s.install(s.victim, meta, of(sound)); !ok || s.victim.held(3) != 7 {
				t.Errorf("a sound one: taken %v, %v; it holds %d", ok, err, s.victim.held(3))
			}
		})
	}
}

// TestSnapshotAfterOneWithoutItsEnd: a leader may send a snapshot that holds less than the log that
// it is of. What is applied after it is not taken back by another one either, once the process was
// started anew and knows only its log.
func TestSnapshotAfterOneWithoutItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := besiege(t, 3)
		defer s.end()
		applied := s.victim.Applied()
		sound := s.otherLog(func(l *raft.Log) *raft.Log { return l })
		of := func(index uint64) []byte { return append(binary.BigEndian.AppendUint64(nil, index), sound...) }
		meta := raft.SnapshotMeta{Index: applied + 1000, Term: s.term, Configuration: s.voters()}
		if ok, err := s.install(s.victim, meta, of(applied)); !ok {
			t.Fatal(err)
		}
		bound := entry(t, meta.Index+1, claim(50, 7))
		bound.Term = s.term
		if ok, err := s.append(s.victim, &raft.Log{Index: meta.Index, Term: s.term}, bound); !ok {
			t.Fatal(err)
		}
		synctest.Wait()
		if s.victim.held(50) != 7 {
			t.Fatal("it is not applied: this test tests nothing")
		}
		s.kill(s.victim.name)
		s.start(s.victim.name)
		meta.Index += 9
		for range poolSize + 1 { // the connections to it are those of before
			if ok, _ := s.install(s.victim, meta, of(bound.Index)); ok {
				t.Fatal("taken")
			}
		}
		if !strings.Contains(s.logged.String(), "it takes back what is applied here") {
			t.Error("not told")
		}
	})
}

// claimed is what claim claims, but for the moment.
func claimed(height uint64) watermark.Claim { return claim(height, 7).Claim }

// TestSnapshotAfterAResetThatNobodySigned: heights that are gone from a snapshot are explained by a
// reset that an operator signed for this founding, and by no other.
func TestSnapshotAfterAResetThatNobodySigned(t *testing.T) {
	first := watermark.Mark{Era: 1, Height: 10}
	reset := watermark.Reset{Count: 1, Height: 12, Until: 20, SeenAt: 4, First: first,
		Network: watermark.Version{Major: 2, Patch: 5}, Seen: watermark.Seen{From: 12, Bits: "\xff\xff"}}
	other := reset
	other.First.Era++
	for name, c := range map[string]struct {
		reset  watermark.Reset
		signed error
		sound  bool
	}{
		"signed":               {reset, nil, true},
		"signed by nobody":     {reset, errors.New("nobody did"), false},
		"for another founding": {other, nil, false},
	} {
		f, further := testFSM(Config{VerifyReset: func(watermark.Reset) error { return c.signed }}), testFSM(Config{})
		for _, one := range []*fsm{f, further} {
			one.ApplyBatch([]*raft.Log{entry(t, 2, machine.Genesis{First: first, Active: "a"}),
				entry(t, 3, claim(11, 1)), entry(t, 4, claim(15, 1))})
		}
		if r := further.Apply(entry(t, 5, machine.ResetHeights{Reset: c.reset})).(machine.Result); r.Outcome != machine.Done {
			t.Fatalf("%s: %+v", name, r)
		}
		if err := f.goesOn(5, further.state); (err == nil) != c.sound {
			t.Errorf("%s: %v", name, err)
		}
		if err := further.goesOn(4, f.state); !errors.Is(err, errOlder) {
			t.Errorf("%s: one that came late: %v", name, err)
		}
	}
}
