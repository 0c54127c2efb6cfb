package raftstore

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

func TestElectApplyKillReelect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		want := map[uint64]byte{}
		for h := range uint64(20) {
			tr.apply(h, byte(h+1))
			want[h] = byte(h + 1)
		}
		old := tr.leader()
		tr.kill(old.name)
		start := time.Now()
		next := tr.leader()
		if took := time.Since(start); took > 1200*time.Millisecond {
			t.Errorf("the next leader took %v", took)
		}
		if next.Leader().Term < 2 || next.Leader().Name != next.name {
			t.Errorf("leadership is %+v", next.Leader())
		}
		// The other value for each bound slot, asked of the new leader.
		for h := range uint64(20) {
			if r := tr.apply(h, 99); r.Held.Signature[0] != byte(h+1) {
				t.Errorf("height %d was bound to %d and is answered with %d", h, h+1, r.Held.Signature[0])
			}
		}
		tr.apply(20, 21)
		want[20] = 21
		tr.start(old.name)
		tr.wantHeld(want)
	})
}

func TestRestartFromDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		want := map[uint64]byte{}
		for h := range uint64(5) {
			tr.apply(h, 7)
			want[h] = 7
		}
		tr.stopAll()
		for _, name := range trioNames {
			tr.start(name)
		}
		defer tr.stopAll()
		tr.apply(5, 8)
		want[5] = 8
		tr.wantHeld(want)
	})
}

func TestApplyOnAFollower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		leader := tr.leader()
		for _, name := range tr.followers(leader) {
			m := tr.members[name]
			if _, err := m.Apply(context.Background(), claim(1, 1)); !errors.Is(err, ErrNotLeader) {
				t.Errorf("Apply on %s: %v, want ErrNotLeader", m, err)
			}
			if _, err := m.Barrier(context.Background()); !errors.Is(err, ErrNotLeader) {
				t.Errorf("Barrier on %s: %v, want ErrNotLeader", m, err)
			}
			if err := m.HandOver(); !errors.Is(err, ErrNotLeader) {
				t.Errorf("HandOver on %s: %v, want ErrNotLeader", m, err)
			}
		}
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := leader.Apply(ended, claim(1, 1)); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnknown) {
			t.Errorf("Apply with an ended context: %v, want context.Canceled alone", err)
		}
		tr.wantHeld(map[uint64]byte{1: 0})
	})
}

// What a cut-off leader takes is answered ErrUnknown; a value that is reported as done is the
// one that all hold.
func TestPartitionedLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		tr.apply(1, 1)
		old := tr.leader()
		tr.wire.isolate(old.name, true)
		if r, err := old.Apply(context.Background(), claim(2, 66)); !errors.Is(err, ErrUnknown) {
			t.Errorf("the cut-off leader answers %v, %v, want ErrUnknown", r.Outcome, err)
		}
		next := tr.leader(old.name)
		if _, err := next.Apply(context.Background(), claim(2, 77)); err != nil {
			t.Fatal(err)
		}
		if _, err := old.Apply(context.Background(), claim(2, 66)); !errors.Is(err, ErrNotLeader) {
			t.Errorf("deposed: %v, want ErrNotLeader", err)
		}
		tr.wire.isolate(old.name, false)
		tr.wantHeld(map[uint64]byte{1: 1, 2: 77})
	})
}

func TestBarrierOfAPartitionedLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		old := tr.leader()
		tr.wire.isolate(old.name, true)
		if index, err := old.Barrier(context.Background()); !errors.Is(err, ErrUnknown) {
			t.Errorf("Barrier: %d, %v, want ErrUnknown", index, err)
		}
	})
}

func TestApplyGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		leader := tr.leader()
		tr.wire.isolate(leader.name, true)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		if _, err := leader.Apply(ctx, claim(1, 1)); !errors.Is(err, ErrUnknown) ||
			!errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Apply: %v, want ErrUnknown and DeadlineExceeded", err)
		}
	})
}

func TestHandOverLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		old := tr.leader()
		type done struct {
			height uint64
			err    error
		}
		const inFlight = 50
		results := make(chan done, inFlight)
		for h := range uint64(inFlight) {
			go func() {
				_, err := old.Apply(context.Background(), claim(h, 5))
				results <- done{h, err}
			}()
		}
		start := time.Now()
		if err := old.HandOver(); err != nil {
			t.Fatal(err)
		}
		next := tr.leader(old.name)
		if took := time.Since(start); took > time.Second {
			t.Errorf("the hand-over took %v", took)
		}
		want := map[uint64]byte{}
		for range inFlight {
			switch r := <-results; {
			case r.err == nil:
				want[r.height] = 5
			case !errors.Is(r.err, ErrNotLeader) && !errors.Is(r.err, ErrUnknown):
				t.Errorf("height %d: %v", r.height, r.err)
			}
		}
		if next.Leader().Self == false || old.Leader().Self {
			t.Errorf("both or none lead: %+v, %+v", next.Leader(), old.Leader())
		}
		tr.wantHeld(want)
	})
}

func TestHandOverPassesADeadMemberBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		old := tr.leader()
		dead := tr.followers(old)[0]
		tr.kill(dead)
		tr.apply(1, 1)
		start := time.Now()
		if err := old.HandOver(); err != nil {
			t.Fatal(err)
		}
		if next := tr.leader(old.name); next.name == dead {
			t.Errorf("%s leads", next)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("the hand-over took %v", took)
		}
	})
}

// TestHandOverTo: the named member leads then, and nobody else is tried.
func TestHandOverTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		for range 3 {
			old := tr.leader()
			to := tr.followers(old)[1]
			if err := old.HandOverTo(to); err != nil {
				t.Fatal(err)
			}
			if next := tr.leader(old.name); next.name != to {
				t.Errorf("%s leads, want %s", next, to)
			}
		}
		leader := tr.leader()
		dead := tr.followers(leader)[0]
		tr.kill(dead)
		tr.until("the heartbeat fails", func() bool {
			leader.Store.mu.Lock()
			defer leader.Store.mu.Unlock()
			return leader.failing[raft.ServerID(dead)]
		})
		tr.apply(1, 1) // which the dead one lacks, so that the library would wait for it
		for _, to := range []string{dead, leader.name, "nobody", ""} {
			start := time.Now()
			if err := leader.HandOverTo(to); err == nil || errors.Is(err, ErrNotLeader) {
				t.Errorf("to %q: %v, want why not", to, err)
			}
			if took := time.Since(start); took > 0 || !leader.Leader().Self {
				t.Errorf("to %q: it took %v, and %+v leads", to, took, leader.Leader())
			}
		}
		tr.apply(2, 1)
		if err := tr.members[tr.followers(leader)[1]].HandOverTo(leader.name); !errors.Is(err, ErrNotLeader) {
			t.Errorf("a follower hands over: %v", err)
		}
	})
}

func TestHandOverWithNobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, func(_ string, c *Config) {
			c.Timing.Lease, c.Timing.Heartbeat, c.Timing.Election = 10*time.Second, 10*time.Second, 10*time.Second
		})
		defer tr.stopAll()
		leader := tr.leader()
		for _, name := range tr.followers(leader) {
			tr.wire.isolate(name, true)
		}
		if err := leader.HandOver(); err == nil || errors.Is(err, ErrNotLeader) {
			t.Errorf("HandOver: %v, want that nobody took over", err)
		}
		if !leader.Leader().Self {
			t.Error("a leader that could not hand over does not lead on")
		}
	})
}

func TestStandBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		old := tr.leader()
		old.StandBack(time.Hour)
		if err := old.HandOver(); err != nil {
			t.Fatal(err)
		}
		second := tr.leader(old.name)
		second.StandBack(time.Hour)
		if err := second.HandOver(); err != nil {
			t.Fatal(err)
		}
		// Only the third does not stand back, so whoever was elected first, it ends up there.
		third := tr.leader(old.name, second.name)
		synctest.Wait()
		tr.kill(third.name)
		// Now only those who stand back are left: one of them leads all the same.
		tr.leader()
		tr.apply(1, 1)
	})
}

// TestRetime: new timers hold at once, for a leader that runs and for followers that wait, longer
// and shorter ones; what the library would not take changes nothing.
func TestRetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		measured, err := Profile(Measured)
		if err != nil {
			t.Fatal(err)
		}
		tr := newTrio(t, func(_ string, c *Config) { c.Timing = measured })
		defer tr.stopAll()
		tr.leader()
		retime := func(to time.Duration) {
			for _, m := range tr.members {
				if err := m.Retime(to); err != nil {
					t.Fatal(err)
				}
				if got := m.Timing(); got.Heartbeat != to || got.Election != to || got.Lease != measured.Lease {
					t.Fatalf("after Retime(%v): %+v", to, got)
				}
			}
		}
		// next cuts the leader off and returns how long the others take to have another.
		next := func() time.Duration {
			old := tr.leader()
			<-time.After(10 * time.Second) // the timers of before have run out
			if leader := tr.leader(); leader != old {
				t.Errorf("%s led, and now %s does", old, leader)
			}
			start := time.Now()
			tr.wire.isolate(old.name, true)
			tr.leader(old.name)
			took := time.Since(start)
			tr.wire.isolate(old.name, false)
			return took
		}
		retime(3 * time.Second)
		if took := next(); took < 3*time.Second || took > 12*time.Second {
			t.Errorf("with timers of 3 s the next leader came after %v", took)
		}
		retime(300 * time.Millisecond)
		if took := next(); took > 2900*time.Millisecond {
			t.Errorf("with timers of 300 ms the next leader came after %v", took)
		}
		leader := tr.leader()
		before := leader.Timing()
		if err := leader.Retime(before.Lease - 1); err == nil || leader.Timing() != before {
			t.Errorf("timers shorter than the lease: %v, and now %+v", err, leader.Timing())
		}
		tr.apply(1, 1)
	})
}
