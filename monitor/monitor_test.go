package monitor

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
)

// story runs a test in a world of its own.
func story(t *testing.T, tell func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { tell(t, newWorld(t, nil)) })
}

// TestFailover: a dead main is replaced After its last ping: not before, not twice, by the leader
// alone, and every cosigner says so once.
func TestFailover(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		w.wantNothing(time.Minute)
		w.wantActivation("cosigner-1", w.kill())
		c := w.changes()[0].command.(machine.Activate)
		if c.Cause != failover.Silent || c.Reason == "" || c.At == 0 {
			t.Errorf("got %+v, want the rule's code as the cause, and why", c)
		}
		w.wantNothing(time.Minute)
		if n := w.logged(`"code":"silent"`); n != 1 {
			t.Errorf("%d lines tell that a is silent, want 1: %s", n, w.logs.text())
		}
	})
}

// TestOnlyLeaderActs: cosigners that do not lead judge as the leader does, and propose nothing.
func TestOnlyLeaderActs(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		w.set(func() { w.leader = "another" })
		w.kill()
		w.wantNothing(after + 5*time.Second)
		for name, m := range w.monitors {
			if j, _ := m.Judgement(); j.Act != failover.Activate || j.Node != "b" {
				t.Errorf("%s judges %+v, want b to become active", name, j)
			}
		}
		w.set(func() { w.leader = "cosigner-2" })
		time.Sleep(interval)
		if got := w.changes(); len(got) != 1 || got[0].by != "cosigner-2" {
			t.Errorf("got %+v, want b made active by the new leader", got)
		}
	})
}

// TestLeaderChange: what the nodes did is known to whoever leads next, so a change of leader half
// way costs no time.
func TestLeaderChange(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		due := w.kill()
		w.wantNothing(after / 2)
		w.set(func() { w.leader = "cosigner-3" })
		w.wantActivation("cosigner-3", due)
	})
}

// TestEpochMoved: another change comes between the judgement and its proposal. The proposal changes
// nothing, and what holds then is judged anew.
func TestEpochMoved(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		due := w.kill()
		w.set(func() {
			w.before = func() error {
				w.before = nil
				w.state.Apply(machine.SetMode{Mode: failover.Fenced, Change: failover.Change{Epoch: 0, At: time.Now().UnixMilli()}})
				return nil
			}
		})
		time.Sleep(time.Until(due) + 20*time.Millisecond)
		if got := w.changes(); len(got) != 1 || got[0].result.Why != refusal.EpochMoved {
			t.Fatalf("got %+v, want one proposal that came too late", got)
		}
		if n := w.logged("could not change the roles"); n != 0 {
			t.Errorf("that is no fault, but %d lines say so", n)
		}
		time.Sleep(2 * after)
		if got := w.changes(); len(got) != 2 || got[1].result.Outcome != machine.Done {
			t.Errorf("got %+v, want b active in the end", got)
		}
	})
}

// TestUnavailable: a log that takes no commands is asked again at the next look, and not
// in between.
func TestUnavailable(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		tries := 0
		w.set(func() {
			w.before = func() error {
				if tries++; tries > 3 {
					return nil
				}
				return errors.New("leadership was lost")
			}
		})
		due := w.kill()
		w.wantNothing(time.Until(due) + 2*interval)
		w.set(func() {
			if tries < 2 || tries > 3 {
				t.Errorf("%d tries in two intervals", tries)
			}
		})
		time.Sleep(2 * interval)
		if got := w.changes(); len(got) != 1 || got[0].result.Outcome != machine.Done {
			t.Errorf("got %+v, want b active", got)
		}
	})
}

// TestPartitionedLeader: a leader that reaches too few others blames nobody, however silent the
// nodes are to it.
func TestPartitionedLeader(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		w.set(func() { w.cut["cosigner-1"] = true })
		w.wantNothing(10 * after)
		if j, o := w.monitors["cosigner-1"].Judgement(); j.Code != failover.NoQuorum || o.Reporting != 1 {
			t.Errorf("it judges %+v of %d reports", j, o.Reporting)
		}
		w.set(func() { w.cut["cosigner-1"] = false })
		w.wantNothing(2 * after) // a was well all the time
	})
}

// TestHungCosigner: one that takes calls and answers none delays no failover.
func TestHungCosigner(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		w.set(func() { w.hung["cosigner-3"] = true })
		w.wantActivation("cosigner-1", w.kill())
		if _, o := w.monitors["cosigner-1"].Judgement(); o.Reporting != 2 {
			t.Errorf("%d report, want 2", o.Reporting)
		}
		w.set(func() { w.hung["cosigner-3"] = false })
		time.Sleep(3 * interval)
		if _, o := w.monitors["cosigner-1"].Judgement(); o.Reporting != 3 {
			t.Errorf("%d report after it came back, want 3", o.Reporting)
		}
	})
}

