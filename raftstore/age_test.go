package raftstore

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/raft"

	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
)

// grow has the log grow by so many entries that change nothing.
func (tr *trio) grow(by int) {
	tr.t.Helper()
	m := tr.leader()
	b, err := machine.Encode(machine.SetFloor{}, machine.Version)
	if err != nil {
		tr.t.Fatal(err)
	}
	var futures []raft.ApplyFuture
	for range by {
		futures = append(futures, m.raft.Apply(b, 0))
	}
	for _, f := range futures {
		if err := f.Error(); err != nil {
			tr.t.Fatal(err)
		}
	}
}

// TestRetryOverElection: an agent's request is as good with the next leader as it was with the one
// that died, whether that had proposed it or not; what is committed by then does not make it old.
func TestRetryOverElection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		height := uint64(0)
		for range 4 {
			leader := tr.leader()
			_, at := leader.Indexes()
			ask := func(m *member, h uint64) machine.Result {
				c := claim(h, 1)
				c.AskedAt = at
				if m.Next().Stale(at) {
					t.Errorf("%s would not propose height %d asked at %d, its next entry is %+v", m.name, h, at, m.Next())
				}
				r, err := m.Apply(context.Background(), c)
				if err != nil && !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrNotLeader) {
					t.Error(err)
				}
				return r
			}
			ask(leader, height+1)
			tr.kill(leader.name)
			for want, h := range map[machine.Outcome]uint64{machine.Held: height + 1, machine.Done: height + 2} {
				var r machine.Result
				tr.until("the next leader decides", func() bool { r = ask(tr.leader(), h); return r.Outcome != 0 })
				if r.Outcome != want && (want == machine.Done || r.Outcome != machine.Done) {
					t.Errorf("height %d: %+v, want %v", h, r, want)
				}
			}
			tr.start(leader.name)
			height += 2
		}
	})
}

// TestKeptRequest: a claim that an honest node signed long ago binds nothing on any copy, not even
// if a leader proposes it; one of its slot that is new does.
func TestKeptRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		kept := claim(5, 1)
		_, kept.AskedAt = tr.leader().Indexes()
		tr.grow(machine.MaxAge + 1)
		r, err := tr.leader().Apply(context.Background(), kept)
		if err != nil || r.Why != refusal.Stale {
			t.Errorf("the kept one: %+v, %v", r, err)
		}
		fresh := claim(5, 2)
		_, fresh.AskedAt = tr.leader().Indexes()
		for i := range 2 {
			r, err = tr.leader().Apply(context.Background(), fresh)
			if want := (machine.Result{Outcome: machine.Done + machine.Outcome(i), Held: fresh.Claim}); err != nil || r != want {
				t.Errorf("the fresh one: %+v, %v", r, err)
			}
		}
		if r, err = tr.leader().Apply(context.Background(), kept); err != nil || r.Held != fresh.Claim {
			t.Errorf("the kept one once more: %+v, %v", r, err)
		}
	})
}
