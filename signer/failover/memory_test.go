package failover_test

import (
	"testing"
	"time"

	"casper-cosigner/signer/failover"
)

// TestRemembers: what an agent forgot with its restart, or went away with a cosigner, is not held against the node.
func TestRemembers(t *testing.T) {
	asked := func(s *scene, n failover.Node) failover.Node {
		return failover.Node{Heard: s.now, Rounds: n.Rounds, Place: n.Place}
	}
	for name, forget := range map[string]func(*scene, failover.Node) failover.Node{
		"the agent was restarted":  func(s *scene, _ failover.Node) failover.Node { return failover.Node{Heard: s.now} },
		"the agent has no /status": asked,
		"nobody heard of it":       func(*scene, failover.Node) failover.Node { return failover.Node{} },
	} {
		t.Run(name, func(t *testing.T) {
			s := shown(begin)
			s.node("main", func(n *failover.Node) { n.Rounds.Asked, n.Heights.Asked = s.ago(12), s.ago(12) })
			j := failover.NewJudge(s.settings)
			j.Judge(s.state, s.seen, s.now)
			later := shown(begin.Add(time.Second))
			later.seen.Nodes["main"] = forget(later, s.seen.Nodes["main"])
			got := j.Judge(later.state, later.seen, later.now)
			if got.Code != failover.Well || !got.Conditions["main"].Ready {
				t.Errorf("judged %s: %s; main: %+v", got.Code, got.Why, got.Conditions["main"])
			}
		})
	}
}

// TestBehindTakesPings: after a long round both nodes go on, and the standby's ping says so first.
func TestBehindTakesPings(t *testing.T) {
	j := failover.NewJudge(settings("main", "standby", "spare"))
	for i, want := range []failover.Judgement{told(failover.Well), told(failover.Well), coming(failover.Behind, "standby"), activate(failover.Behind, "standby")} {
		s := shown(begin.Add(time.Duration(i) * time.Second))
		s.node("main", func(n *failover.Node) { n.Rounds.Advanced = begin.Add(-time.Minute) })
		if i > 0 {
			s.aheadOfBound(42, 1000)
		}
		if got := j.Judge(s.state, s.seen, s.now); got.Code != want.Code || got.Act != want.Act || got.Node != want.Node {
			t.Errorf("second %d: judged %s (%s), act %d, node %q", i, got.Code, got.Why, got.Act, got.Node)
		}
	}
}

// TestBlockedNoMore: the time for which a node was left unanswered does not count against it afterwards.
func TestBlockedNoMore(t *testing.T) {
	j := failover.NewJudge(settings("main", "standby", "spare"))
	for i, want := range []failover.Judgement{told(failover.Blocked), coming(failover.Behind, "standby")} {
		s := shown(begin.Add(time.Duration(12*i) * time.Second))
		s.node("main", func(n *failover.Node) {
			n.Rounds.Advanced = begin.Add(-time.Minute)
		})
		if i == 0 {
			s.unanswered("main", "standby", "spare")
		}
		s.aheadOfBound(42, 1000)
		got := j.Judge(s.state, s.seen, s.now)
		if got.Code != want.Code || got.Act != want.Act || got.Node != want.Node || i == 1 && got.Due.Sub(begin) != 16*time.Second {
			t.Errorf("judgement %d: %s (%s), act %d, node %q at %v", i, got.Code, got.Why, got.Act, got.Node, got.Due.Sub(begin))
		}
	}
}

// TestUpgradeOnce: an upgrade whose era is told late is still the same, and holds a failover up for ten minutes in all.
func TestUpgradeOnce(t *testing.T) {
	j, acted := failover.NewJudge(settings("main", "standby", "spare")), time.Duration(0)
	for at := time.Duration(0); at < time.Hour && acted == 0; at += time.Second {
		s := shown(begin.Add(at))
		s.state.Since = begin.Add(-time.Hour).UnixMilli()
		s.gone("main", 30+at.Seconds())
		s.node("spare", func(n *failover.Node) {
			if n.Status.Reactor = "Upgrading"; at >= 599*time.Second {
				n.Status.UpgradeEra = 8
			}
		})
		if j.Judge(s.state, s.seen, s.now).Act == failover.Activate {
			acted = at
		}
	}
	if acted != 10*time.Minute {
		t.Errorf("the standby became active after %v", acted)
	}
}
