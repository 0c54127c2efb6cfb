package raftstore

import (
	"errors"
	"testing"
	"testing/synctest"
)

// TestAppliedIsNotTakenBack: a leader whose log differs at an entry that is applied here ends this
// member, with nothing deleted; so it does again once that was started anew, and does not know yet
// what is committed.
func TestAppliedIsNotTakenBack(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			tr := newTrio(t, nil)
			defer tr.stopAll()
			for h := range uint64(3) {
				tr.apply(h, 7)
			}
			leader := tr.leader()
			victim := tr.members[tr.followers(leader)[0]]
			tr.catchUp(victim)
			applied := victim.Applied()
			other := tr.followers(leader)[1]
			tr.wire.isolate(other, true)
			i := tr.impostor(leader.name)
			defer i.Close()
			if restarted {
				tr.kill(victim.name)
				tr.start(victim.name)
				if n := victim.Applied(); n != 0 {
					t.Fatalf("entry %d is applied: this test tests nothing", n)
				}
			}
			forged := entry(t, applied, claim(2, 8))
			forged.Term = i.term
			ok, err := i.append(victim, victim.entry(t, applied-1), forged)
			if ok || err != nil {
				t.Errorf("the append: %v, %v", ok, err)
			}
			var back *errTakeBack
			if !errors.As(victim.fatalError(), &back) {
				t.Fatalf("it ended with %v", victim.fatalError())
			}
			if back.leader != leader.name || back.first != applied || back.applied != applied {
				t.Errorf("it says: %v", back)
			}
			if now := victim.entry(t, applied); now.Term == i.term {
				t.Error("the entry is gone")
			}
		})
	}
}

// TestUnappliedIsTakenBack: what is only stored may have been committed by nobody, and makes way.
func TestUnappliedIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		tr.apply(1, 7)
		leader := tr.leader()
		victim := tr.members[tr.followers(leader)[0]]
		tr.catchUp(victim)
		tr.wire.isolate(tr.followers(leader)[1], true)
		i := tr.impostor(leader.name)
		defer i.Close()
		last, _ := victim.Indexes()
		before := victim.entry(t, last)
		for _, i.open = range []bool{true, false} {
			i.term++
			next := entry(t, last+1, claim(2, byte(i.term)))
			next.Term = i.term
			if ok, err := i.append(victim, before, next); !ok || err != nil {
				t.Fatalf("the append: %v, %v", ok, err)
			}
		}
		synctest.Wait()
		if got := victim.held(2); got != byte(i.term) || victim.fatalError() != nil {
			t.Errorf("it holds %d, and ended with %v", got, victim.fatalError())
		}
	})
}
