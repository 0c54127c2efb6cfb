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