// TestLyingFollower: a cosigner that does not lead makes no dead node look alive, and no
// live one dead.
func TestLyingFollower(t *testing.T) {
	dead := &cosignerv1.NodeHealth{StatusAgoMs: proto.Uint64(3600000),
		Rounds: &cosignerv1.Asked{AgoMs: proto.Uint64(3600000), AdvancedAgoMs: 3600000, Era: 10}}
	for name, lie := range map[string]func(w *world) *cosignerv1.NodeHealth{
		"the dead look alive": (*world).health,
		"the live look dead":  func(*world) *cosignerv1.NodeHealth { return dead },
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, w *world) {
				w.set(func() { w.lies["cosigner-3"] = lie })
				w.wantNothing(10 * after)
				w.wantActivation("cosigner-1", w.kill())
			})
		})
	}
}

// TestCutFromLeader: a node that the leader does not hear and both others do is not silent; one
// that only one of them hears is.
func TestCutFromLeader(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		w.set(func() { w.deaf["cosigner-1"] = true })
		w.wantNothing(10 * after)
		w.set(func() { w.deaf["cosigner-2"] = true })
		time.Sleep(after + 5*interval)
		if got := w.changes(); len(got) != 1 {
			t.Errorf("got %+v, want b active", got)
		}
	})
}

// TestPaused: cosigners that stood still for a while, as on a machine that was suspended, call
// nobody silent before they have listened for as long as it takes.
func TestPaused(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		w.set(func() {
			for _, name := range cosigners {
				w.skipped[name] += time.Minute
			}
		})
		w.wantNothing(3 * after) // a pings again
		w.kill()
		w.set(func() {
			for _, name := range cosigners {
				w.skipped[name] += time.Minute
			}
		})
		w.wantNothing(after - interval)
		time.Sleep(2 * interval)
		if got := w.changes(); len(got) != 1 {
			t.Errorf("got %+v, want b active after %v", got, after)
		}
	})
}

// TestNoQuorum: while no signature can be made, and for a while after, no node is to blame.
func TestNoQuorum(t *testing.T) {
	for name, fail := range map[string]func(w *world){
		"no commitments in hand": func(w *world) { w.unready = errors.New("too few cosigners to sign") },
		"nobody leads":           func(w *world) { w.leader = "" },
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, w *world) {
				w.kill()
				w.set(func() { fail(w) })
				w.wantNothing(2 * after)
				w.set(func() { w.leader, w.unready = "cosigner-1", nil })
				w.wantNothing(after - interval)
				time.Sleep(3 * interval)
				if got := w.changes(); len(got) != 1 {
					t.Errorf("got %+v, want b active once the quorum has been back for %v", got, after)
				}
			})
		})
	}
}

// TestSigning: the leader that is being unseated makes no signatures, though it is still
// known as the leader.
func TestSigning(t *testing.T) {
	leader, self, ready := "cosigner-1", true, error(nil)
	m := New(Config{Name: "cosigner-1", Leader: func() (string, uint64, bool) {
		return leader, 1, self
	}, Ready: func() error { return ready }})
	for name, is := range map[string]func(){
		"unseated": func() { self = false },
		"unknown":  func() { leader, self = "", false },
		"no stock": func() { ready = errors.New("no commitments") },
	} {
		if !m.signs() {
			t.Error("it leads and has all that it takes")
		}
		if is(); m.signs() {
			t.Errorf("%s: it signs", name)
		}
		if leader, self, ready = "cosigner-2", false, nil; !m.signs() { // another one leads
			t.Errorf("after %s: it does not sign", name)
		}
		leader, self = "cosigner-1", true
	}
}

// TestLeftoverKey: a secret key on a node's host is an alarm, once, and again when it
// lies elsewhere.
func TestLeftoverKey(t *testing.T) {
	story(t, func(t *testing.T, w *world) {
		for i, path := range []string{"/etc/casper/one.pem", "/etc/casper/two.pem"} {
			w.set(func() { w.edit["b"] = func(h *cosignerv1.NodeHealth) { h.LeftoverKey = path } })
			time.Sleep(10 * interval)
			if n := w.logged(path); n != 1 || w.logged(`"alarm":true`) != i+1 {
				t.Errorf("%d lines tell of %s, want one alarm: %s", n, path, w.logs.text())
			}
		}
		if len(w.changes()) != 0 {
			t.Errorf("got %+v", w.changes())
		}
	})
}

// TestConfirm: where an operator is to confirm, the judgement says so and nothing is proposed.
func TestConfirm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *failover.Settings) { s.Failover = failover.Confirm })
		w.kill()
		w.wantNothing(3 * after)
		if j, _ := w.monitors["cosigner-1"].Judgement(); !j.Confirm || j.Node != "b" {
			t.Errorf("got %+v, want b for an operator to confirm", j)
		}
		if n := w.logged(`"confirm":true`); n != 1 {
			t.Errorf("%d lines ask for it, want 1: %s", n, w.logs.text())
		}
	})
}
