package failover_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"casper-cosigner/rule/failover"
)

// watch checks each restart that is ordered.
type watch struct {
	*world
	last map[string]time.Duration // of each node
	in   map[string]int           // an era
	all  int
}

func (o *watch) check(t *rapid.T, d failover.Judgement) {
	name := d.Rearm.Node
	if !d.Rearm.Order {
		return
	}
	o.all++
	h := o.hosts[name]
	era := place(o.round).Era
	switch {
	case name != o.state.Active, !o.settings.IsStock(name):
		t.Fatalf("%v: restarts %s, and %s is active: %s", o.t, name, o.state.Active, d.Rearm.Why)
	case o.seen.Signing.IsZero():
		t.Fatalf("%v: restarts %s without a quorum", o.t, name)
	case h.node && h.agent && h.cosigners && !h.hung && o.voters[era] == name && h.own.Gate.Refused.IsZero() && !h.mute:
		t.Fatalf("%v: restarts %s, which votes: %s", o.t, name, d.Rearm.Why)
	}
}

// obeys checks a restart.
func (o *watch) obeys(t *rapid.T, name string) {
	era := place(o.round).Era
	for other, at := range o.last {
		if o.t-at < restartTakes {
			t.Fatalf("%v: restarts %s, and restarted %s at %v", o.t, name, other, at)
		}
	}
	if at, ok := o.last[name]; ok && o.t-at < 3*restartTakes {
		t.Fatalf("%v: restarts %s, and did so at %v", o.t, name, at)
	}
	o.last[name] = o.t
	key := fmt.Sprint(name, era)
	if o.in[key]++; o.in[key] > 2 {
		t.Fatalf("%v: restarts %s for the third time in era %d", o.t, name, era)
	}
}

// TestStockWorld lets anything happen to a stock pair, and to a mixed one. No node is restarted
// that votes, or too often, or beside another; and no era is without a message of ours at whose end
// one node has been well for three restart times, and for as long as it takes to see what is wrong.
func TestStockWorld(t *testing.T) {
	restarts, eras := 0, 0
	for range 6 { // of 100 checks each
		rapid.Check(t, func(t *rapid.T) { playStock(t, &restarts, &eras) })
	}
	if restarts < 30 || eras < 100 {
		t.Errorf("%d restarts, %d eras that needed a message: the test shows nothing", restarts, eras)
	}
}

// playStock plays one such world, and counts.
func playStock(t *rapid.T, restarts, eras *int) {
	c := settings("main", "standby")
	c.FailbackAfter = 20 * time.Second
	c.Stock = rapid.SampledFrom([][]string{{"main", "standby"}, {"main"}, {"standby"}}).Draw(t, "stock")
	c.Passive = rapid.IntRange(0, 3).Draw(t, "passive") > 0
	w := newWorld(c)
	o := &watch{world: w, last: map[string]time.Duration{}, in: map[string]int{}}
	w.check, w.obeys = func(d failover.Judgement) { o.check(t, d) }, func(name string) { o.obeys(t, name) }
	disturbed := w.t
	for range rapid.IntRange(1, 12).Draw(t, "events") {
		for until := w.t + time.Duration(rapid.IntRange(0, 2400).Draw(t, "ticks"))*tick; w.t < until; {
			was := place(w.round).Era
			w.pass()
			if now := place(w.round).Era; now == was {
				continue
			}
			needed := 3*restartTakes + 3*c.After + 2*c.Round
			if w.t-disturbed >= needed && w.well() {
				if *eras++; w.voters[was] == "" && w.asked(was) == 0 {
					t.Fatalf("%v: era %d ends without a message of ours; %s: %s; rearm %s: %s; done %q", w.t, was,
						w.judgement.Code, w.judgement.Why, w.judgement.Rearm.Code, w.judgement.Rearm.Why, w.acts)
				}
			}
		}
		disturbed = w.t
		stockBefall(t, &story{world: w})
	}
	*restarts += o.all
}

// asked is the height at which a remote-key node asked for something of the era, 0 if none did.
func (w *world) asked(era uint64) (height uint64) {
	for name, h := range w.hosts {
		if !w.settings.IsStock(name) && h.own.Place.Era >= era {
			height = max(height, h.own.Place.Height)
		}
	}
	return height
}

// well reports whether a node can vote, if it is let.
func (w *world) well() bool {
	for _, h := range w.hosts {
		if h.agent && h.node && !h.hung && h.cosigners && !h.gateless && h.peers && !w.seen.Signing.IsZero() {
			return true
		}
	}
	return false
}

// stockBefall lets one thing happen.
func stockBefall(t *rapid.T, s *story) {
	name := rapid.SampledFrom(s.settings.Nodes).Draw(t, "node")
	if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
		err := s.befalls(rapid.SampledFrom([]string{"cosigners lose their quorum", "cosigners have their quorum again",
			"cosigners have their quorum again", "leader changes", "cosigners start again"}).Draw(t, "befalls"))
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	what := rapid.SampledFrom([]string{"dies", "loses its node", "hangs", "loses its gate", "has its gate again",
		"is refused", "loses the cosigners", "cannot read its unit file", "returns", "returns", "returns"}).Draw(t, "happens")
	s.hosts[name].happens(what, s.world)
}
