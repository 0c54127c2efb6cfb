package raftstore

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/held"
	"casper-cosigner/rule/machine"
)

// ask is a claim of a height as somebody would ask for it who leads in the member's term.
func (m *member) ask(height uint64, value byte) held.Claim {
	c := claim(height, value)
	slot, _ := casper.SlotOf(c.Message)
	_, leader := m.raft.LeaderWithID()
	return held.Claim{Asker: string(leader), Term: m.raft.CurrentTerm(), Slot: slot, Message: c.Message,
		Node: c.Node, AskedAt: c.AskedAt}
}

// await is Await for d at most.
func (m *member) await(d time.Duration, c held.Claim) held.Answer {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	answer, _ := m.Await(ctx, c)
	return answer
}

// stored is what the member's log says to a claim, whatever is applied.
func (m *member) stored(c held.Claim) held.Answer {
	m.fsm.mu.Lock()
	defer m.fsm.mu.Unlock()
	return m.fsm.own.log.Judge(machine.New(), c)
}

// wantStored checks that the log of a member that follows, as far as it is only stored, holds the
// values.
func (tr *trio) wantStored(m *member, values map[uint64]byte) {
	tr.t.Helper()
	for h, v := range values {
		if got := m.stored(m.ask(h, v)); got != held.Holds {
			tr.t.Fatalf("%s, height %d: got answer %d, want that it holds %d", m.name, h, got, v)
		}
	}
}

// TestStoredIsEnough: a follower answers for what it stored before it can know that it is
// committed, also to who asked first.
func TestStoredIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		tr.apply(1, 1)
		leader := tr.leader()
		follower := tr.members[tr.followers(leader)[0]]
		tr.catchUp(follower)
		early := make(chan held.Answer)
		go func() { early <- follower.await(time.Second, follower.ask(2, 1)) }()
		synctest.Wait()
		start := time.Now()
		if _, err := leader.Apply(t.Context(), claim(2, 1)); err != nil {
			t.Fatal(err)
		}
		if got := <-early; got != held.Holds {
			t.Errorf("asked before it came: got answer %d", got)
		}
		if follower.held(2) != 0 || time.Since(start) > 0 {
			t.Fatalf("it was applied, after %v: this test tests nothing", time.Since(start))
		}
		before := func(c held.Claim) held.Claim { c.Term = 1; return c }
		by := func(asker string, c held.Claim) held.Claim { c.Asker = asker; return c }
		for name, want := range map[string]struct {
			claim  held.Claim
			answer held.Answer
		}{
			"what is stored":       {follower.ask(2, 1), held.Holds},
			"another value":        {follower.ask(2, 2), held.Other},
			"of an earlier term":   {before(follower.ask(2, 1)), held.Over},
			"what is not there":    {follower.ask(3, 1), held.Waits},
			"applied, any term":    {before(follower.ask(1, 1)), held.Holds},
			"applied, other value": {follower.ask(1, 2), held.Other},
			"another asks":         {by("d", follower.ask(2, 1)), held.Waits},
		} {
			if got := follower.await(time.Nanosecond, want.claim); got != want.answer {
				t.Errorf("%s: got answer %d, want %d", name, got, want.answer)
			}
		}
		none := follower.ask(3, 1)
		none.Index = leader.Applied()
		if got := follower.await(time.Nanosecond, none); got != held.Absent {
			t.Errorf("what an entry was named for that is there: got answer %d", got)
		}
	})
}

// TestLeaderWaitsForItsFollowers: one that stored an entry as the leader gives no share for it
// before it is committed, also when it leads no more, nor after a restart.
func TestLeaderWaitsForItsFollowers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		tr.apply(1, 1)
		leader := tr.leader()
		for _, name := range tr.followers(leader) {
			tr.wire.isolate(name, true)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		before := leader.raft.LastIndex()
		_, _ = leader.Apply(ctx, claim(2, 1))
		if leader.raft.LastIndex() == before {
			t.Fatal("nothing was stored: this test tests nothing")
		}
		var asks []held.Claim
		for _, name := range trioNames {
			ask := leader.ask(2, 1)
			ask.Asker = name
			asks = append(asks, ask)
		}
		for _, ask := range asks {
			if got := leader.await(lanTiming(t).Heartbeat, ask); got != held.Waits {
				t.Errorf("%s asks: got answer %d", ask.Asker, got)
			}
		}
		tr.kill(leader.name)
		tr.wire.isolate(leader.name, true)
		tr.start(leader.name)
		for _, ask := range asks {
			if got := leader.await(time.Millisecond, ask); got != held.Waits {
				t.Errorf("after a restart, %s asks: got answer %d", ask.Asker, got)
			}
		}
		for _, name := range trioNames {
			tr.wire.isolate(name, false)
		}
		tr.leader()
	})
}

// TestCutOff: what a later leader replaces is held no more.
func TestCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		tr.apply(1, 1)
		old := tr.leader()
		tr.wire.isolate(old.name, true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, _ = old.Apply(ctx, claim(2, 1))
		next := tr.leader(old.name)
		if _, err := next.Apply(t.Context(), claim(2, 2)); err != nil {
			t.Fatal(err)
		}
		tr.wire.isolate(old.name, false)
		tr.until("it follows", func() bool { return old.raft.LastIndex() >= next.raft.LastIndex() })
		if got := old.await(time.Second, old.ask(2, 1)); got != held.Other {
			t.Errorf("what was cut off: got answer %d", got)
		}
		tr.wantStored(old, map[uint64]byte{1: 1, 2: 2})
		if _, err := next.Apply(t.Context(), claim(3, 3)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		tr.wantStored(old, map[uint64]byte{1: 1, 2: 2, 3: 3})
	})
}

// TestKnownAgain: after a restart, and after a snapshot came in place of entries, a follower knows
// again what its log amounts to.
func TestKnownAgain(t *testing.T) {
	for name, more := range map[string]uint64{"a restart": 1, "a snapshot": 120} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newTrio(t, smallLog)
				defer tr.stopAll()
				want := map[uint64]byte{}
				add := func(n uint64) {
					for range n {
						h := uint64(len(want)) + 1
						tr.apply(h, byte(h))
						want[h] = byte(h)
					}
				}
				add(5)
				behind := tr.members[tr.followers(tr.leader())[0]]
				tr.kill(behind.name)
				add(more)
				tr.start(behind.name)
				tr.catchUp(behind)
				add(1)
				synctest.Wait()
				if tr.leader() == behind {
					t.Skip("it leads")
				}
				tr.wantStored(behind, want)
			})
		})
	}
}

// TestNotHeldBeforeStored: what could not be written, or perhaps was not, is not held.
func TestNotHeldBeforeStored(t *testing.T) {
	for name, fault := range map[string]func(func() error) error{"not stored": failBefore, "stored": failAfter} {
		t.Run(name, func(t *testing.T) {
			db := newFaulty(t)
			s := &logStore{database: db, mark: newMark(t), halt: newHalt(func(error) {})}
			s.fsm = testFSM(Config{Name: "a"})
			db.set(fault)
			if err := s.StoreLogs([]*raft.Log{entry(t, 1, claim(1, 1))}); err == nil {
				t.Fatal("nothing failed")
			}
			if last := s.fsm.own.log.Last(); last != 0 {
				t.Errorf("entry %d is taken for held", last)
			}
		})
	}
}
