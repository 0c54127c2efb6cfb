package failover_test

import (
	"testing"
	"time"

	"casper-cosigner/rule/failover"
)

// TestLiar: a registered node that tells of a place where the chain cannot be keeps no other one
// from being ready, keeps main from nothing, and announces no upgrade.
func TestLiar(t *testing.T) {
	w := newWorld(settings("main", "standby", "spare"))
	for w.t < time.Minute {
		w.hosts["spare"].own.Place.Era = 1_000_000
		w.hosts["spare"].own.Status.Reactor, w.hosts["spare"].own.Status.UpgradeEra = "Upgrading", 1_000_001
		if w.pass(); w.t == 30*time.Second {
			w.hosts["main"].happens("dies", w)
		}
		w.seen.Bound = place(w.round)
		w.seen.BoundAt = w.now()
	}
	if len(w.acts) != 1 || w.state.Active != "standby" {
		t.Errorf("done: %v; judged %s: %s; standby %+v",
			w.acts, w.judgement.Code, w.judgement.Why, w.judgement.Conditions["standby"])
	}
	if c := w.judgement.Conditions["main"]; c.Code != failover.Silent {
		t.Errorf("main: %+v", c)
	}
}

// TestFarBound: what an active node had bound far ahead of the chain keeps no other node from being
// ready for good, nor its word of a fault from being heard; unless a second node says the same.
func TestFarBound(t *testing.T) {
	for _, c := range []struct {
		liars  []string
		active string
		code   string // of main's condition while a liar is active
	}{
		{[]string{"standby"}, "main", ""},
		{[]string{"standby", "spare"}, "standby", failover.CatchingUp},
	} {
		w := newWorld(settings("main", "standby", "spare"))
		play := func(until time.Duration) {
			for w.t < until {
				far := place(w.round)
				far.Era, far.Round = far.Era+2, 7000
				if w.state.Active == "standby" {
					w.seen.Bound, w.seen.BoundAt = far, w.now()
				}
				for _, name := range c.liars {
					if w.t > time.Minute {
						w.hosts[name].own.Place = far
					}
				}
				w.pass()
			}
		}
		play(30 * time.Second)
		w.hosts["main"].happens("dies", w)
		play(2 * time.Minute)
		w.hosts["main"].happens("returns", w)
		if play(8 * time.Minute); w.judgement.Conditions["main"].Code != failover.CatchingUp {
			t.Errorf("main has not followed the chain for long: %+v", w.judgement.Conditions["main"])
		}
		if play(11 * time.Minute); w.state.Active != "standby" || w.judgement.Conditions["main"].Code != c.code ||
			len(c.liars) == 1 && !w.judgement.Conditions["spare"].Ready {
			t.Errorf("lies of %v: %s is active; %+v", c.liars, w.state.Active, w.judgement.Conditions)
		}
		if play(16 * time.Minute); w.state.Active != c.active {
			t.Errorf("lies of %v: %s is active; judged %s: %s", c.liars, w.state.Active, w.judgement.Code, w.judgement.Why)
		}
	}
}

// TestFarBoundFault: nor does it silence a node that tells of a fault in the era that the chain is
// in, or end the hold that comes of it.
func TestFarBoundFault(t *testing.T) {
	w := newWorld(settings("main", "standby"))
	play := func(until time.Duration) {
		for w.t < until {
			far := place(w.round)
			far.Era += 2
			w.hosts["standby"].own.Place, w.seen.Bound, w.seen.BoundAt = far, far, w.now()
			w.pass()
		}
	}
	play(10 * time.Minute)
	for w.every(eraRounds*w.settings.Round, w.opened) { // not about the end of an era
		play(w.t + time.Second)
	}
	era := place(w.round).Era
	w.hosts["main"].own.Fault, w.hosts["main"].own.FaultEra = w.now(), era
	play(w.t + 5*time.Second)
	if w.judgement.Code != failover.Held || place(w.round).Era != era {
		t.Fatalf("in era %d of %d: %s: %s", place(w.round).Era, era, w.judgement.Code, w.judgement.Why)
	}
	for place(w.round).Era == era {
		if play(w.t + time.Second); w.judgement.Code != failover.Held && place(w.round).Era == era {
			t.Fatalf("the hold ended with %s: %s", w.judgement.Code, w.judgement.Why)
		}
	}
	if play(w.t + 10*time.Second); w.state.HoldUntil != 0 {
		t.Errorf("the era is over, and roles are held: %s", w.judgement.Why)
	}
}
