package failover_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"casper-cosigner/rule/failover"
)

// orders returns all orders of three nodes.
func orders() [][]string {
	return [][]string{
		{"main", "standby", "spare"}, {"main", "spare", "standby"}, {"standby", "main", "spare"},
		{"standby", "spare", "main"}, {"spare", "main", "standby"}, {"spare", "standby", "main"},
	}
}

// judged returns what a judge makes of the scenes, one after the other, if its settings name the
// nodes in that order.
func judged(nodes []string, scenes []*scene) (all []failover.Judgement) {
	c := scenes[0].settings
	c.Nodes = nodes
	j := failover.NewJudge(c)
	for _, s := range scenes {
		all = append(all, j.Judge(s.state, s.seen, s.now))
	}
	return all
}

// sameInAnyOrder compares what is judged of the scenes in all orders of the nodes. The order may
// decide one thing: which of several nodes that are ready is to become active if main is not to.
func sameInAnyOrder(scenes []*scene) error {
	want := judged(orders()[0], scenes)
	for _, nodes := range orders()[1:] {
		for i, got := range judged(nodes, scenes) {
			free := func(name string) bool { return name != "main" && got.Conditions[name].Ready }
			if free(got.Node) && free(want[i].Node) {
				got.Node = want[i].Node
			}
			if a, b := fmt.Sprintf("%+v", want[i]), fmt.Sprintf("%+v", got); a != b {
				return fmt.Errorf("scene %d: judged\n%s with the nodes %v, and\n%s with %v", i, a, orders()[0], b, nodes)
			}
		}
	}
	return nil
}

// TestOrder: a standby is back after a minute in which it asked for nothing, and tells of
// rounds that it lost meanwhile. What becomes of main does not depend on which of them the
// settings name first.
func TestOrder(t *testing.T) {
	at := func(left time.Duration) time.Time { return begin.Add(-left * time.Second) }
	var scenes []*scene
	for left := time.Duration(60); left >= 0; left-- {
		s := shown(at(left))
		s.node("standby", func(n *failover.Node) {
			if left > 0 && left < 55 {
				n.Rounds.Asked = at(78)
			}
			if left <= 10 {
				n.LostLeads = [failover.Leads]time.Time{at(10), at(20), at(30)}
			}
		})
		scenes = append(scenes, s)
	}
	if err := sameInAnyOrder(scenes); err != nil {
		t.Error(err)
	}
	// A node tells of its peers only if it was ready all the time.
	for i, d := range judged(orders()[0], scenes) {
		if d.Code != failover.Well || !d.Conditions["main"].Ready {
			t.Errorf("scene %d: judged %s: %s; main: %+v", i, d.Code, d.Why, d.Conditions["main"])
		}
	}
}

// mishaps are what may be so of a node in a history that is well else.
func mishaps() []func(*scene, *failover.Node) {
	return []func(*scene, *failover.Node){
		func(s *scene, n *failover.Node) {
			n.LostLeads = [failover.Leads]time.Time{s.ago(2), s.ago(4), s.ago(6)}
		},
		func(s *scene, n *failover.Node) {
			n.LostLeads = [failover.Leads]time.Time{s.ago(2), s.ago(11), s.ago(20)}
		},
		func(s *scene, n *failover.Node) { n.Rounds.Asked = s.ago(18) },
		func(s *scene, n *failover.Node) {
			n.Rounds.Asked, n.Heights.Asked, n.Status.At = s.ago(11), s.ago(11), s.ago(11)
		},
		func(s *scene, n *failover.Node) { n.Heard, n.HeardByAgent = s.ago(12), s.ago(12) },
		func(s *scene, n *failover.Node) { n.Heard = s.ago(12) },
		func(s *scene, n *failover.Node) { n.Place.Round, n.Rounds.Advanced = n.Place.Round-3, s.ago(40) },
		func(s *scene, n *failover.Node) { n.Place.Height, n.Heights.Advanced = n.Place.Height-3, s.ago(40) },
		func(_ *scene, n *failover.Node) { n.Place.Round++ },
		func(s *scene, n *failover.Node) { n.Blocked = s.ago(30) },
		func(_ *scene, n *failover.Node) { *n = failover.Node{} },
	}
}

// drawHistory draws scenes of one cluster, in which nodes fail and come back.
func drawHistory(t *rapid.T) (scenes []*scene) {
	now, first := begin, drawScene(t, begin)
	for range rapid.IntRange(2, 9).Draw(t, "scenes") {
		s := shown(now)
		s.settings, s.state = first.settings, first.state
		s.state.HoldUntil = 0
		if rapid.IntRange(0, 9).Draw(t, "anything") == 0 {
			s = drawScene(t, now)
		}
		for _, name := range s.settings.Nodes {
			if rapid.IntRange(0, 2).Draw(t, "mishap to "+name) == 0 {
				mishap := rapid.SampledFrom(mishaps()).Draw(t, "mishap")
				s.node(name, func(n *failover.Node) { mishap(s, n) })
			}
		}
		scenes = append(scenes, s)
		seconds := rapid.SampledFrom([]time.Duration{1, 5, 9, 12}).Draw(t, "seconds")
		now = now.Add(seconds * time.Second)
	}
	return scenes
}

// TestAnyOrder plays histories of which anything may be true, with the nodes in all orders.
func TestAnyOrder(t *testing.T) {
	codes := map[string]int{}
	for range 5 { // of 100 checks each
		rapid.Check(t, func(t *rapid.T) {
			scenes := drawHistory(t)
			if err := sameInAnyOrder(scenes); err != nil {
				t.Fatal(err)
			}
			for _, d := range judged(orders()[0], scenes) {
				codes[d.Code]++
			}
		})
	}
	for _, code := range []string{failover.NotConnected, failover.Behind, failover.Silent, failover.CutOff,
		failover.Blocked, failover.NodeDown, failover.NobodyReady, failover.Return, failover.Well} {
		if codes[code] < 5 {
			t.Errorf("%d were judged %s: the test shows little; %v", codes[code], code, codes)
		}
	}
}

// TestReadsOnly: a judgement writes into nothing that it was given.
func TestReadsOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t, begin)
		c := s.settings
		c.Nodes = slices.Clone(c.Nodes)
		before := fmt.Sprintf("%+v %+v %+v", c, s.state, s.seen)
		j := failover.NewJudge(c)
		j.Judge(s.state, s.seen, s.now)
		j.Judge(s.state, s.seen, s.now.Add(time.Second))
		if after := fmt.Sprintf("%+v %+v %+v", c, s.state, s.seen); after != before {
			t.Fatalf("was\n%s\nand is\n%s", before, after)
		}
	})
}
