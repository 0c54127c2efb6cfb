package raftstore

import (
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/raft"
)

// sent has the victim take a snapshot of the entry that is so far behind its last one.
func (s *siege) sent(t *testing.T, ahead uint64) *raft.Log {
	t.Helper()
	last, _ := s.victim.Indexes()
	meta := raft.SnapshotMeta{Index: last + ahead, Term: s.term, Configuration: s.voters()}
	content := append(binary.BigEndian.AppendUint64(nil, meta.Index), snapshotOf(t, s.victim.fsm)[8:]...)
	if ok, err := s.install(s.victim, meta, content); !ok {
		t.Fatalf("the snapshot: %v", err)
	}
	return &raft.Log{Index: meta.Index, Term: meta.Term}
}

// noops are entries of the present term, after another one.
func (s *siege) noops(before *raft.Log, n uint64) (all []*raft.Log) {
	for k := range n {
		all = append(all, &raft.Log{Index: before.Index + 1 + k, Term: s.term, Type: raft.LogNoop})
	}
	return all
}

// TestLogBeginsBehindASnapshot: after a snapshot that came from a leader, whoever leads next may
// have other entries right behind it, and goes on from there.
func TestLogBeginsBehindASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := besiege(t, 5)
		defer s.end()
		s.impostor.open = true
		base := s.sent(t, 10)
		if ok, err := s.append(s.victim, base, s.noops(base, 3)...); !ok {
			t.Fatalf("behind the snapshot: %v", err)
		}
		for _, n := range []uint64{2, 1} {
			s.term++
			if ok, err := s.append(s.victim, base, s.noops(base, n)...); !ok {
				t.Errorf("others behind the snapshot: %v", err)
			}
			if got := s.victim.entry(t, base.Index+1).Term; got != s.term {
				t.Errorf("entry %d is of the term %d, want %d", base.Index+1, got, s.term)
			}
		}
		var l raft.Log
		if err := s.victim.disk.log.GetLog(base.Index, &l); err != nil || l.Term != base.Term || l.Type != standsForSnapshot {
			t.Errorf("what stands for the snapshot: %+v, %v", l, err)
		}
		if err := s.victim.disk.log.GetLog(base.Index-1, &l); err == nil {
			t.Errorf("the entry before it: %+v", l)
		}
		if s.alarms() > 0 || s.victim.fatalError() != nil {
			t.Errorf("%d alarms, ended with %v", s.alarms(), s.victim.fatalError())
		}
	})
}

// TestSnapshotOfLessThanTheLog: a snapshot takes the place of a longer log that nobody committed.
// The library goes on counting what is gone, so the member ends, and follows once it is started.
func TestSnapshotOfLessThanTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := besiege(t, 5)
		defer s.end()
		s.impostor.open = true
		last, _ := s.victim.Indexes()
		before := s.victim.entry(t, last)
		if ok, err := s.append(s.victim, before, s.noops(before, 20)...); !ok {
			t.Fatalf("what nobody commits: %v", err)
		}
		s.term++
		meta := raft.SnapshotMeta{Index: last + 10, Term: s.term, Configuration: s.voters()}
		content := append(binary.BigEndian.AppendUint64(nil, meta.Index), snapshotOf(t, s.victim.fsm)[8:]...)
		_, _ = s.install(s.victim, meta, content)
		if !errors.Is(s.victim.fatalError(), errEndsEarly) {
			t.Fatalf("it ended with %v", s.victim.fatalError())
		}
		s.kill(s.victim.name)
		s.start(s.victim.name)
		base := &raft.Log{Index: meta.Index, Term: meta.Term}
		if ok, err := s.append(s.victim, base, s.noops(base, 1)...); !ok {
			t.Errorf("once it was started: %v", err)
		}
	})
}

// TestLateSnapshot: a leader sent a snapshot twice, for the first one stood still on its way. What
// it sent after the second one was taken is stored here, and counted there: the first one, which
// comes last, takes nothing of it.
func TestLateSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := besiege(t, 5)
		defer s.end()
		s.impostor.open = true
		last, _ := s.victim.Indexes()
		before := s.victim.entry(t, last)
		if ok, err := s.append(s.victim, before, s.noops(before, 20)...); !ok {
			t.Fatalf("what follows: %v", err)
		}
		meta := raft.SnapshotMeta{Index: last, Term: before.Term, Configuration: s.voters()}
		content := append(binary.BigEndian.AppendUint64(nil, meta.Index), snapshotOf(t, s.victim.fsm)[8:]...)
		if ok, err := s.install(s.victim, meta, content); ok {
			t.Errorf("the late one was taken: %v", err)
		}
		if now, _ := s.victim.Indexes(); now != last+20 || s.victim.fatalError() != nil || s.alarms() != 0 {
			t.Errorf("entry %d is the last one, not %d; it ended with %v, and told %d times", now, last+20,
				s.victim.fatalError(), s.alarms())
		}
	})
}

// TestRefusedAfterACut: the library deletes what conflicts before it stores what the leader has
// there. If that is refused it goes on counting what is gone: the member ends, and can lead once it
// is started.
func TestRefusedAfterACut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := besiege(t, 3)
		defer s.end()
		s.impostor.open = true
		last, _ := s.victim.Indexes()
		before := s.victim.entry(t, last)
		if ok, err := s.append(s.victim, before, s.noops(before, 3)...); !ok {
			t.Fatalf("what nobody commits: %v", err)
		}
		s.term++
		forged := s.noops(before, 1)
		forged[0].Type = raft.LogType(99)
		if ok, _ := s.append(s.victim, before, forged...); ok {
			t.Error("what nobody writes was taken")
		}
		if !errors.Is(s.victim.fatalError(), errEndsEarly) || s.alarms() != 1 {
			t.Fatalf("it ended with %v, and told %d times", s.victim.fatalError(), s.alarms())
		}
		s.kill(s.victim.name)
		s.start(s.victim.name)
		if now, _ := s.victim.Indexes(); now != last {
			t.Errorf("its log ends at entry %d, want %d", now, last)
		}
	})
}

// TestNotTakenBackAfterTwoSnapshots: the library deletes no log that is empty, so a snapshot that
// comes right after another one leaves nothing that excuses a deletion later.
func TestNotTakenBackAfterTwoSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := besiege(t, 5)
		defer s.end()
		s.sent(t, 10)
		base := s.sent(t, 10)
		bound := entry(t, base.Index+1, claim(50, 7))
		bound.Term = s.term
		if ok, err := s.append(s.victim, base, bound); !ok {
			t.Fatalf("behind the snapshots: %v", err)
		}
		synctest.Wait()
		s.term++
		if ok, _ := s.append(s.victim, base, s.noops(base, 1)...); ok {
			t.Error("what is applied was taken back")
		}
		if err := s.victim.fatalError(); !errors.As(err, new(*errTakeBack)) {
			t.Errorf("it ended with %v", err)
		}
	})
}
