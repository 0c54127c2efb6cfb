package failover_test

import (
	"testing"
	"time"

	"casper-cosigner/rule/failover"
)

// TestRemembers: what an agent forgot with its restart, or went away with a cosigner, is not held
// against the node.
func TestRemembers(t *testing.T) {
	asked := func(s *scene, n failover.Node) failover.Node {
		return failover.Node{Heard: s.now, Asks: failover.Asks{Place: n.Place, Rounds: n.Rounds}}
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
	for i, want := range []failover.Judgement{told(failover.Well), told(failover.Well), coming(failover.Behind, "standby"),
		activate(failover.Behind, "standby")} {
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

// TestBlockedNoMore: the time for which a node was left unanswered does not count against
// it afterwards.
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
		if got.Code != want.Code || got.Act != want.Act || got.Node != want.Node || i == 1 &&
			got.Due.Sub(begin) != 16*time.Second {
			t.Errorf("judgement %d: %s (%s), act %d, node %q at %v", i, got.Code, got.Why, got.Act, got.Node, got.Due.Sub(begin))
		}
	}
}

// TestUpgradeOnce: an upgrade whose era is told late is still the same, and holds a failover up for
// ten minutes in all.
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

// TestNextUpgrade: what a node has told of an upgrade for long does not use up the time of the
// one that comes.
func TestNextUpgrade(t *testing.T) {
	j := failover.NewJudge(settings("main", "standby", "spare"))
	const comes = 25 * time.Minute
	for at := time.Duration(0); at < comes+9*time.Minute; at += time.Second {
		s := shown(begin.Add(at))
		s.node("spare", func(n *failover.Node) { n.Status.Reactor = "Upgrading" })
		if at >= comes {
			s.gone("main", (at - comes).Seconds())
			s.node("main", func(n *failover.Node) { n.Status.Reactor, n.Status.UpgradeEra = "ShutdownForUpgrade", 8 })
		}
		if d := j.Judge(s.state, s.seen, s.now); d.Act != failover.Nothing || at >= comes && d.Code != failover.Upgrade {
			t.Fatalf("after %v: judged %s, act %d, node %q", at, d.Code, d.Act, d.Node)
		}
	}
}

// TestBlockedIsNotReady: a main that lost the role since it alone was left unanswered must be ready
// anew for long, also when the judge could not see all of that time: else roles would come and go
// without the wait that doubles.
func TestBlockedIsNotReady(t *testing.T) {
	w := newWorld(settings("main", "standby"))
	pass := func(until func() bool) {
		for end := w.t + time.Hour; !until() && w.t < end; {
			w.pass()
		}
	}
	after := func(d time.Duration) func() bool { end := w.t + d; return func() bool { return w.t >= end } }
	acted := func() func() bool { n := len(w.acts); return func() bool { return len(w.acts) > n } }
	pass(after(time.Hour))
	main, wait := w.hosts["main"], w.settings.FailbackAfter
	for range 3 {
		main.unanswered, main.cosigners = true, false // the first pings of that time are lost too
		pass(after(2500 * time.Millisecond))
		main.cosigners = true
		pass(acted())
		if w.state.Active != "standby" || w.state.Cause != failover.Blocked {
			t.Fatalf("%s is active: %s", w.state.Active, w.state.Cause)
		}
		main.unanswered = false
		answered := w.t
		if pass(acted()); w.state.Active != "main" || w.t-answered < wait {
			t.Errorf("%s is active %v after main was answered again, want at least %v", w.state.Active, w.t-answered, wait)
		}
		pass(after(2 * time.Second))
		wait *= 2
	}
}
