package monitor

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/seat"
)

// lead is how the named cosigner moves the lead of the world.
func (w *world) lead(name string) Lead {
	return Lead{
		Settings: seat.Settings{Self: name, Members: cosigners, Majority: 2, Threshold: 2, PingInterval: interval,
			Steady: seat.Steady, Rest: seat.Rest},
		Distance: func(to string) (time.Duration, bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.way(name, to), true
		},
		Standing: func(string) seat.Standing { return seat.Standing{Good: true} },
		HandOver: func(to string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.leader != name {
				w.t.Errorf("%s hands over, and does not lead", name)
			}
			w.leader = to
			w.moves = append(w.moves, fmt.Sprintf("%s to %s", name, to))
		},
	}
}

// way is the round trip between two, a node's agent or a cosigner each.
func (w *world) way(a, b string) time.Duration {
	return max(w.ways[[2]string{a, b}], w.ways[[2]string{b, a}], time.Millisecond)
}

// apart puts each of them so far from each other.
func (w *world) apart(d time.Duration, all ...string) {
	for i, a := range all {
		for _, b := range all[i+1:] {
			w.ways[[2]string{a, b}] = d
		}
	}
}

// wantMoves wants these hand-overs of the lead so far.
func (w *world) wantMoves(want ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.moves, want) {
		d, _ := w.monitors[w.leader].Seat()
		w.t.Errorf("the lead went %q, want %q; %s", w.moves, want, d.Why)
	}
}

// TestSeat: the lead is handed over to the cosigner beside the active node, a minute after that one
// is the nearest, and goes to the other node's ten minutes later at the soonest.
func TestSeat(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		w.set(func() { w.apart(80*time.Millisecond, "a", "b", "cosigner-1", "cosigner-3") })
		w.set(func() { w.apart(80*time.Millisecond, "cosigner-1", "cosigner-2", "cosigner-3", "b") })
		w.set(func() { w.ways[[2]string{"cosigner-3", "b"}], w.ways[[2]string{"b", "cosigner-3"}] = 0, 0 })
		time.Sleep(58 * time.Second)
		w.wantMoves()
		time.Sleep(8 * time.Second)
		w.wantMoves("cosigner-1 to cosigner-2")
		for name, want := range map[string]uint64{"cosigner-1": 1, "cosigner-2": 0} {
			if _, n := w.monitors[name].Seat(); n != want {
				t.Errorf("%s says that it handed over %d times, want %d", name, n, want)
			}
		}
		due := w.kill()
		w.wantActivation("cosigner-2", due)
		time.Sleep(8 * time.Minute)
		w.wantMoves("cosigner-1 to cosigner-2")
		time.Sleep(2 * time.Minute)
		w.wantMoves("cosigner-1 to cosigner-2", "cosigner-2 to cosigner-3")
		time.Sleep(time.Hour)
		w.wantMoves("cosigner-1 to cosigner-2", "cosigner-2 to cosigner-3")
	})
}

// TestSeatWaits: while a change of roles is held or pending the lead stays.
func TestSeatWaits(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		w.set(func() { w.apart(80*time.Millisecond, "a", "cosigner-1", "cosigner-3") })
		w.set(func() { w.apart(80*time.Millisecond, "cosigner-2", "cosigner-1", "cosigner-3") })
		w.set(func() { w.state.Apply(holds(failover.ForGood)) })
		time.Sleep(10 * time.Minute)
		w.wantMoves()
		w.set(func() { w.state.Apply(holds(0)) })
		time.Sleep(55 * time.Second)
		w.wantMoves()
		time.Sleep(15 * time.Second)
		w.wantMoves("cosigner-1 to cosigner-2")
	})
}

// TestGave: a leader that gave the lead away because it could not sign does not get it back
// at once.
func TestGave(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		w.set(func() { w.apart(80*time.Millisecond, "a", "cosigner-3", "cosigner-2") })
		w.set(func() { w.apart(80*time.Millisecond, "cosigner-1", "cosigner-2", "cosigner-3") })
		w.monitors["cosigner-1"].Gave()
		w.set(func() { w.leader = "cosigner-3" })
		time.Sleep(9 * time.Minute)
		w.wantMoves()
		time.Sleep(3 * time.Minute)
		w.wantMoves("cosigner-3 to cosigner-1")
	})
}

// holds is an operator's hold, in the world's state.
func holds(until int64) machine.Command {
	epoch := uint64(0)
	if until == 0 {
		epoch = 1
	}
	return machine.Hold{Until: until, Change: failover.Change{Epoch: epoch, Cause: failover.Operator,
		At: time.Now().UnixMilli()}}
}

// TestSeatThoughLate: that the active node is answered too late is no reason to leave the lead
// where it is, since that may be why.
func TestSeatThoughLate(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		w.set(func() { w.apart(80*time.Millisecond, "a", "cosigner-1", "cosigner-3") })
		w.set(func() { w.apart(80*time.Millisecond, "cosigner-2", "cosigner-1", "cosigner-3") })
		w.set(func() { w.edit["a"] = func(h *cosignerv1.NodeHealth) { h.BlockedMs = proto.Uint64(900) } })
		time.Sleep(70 * time.Second)
		if j, _ := w.monitors["cosigner-1"].Judgement(); j.Code != failover.Blocked {
			t.Errorf("judged %s: %s", j.Code, j.Why)
		}
		w.wantMoves("cosigner-1 to cosigner-2")
	})
}
