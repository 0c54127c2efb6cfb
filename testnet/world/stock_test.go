package world

import (
	"strings"
	"testing"
	"time"

	"casper-cosigner/rule/failover"
)

// TestStock plays pairs of which one node at least is casper-node as it is published, behind a
// gate. Nothing is signed twice, blocks are signed while a node is well, no restart by order comes
// too soon or too often, and no era is without a message of ours in which a node was well.
func TestStock(t *testing.T) {
	o := Options{Stock: true}
	if *seedFlag >= 0 {
		playOne(t, o)
		return
	}
	seeds := 50 // make hostile plays more
	if *seedsFlag > 0 {
		seeds = *seedsFlag
	}
	sum := playAll(t, seeds, o)
	t.Logf("%d seeds: %v", seeds, sum)
	for _, c := range []Count{Claims, Finalities, Restarts, Changes, Elections, Sidelined, Orders, Eras} {
		if sum[c] < seeds/5 {
			t.Errorf("%v: %d in %d seeds; the worlds have become too tame", c, sum[c], seeds)
		}
	}
}

// TestStockBites: with a rule broken, it is found.
func TestStockBites(t *testing.T) {
	const most = 200
	rearm := func(change func(*failover.Rearm)) Rules {
		var broken Rules
		broken.Judge = func(j *failover.Judge, s failover.State, o failover.Observation, now time.Time) failover.Judgement {
			d := j.Judge(s, o, now)
			change(&d.Rearm)
			return d
		}
		return broken
	}
	for _, c := range []struct {
		name  string
		rules Rules
		sees  string
	}{
		{"nothing is restarted", rearm(func(r *failover.Rearm) { r.Order = false }), "has no message of ours"},
		{"whoever is restarted, the other one is as well", rearm(func(r *failover.Rearm) {
			if r.Order {
				r.Node = ""
			}
		}), "after the other node"},
		{"a node sends what its gate refused", Rules{Ungated: true}, "contradict itself"},
		{"one cosigner's word restarts a node", Rules{OneWord: true}, "an order that is in no log"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(most) {
				if r := Run(seed, Options{Stock: true, Rules: c.rules}); strings.Contains(strings.Join(r.Failures, "; "), c.sees) {
					return
				}
			}
			t.Errorf("not found in %d seeds", most)
		})
	}
}
