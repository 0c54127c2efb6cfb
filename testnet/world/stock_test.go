package world

import (
	"maps"
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
	judged := func(change func(*failover.Judgement, failover.State)) Rules {
		var broken Rules
		broken.Judge = func(j *failover.Judge, s failover.State, o failover.Observation, now time.Time) failover.Judgement {
			d := j.Judge(s, o, now)
			change(&d, s)
			return d
		}
		return broken
	}
	for _, c := range []struct {
		name  string
		rules Rules
		sees  string
	}{
		{"nothing is restarted", judged(func(d *failover.Judgement, _ failover.State) {
			d.Rearm.Order = false
		}), "has no message of ours"},
		{"whoever is restarted, the other one is as well", judged(bothRestart), "after the other node"},
		{"whoever does not come up is taken for well", Rules{Judge: allUp}, "has not come up"},
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

// allUp judges as if each node had come up.
func allUp(j *failover.Judge, s failover.State, o failover.Observation, now time.Time) failover.Judgement {
	o.Nodes = maps.Clone(o.Nodes)
	for name, n := range o.Nodes {
		n.Gate.Failing, n.Status.Reactor, n.Status.Round = time.Time{}, "Validate", time.Second
		o.Nodes[name] = n
	}
	return j.Judge(s, o, now)
}

// bothRestart has both nodes restarted where one is to be, and names whatever the log orders.
func bothRestart(d *failover.Judgement, s failover.State) {
	if d.Rearm.Order {
		d.Rearm.Node = ""
	}
	d.Orders = map[string]failover.Order{}
	for _, h := range s.History {
		if h.What == failover.EventRestart && h.Epoch >= d.Orders[h.Subject].Epoch {
			d.Orders[h.Subject] = failover.Order{Epoch: h.Epoch, Era: h.Era, At: time.UnixMilli(h.At)}
		}
	}
}
