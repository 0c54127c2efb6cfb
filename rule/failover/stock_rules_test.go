package failover_test

import (
	"testing"
	"time"

	"casper-cosigner/rule/failover"
)

// stockRules are for stock nodes.
func stockRules() []rule {
	stock := func(edit func(*scene)) func(*scene) {
		return func(s *scene) {
			s.settings.Stock, s.settings.Passive = []string{"main", "standby"}, true
			for name := range s.seen.Nodes {
				s.node(name, func(n *failover.Node) { n.Gate.At, n.Status.Era = s.ago(1), 7 })
			}
			edit(s)
		}
	}
	refused := func(s *scene, name string, seconds float64) {
		s.seen.BoundAt = s.ago(60)
		s.node(name, func(n *failover.Node) { n.Gate.Refused, n.Gate.RefusedEra = s.ago(seconds), 7 })
	}
	return []rule{
		{"the gate is gone", stock(func(s *scene) {
			s.node("main", func(n *failover.Node) { n.Gate.At = s.ago(10) })
		}), 0, activate(failover.GateDown, "standby"), 0},
		{"the gate is gone for less", stock(func(s *scene) {
			s.node("main", func(n *failover.Node) { n.Gate.At = s.ago(9) })
		}), 0, coming(failover.GateDown, "standby"), 1},
		{"the gate lets pass what it must refuse", stock(func(s *scene) {
			s.node("main", func(n *failover.Node) { n.Gate.Passed = s.ago(10) })
		}), 0, failover.Judgement{Code: failover.GatePassed, Node: "standby", Confirm: true}, 0},
		{"no gate beside a node that needs none", func(s *scene) { s.settings.Stock = []string{"standby"} }, 0,
			told(failover.Well), 0},
		{"out, and another could vote", stock(func(s *scene) { refused(s, "main", 10) }), 0,
			activate(failover.Out, "standby"), 0},
		{"out, and votes go on", stock(func(s *scene) { refused(s, "main", 60); s.seen.BoundAt = s.ago(17) }), 0,
			told(failover.Well), 0},
		{"out, and so is the other", stock(func(s *scene) {
			refused(s, "main", 10)
			refused(s, "standby", 10)
			s.gone("spare", 30)
		}), 0, told(failover.NobodyReady), 0},
		{"out in the last era", stock(func(s *scene) {
			refused(s, "main", 10)
			s.node("main", func(n *failover.Node) { n.Gate.RefusedEra = 6 })
		}), 0, told(failover.Well), 0},
		{"out, a node that is none of the stock ones", stock(func(s *scene) {
			s.settings.Stock = []string{"standby"}
			refused(s, "main", 10)
		}), 0, told(failover.Well), 0},
		{"silent, and the other is out", stock(func(s *scene) {
			s.gone("main", 10)
			s.gone("spare", 30)
			refused(s, "standby", 10)
		}), 0, activate(failover.Silent, "standby"), 0},
		{"silent, one is out and another is ready", stock(func(s *scene) {
			s.gone("main", 10)
			refused(s, "standby", 10)
		}), 0, activate(failover.Silent, "spare"), 0},
		{"silent, and the other is out and validates nothing", stock(func(s *scene) {
			s.gone("main", 10)
			s.gone("spare", 30)
			refused(s, "standby", 10)
			s.node("standby", func(n *failover.Node) { n.Status.Reactor = "CatchUp" })
		}), 0, told(failover.NobodyReady), 0},
		{"silent, and the other is out and has just lost its gate", stock(func(s *scene) {
			s.gone("main", 10)
			s.gone("spare", 30)
			refused(s, "standby", 10)
			s.node("standby", func(n *failover.Node) { n.Gate.At, n.Gate.Error = s.ago(1), "none stands" })
		}), 0, told(failover.NobodyReady), 0},
		{"its starts fail, and it says that it validates", stock(func(s *scene) { s.fails("main", 10) }), 0,
			activate(failover.NotUp, "standby"), 0},
		{"its starts fail since lately", stock(func(s *scene) { s.fails("main", 9) }), 0,
			coming(failover.NotUp, "standby"), 1},
		{"its starts fail, and it votes, in fenced mode", stock(func(s *scene) {
			s.state.Mode = failover.Fenced
			s.fails("main", 60)
		}), 0, told(failover.Well), 0},
		{"its starts fail, and it catches up, in fenced mode", stock(func(s *scene) {
			s.state.Mode = failover.Fenced
			s.fails("main", 10)
			s.node("main", func(n *failover.Node) { n.Status.Reactor = "CatchUp" })
		}), 0, activate(failover.NotUp, "standby"), 0},
		{"its starts fail, and it asks for what is old, in fenced mode", stock(func(s *scene) {
			s.state.Mode = failover.Fenced
			s.fails("main", 10)
			s.node("main", func(n *failover.Node) { n.Place.Round -= 9 })
		}), 0, activate(failover.NotUp, "standby"), 0},
		{"its starts fail, and it asks no more, in fenced mode", stock(func(s *scene) {
			s.state.Mode = failover.Fenced
			s.fails("main", 10)
			s.node("main", func(n *failover.Node) { n.Rounds.Asked = s.ago(18) })
		}), 0, activate(failover.NotUp, "standby"), 0},
		{"its starts fail, and the other is out", stock(func(s *scene) {
			s.fails("main", 10)
			s.gone("spare", 30)
			refused(s, "standby", 10)
		}), 0, activate(failover.NotUp, "standby"), 0},
		{"its starts fail, and it is out", stock(func(s *scene) {
			refused(s, "main", 10)
			s.gone("spare", 30)
			refused(s, "standby", 10)
			s.node("main", func(n *failover.Node) { n.Gate.Failing = s.ago(10) })
		}), 0, activate(failover.NotUp, "standby"), 0},
		{"starts of both fail", stock(func(s *scene) {
			s.fails("main", 10)
			s.gone("spare", 30)
			s.fails("standby", 1)
		}), 0, told(failover.NobodyReady), 0},
		{"starts fail of one that is none of the stock ones", stock(func(s *scene) {
			s.settings.Stock = []string{"standby"}
			s.fails("main", 10)
		}), 0, told(failover.Well), 0},
		{"it does not validate, for longer than a start takes", stock(func(s *scene) { s.starts("main", 36) }),
			70 * time.Second, activate(failover.NotUp, "standby"), 0},
		{"it does not validate, for less", stock(func(s *scene) { s.starts("main", 35) }), 70 * time.Second,
			coming(failover.NotUp, "standby"), 1},
		{"it does not validate, and neither does another", stock(func(s *scene) {
			s.starts("main", 36)
			for _, name := range []string{"standby", "spare"} {
				s.node(name, func(n *failover.Node) { n.Status.Reactor = "CatchUp" })
			}
		}), 70 * time.Second, told(failover.Well), 0},
		{"it does not validate, and asks", stock(func(s *scene) {
			s.starts("main", 36)
			s.node("main", func(n *failover.Node) { n.Rounds.Asked = s.ago(2) })
		}), 70 * time.Second, told(failover.Well), 0},
		{"down, since it was told to restart", stock(func(s *scene) {
			s.gone("main", 0.5)
			s.node("main", func(n *failover.Node) {
				n.Status.At, n.Rounds.Asked, n.Heights.Asked = s.ago(30), s.ago(30), s.ago(30)
				n.Gate.Ordered, n.Gate.Took = s.ago(30), 26*time.Second
			})
		}), 0, told(failover.Well), 0},
		{"down for longer than its restart takes", stock(func(s *scene) {
			s.gone("main", 0.5)
			s.node("main", func(n *failover.Node) {
				n.Status.At, n.Rounds.Asked, n.Heights.Asked = s.ago(40), s.ago(40), s.ago(40)
				n.Gate.Ordered, n.Gate.Took = s.ago(36), 26*time.Second
			})
		}), 0, activate(failover.NodeDown, "standby"), 0},
		{"main is out, as a passive one is", stock(func(s *scene) {
			s.did("activate", failover.Silent, time.Hour)
			refused(s, "main", 60)
			s.seen.BoundAt = s.ago(3)
		}), 5 * time.Minute, activate(failover.Return, "main"), 0},
		{"main is out, as a passive one is, and was restarted", stock(func(s *scene) {
			s.did("activate", failover.Silent, time.Hour)
			refused(s, "main", 60)
			s.seen.BoundAt = s.ago(3)
			s.node("main", func(n *failover.Node) { n.Gate.Started = s.ago(299) })
		}), 5 * time.Minute, coming(failover.Return, "main"), 1},
		{"main is out, in fenced mode", stock(func(s *scene) {
			s.did("activate", failover.Silent, time.Hour)
			refused(s, "main", 60)
			s.seen.BoundAt, s.state.Mode = s.ago(3), failover.Fenced
		}), 5 * time.Minute, told(failover.Well), 0},
	}
}

// starts lets the node catch up since it was started so many seconds ago, which takes 26.
func (s *scene) starts(name string, seconds float64) {
	s.node(name, func(n *failover.Node) {
		n.Status.Reactor, n.Gate.Started, n.Gate.Took = "CatchUp", s.ago(seconds), 26*time.Second
		n.Rounds.Asked, n.Rounds.Advanced = s.ago(60), s.ago(60)
	})
}

// rearmRow is what is to become of a main that is out of an era, an hour before that ends; a
// restart takes a minute.
type rearmRow struct {
	name string
	edit func(*scene)
	want failover.Rearm
	due  float64 // seconds from now, if want has a node
}

// outScene is a stock pair whose main was refused a minute ago in an era that has messages of ours;
// the standby is passive and signs blocks.
func outScene() *scene {
	s := shown(begin)
	s.settings.Nodes = []string{"main", "standby"}
	delete(s.seen.Nodes, "spare")
	s.settings.Stock, s.settings.Passive = s.settings.Nodes, true
	s.settings.Era, s.settings.Rearm = 2*time.Hour, failover.Auto
	s.seen.BoundAt = s.ago(60)
	for name := range s.seen.Nodes {
		s.node(name, func(n *failover.Node) {
			n.Heights, n.Place.Height = failover.Progress{}, 0
			n.Status.Era, n.Status.EraAt = 7, s.ago(3600)
			n.Rounds.Asked, n.Rounds.Advanced = s.ago(60), s.ago(60)
			n.Gate = failover.Gate{At: s.ago(1), Refused: s.ago(60), RefusedEra: 7, Voted: s.ago(60), VotedEra: 7,
				Started: s.ago(9000), Took: time.Minute}
		})
	}
	return s
}

// dead lets the standby's host be gone for so many seconds.
func (s *scene) dead(seconds float64) {
	s.gone("standby", seconds)
	s.node("standby", func(n *failover.Node) { n.Gate.At = s.ago(seconds) })
}

// fails lets starts of the node fail for so many seconds; it was started just now.
func (s *scene) fails(name string, seconds float64) {
	s.node(name, func(n *failover.Node) {
		n.Gate.Failing, n.Gate.Started, n.Gate.Refused = s.ago(seconds), s.ago(1), time.Time{}
	})
}

// young makes the era one of which no message of ours is known.
func (s *scene) young() {
	s.seen.Bound = failover.Place{Era: 6, Round: 900}
}

func rearmRows() []rearmRow {
	now := func(code string) failover.Rearm { return failover.Rearm{Code: code, Node: "main", Order: true} }
	told := func(code string) failover.Rearm { return failover.Rearm{Code: code} }
	later := func(code string) failover.Rearm { return failover.Rearm{Code: code, Node: "main"} }
	main := func(edit func(*scene, *failover.Gate)) func(*scene) {
		return func(s *scene) { s.node("main", func(n *failover.Node) { edit(s, &n.Gate) }) }
	}
	left := func(seconds float64) func(*scene) {
		return func(s *scene) {
			for name := range s.seen.Nodes {
				s.node(name, func(n *failover.Node) { n.Status.EraAt = s.ago(7200 - seconds) })
			}
		}
	}
	return []rearmRow{
		{"worth it", func(*scene) {}, now(failover.RearmWorth), 0},
		{"more than two restart times left", left(121), now(failover.RearmWorth), 0},
		{"two restart times left", left(120), told(failover.RearmNext), 0},
		{"a restart of which is not known how long it takes takes a minute", func(s *scene) {
			left(121)(s)
			for name := range s.seen.Nodes {
				s.node(name, func(n *failover.Node) { n.Gate.Took = 0 })
			}
		}, now(failover.RearmWorth), 0},
		{"nor how long another one takes", func(s *scene) {
			left(120)(s)
			for name := range s.seen.Nodes {
				s.node(name, func(n *failover.Node) { n.Gate.Took = 0 })
			}
		}, told(failover.RearmNext), 0},
		{"it takes as long as the other one's, if its own was never seen", func(s *scene) {
			left(21)(s)
			main(func(_ *scene, g *failover.Gate) { g.Took = 0 })(s)
			s.node("standby", func(n *failover.Node) { n.Gate.Took = 10 * time.Second })
		}, now(failover.RearmWorth), 0},
		{"a restart that takes an hour is taken for five minutes", func(s *scene) {
			left(601)(s)
			main(func(_ *scene, g *failover.Gate) { g.Took = time.Hour })(s)
		}, now(failover.RearmWorth), 0},
		{"nobody saw the era begin", func(s *scene) {
			for name := range s.seen.Nodes {
				s.node(name, func(n *failover.Node) { n.Status.EraAt = time.Time{} })
			}
		}, told(failover.RearmNext), 0},
		{"alone for less than a restart takes", func(s *scene) { s.dead(59) }, later(failover.RearmAlone), 0.7},
		{"alone for longer", func(s *scene) { s.dead(60) }, now(failover.RearmWorth), 0},
		{"alone, and the other is starting", func(s *scene) {
			s.node("standby", func(n *failover.Node) { n.Status.Reactor, n.Gate.Started = "CatchUp", s.ago(70) })
			s.node("main", func(n *failover.Node) { n.Gate.Took = 30 * time.Second })
			s.node("standby", func(n *failover.Node) { n.Gate.Took = 80 * time.Second })
		}, later(failover.RearmAlone), 10},
		{"alone, five restart times left", func(s *scene) { left(300)(s); s.dead(900) }, told(failover.RearmNext), 0},
		{"alone, more than five left", func(s *scene) { left(301)(s); s.dead(900) }, now(failover.RearmWorth), 0},
		{"the other one's gate is dead, and its node signs blocks", func(s *scene) {
			left(121)(s)
			s.node("standby", func(n *failover.Node) { n.Gate.At = s.ago(60) })
		}, now(failover.RearmWorth), 0},
		{"alone, and starts of the other one fail", func(s *scene) { s.fails("standby", 4) }, told(failover.RearmNext), 0},
		{"no message in the era, and starts of the other one fail", func(s *scene) { s.young(); s.fails("standby", 4) },
			now(failover.RearmSilent), 0},
		{"no message in the era", (*scene).young, now(failover.RearmSilent), 0},
		{"no message in an era that nearly ends", func(s *scene) { s.young(); left(5)(s) }, now(failover.RearmSilent), 0},
		{"no message, alone since just now", func(s *scene) { s.young(); s.dead(4) }, now(failover.RearmSilent), 0},
		{"claimed, and never seen", func(s *scene) {
			for name := range s.seen.Nodes {
				s.node(name, func(n *failover.Node) { n.Gate.VotedEra = 6 })
			}
		}, now(failover.RearmSilent), 0},
		{"refused before a block of the era came", func(s *scene) {
			s.young()
			for name := range s.seen.Nodes {
				s.node(name, func(n *failover.Node) { n.Status.Era, n.Status.EraAt = 6, s.ago(7200) })
			}
		}, now(failover.RearmSilent), 0},
		{"a round was bound lately", func(s *scene) { s.seen.BoundAt = s.ago(17) }, told(failover.RearmVotes), 0},
		{"a remote-key node votes", func(s *scene) {
			s.settings.Stock = []string{"main"}
			s.node("standby", func(n *failover.Node) { n.Gate, n.Rounds.Asked = failover.Gate{}, s.ago(2) })
			s.node("main", func(n *failover.Node) { n.Gate.Refused = s.ago(1) })
		}, told(failover.RearmVotes), 0},
		{"the active node is none of the stock ones", func(s *scene) { s.settings.Stock = []string{"standby"} },
			told(failover.RearmVotes), 0},
		{"votes by itself in the next era", main(func(_ *scene, g *failover.Gate) { g.RefusedEra = 6 }),
			told(failover.RearmWaits), 0},
		{"started by hand just before", main(func(s *scene, g *failover.Gate) { g.Started = s.ago(59) }),
			later(failover.RearmRests), 1},
		{"restarted before by order", main(func(s *scene, g *failover.Gate) {
			g.Ordered, g.OrderedEra, g.Orders = s.ago(179), 7, 1
		}), later(failover.RearmRests), 1},
		{"restarted long before by order", main(func(s *scene, g *failover.Gate) {
			g.Ordered, g.OrderedEra, g.Orders = s.ago(180), 7, 1
		}), now(failover.RearmWorth), 0},
		{"restarted twice in this era", main(func(s *scene, g *failover.Gate) {
			g.Ordered, g.OrderedEra, g.Orders = s.ago(999), 7, 2
		}), told(failover.RearmSpent), 0},
		{"restarted twice in the last era", main(func(s *scene, g *failover.Gate) {
			g.Ordered, g.OrderedEra, g.Orders = s.ago(999), 6, 2
		}), now(failover.RearmWorth), 0},
		{"the other one was restarted just before", func(s *scene) {
			s.node("standby", func(n *failover.Node) { n.Gate.Ordered = s.ago(59) })
		}, later(failover.RearmRests), 1},
		{"the other one was started just before", func(s *scene) {
			s.young()
			s.node("standby", func(n *failover.Node) { n.Gate.Started = s.ago(59) })
		}, later(failover.RearmRests), 1},
		{"held", func(s *scene) { s.state.HoldUntil = failover.ForGood }, told(failover.RearmWaits), 0},
		{"no quorum until lately", func(s *scene) { s.young(); s.seen.Signing = s.ago(9) }, told(failover.RearmWaits), 0},
		{"the network changes its version", func(s *scene) {
			s.young()
			s.node("standby", func(n *failover.Node) { n.Status.Reactor = "ShutdownForUpgrade" })
		}, told(failover.RearmWaits), 0},
		{"another one becomes active now", func(s *scene) {
			s.node("standby", func(n *failover.Node) { n.Gate.Refused, n.Rounds.Asked = time.Time{}, s.ago(2) })
		}, told(failover.RearmWaits), 0},
		{"it does not validate", func(s *scene) {
			s.young()
			s.node("main", func(n *failover.Node) { n.Status.Reactor = "CatchUp" })
		}, told(failover.RearmGone), 0},
		{"by hand", func(s *scene) { s.settings.Rearm = failover.Manual }, later(failover.RearmWorth), 0},
		{"no stock nodes", func(s *scene) { s.settings.Stock = nil }, told(""), 0},
	}
}

func TestRearm(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rearmRows() {
		s := outScene()
		r.edit(s)
		d := failover.NewJudge(s.settings).Judge(s.state, s.seen, s.now)
		got := d.Rearm
		seen[got.Code] = true
		if got.Code != r.want.Code || got.Node != r.want.Node || got.Order != r.want.Order {
			t.Errorf("%s: got %s (%s), node %q, order %v; judged %s", r.name, got.Code, got.Why, got.Node, got.Order, d.Code)
		}
		want := time.Time{}
		if r.want.Node != "" && s.settings.Rearm == failover.Auto {
			want = s.ago(-r.due)
		}
		if !got.Due.Equal(want) || (got.Why == "") != (got.Code == "") {
			t.Errorf("%s: due %v, want %v; why %q", r.name, got.Due, want, got.Why)
		}
	}
	for _, code := range []string{failover.RearmVotes, failover.RearmWaits, failover.RearmGone, failover.RearmSilent,
		failover.RearmWorth, failover.RearmAlone, failover.RearmNext, failover.RearmRests, failover.RearmSpent} {
		if !seen[code] {
			t.Errorf("%s has no row", code)
		}
	}
}

// TestRearmUntold: a node whose restart was called for may have obeyed and died before it told.
// Another one is restarted only once that one should be back.
func TestRearmUntold(t *testing.T) {
	s := outScene()
	s.young()
	j := failover.NewJudge(s.settings)
	d := j.Judge(s.state, s.seen, s.now)
	if d.Rearm.Node != "main" || !d.Rearm.Order || d.Rearm.Era != 7 {
		t.Fatalf("got %+v", d.Rearm)
	}
	s.state.Restart("main", 7, failover.Change{Epoch: s.state.Epoch, At: s.seen.Wall.UnixMilli()})
	s.state.Active = "standby"
	for _, c := range []struct {
		after time.Duration
		order bool
	}{{time.Second, false}, {59 * time.Second, false}, {61 * time.Second, true}} {
		s.now = begin.Add(c.after)
		s.node("standby", func(n *failover.Node) { n.Heard, n.Status.At, n.Gate.At = s.now, s.now, s.now })
		if d := j.Judge(s.state, s.seen, s.now); d.Rearm.Node != "standby" || d.Rearm.Order != c.order {
			t.Errorf("after %v: got %+v", c.after, d.Rearm)
		}
	}
}

// TestGateWaits: who votes waits long, longest for its first message of an era, and another node
// never waits so long that one outage of the cosigners takes both out.
func TestGateWaits(t *testing.T) {
	for _, c := range []struct {
		known failover.Known
		want  time.Duration
	}{
		{failover.Known{Active: true}, 8 * time.Second},
		{failover.Known{Active: true, Passive: true}, 8 * time.Second},
		{failover.Known{Active: true, Granted: true}, 4 * time.Second},
		{failover.Known{Active: true, Passive: true, Granted: true}, 4 * time.Second},
		{failover.Known{Passive: true, Granted: true}, 4 * time.Second},
		{failover.Known{Passive: true}, 250 * time.Millisecond},
		{failover.Known{}, 250 * time.Millisecond},
		{failover.Known{Granted: true}, 250 * time.Millisecond},
	} {
		if got := c.known.Wait(); got != c.want {
			t.Errorf("%+v: %v, want %v", c.known, got, c.want)
		}
	}
}

// TestGateTold: what a gate and its watch tell, of the node that runs now.
func TestGateTold(t *testing.T) {
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	g := failover.Gate{Started: at(10)}
	g.Tells(failover.GateWord{Refused: at(9), RefusedEra: 5, Voted: at(9), VotedEra: 5}, at(12))
	want := failover.Gate{Started: at(10), At: at(12), Voted: at(9), VotedEra: 5}
	if g != want {
		t.Errorf("what was refused before the node's start: %+v", g)
	}
	g.Tells(failover.GateWord{Refused: at(11), RefusedEra: 5}, at(13))
	want.At, want.Refused, want.RefusedEra = at(13), at(11), 5
	if g != want {
		t.Errorf("what was refused since: %+v", g)
	}
	for _, c := range []struct {
		sees   failover.GateSight
		at     int
		wrong  bool
		passed time.Time
	}{
		{failover.GateHangs, 14, true, time.Time{}},
		{failover.GateStands, 15, false, time.Time{}},
		{failover.GatePasses, 16, true, at(16)},
		{failover.GatePasses, 17, true, at(16)},
		{failover.GateStands, 18, false, at(16)},
		{failover.GateGone, 19, true, at(16)},
	} {
		if g.Seen(c.sees, at(c.at)); g.Error != "" != c.wrong || !g.Passed.Equal(c.passed) {
			t.Errorf("%s at %d: %+v", c.sees, c.at, g)
		}
	}
	g.Tells(failover.GateWord{}, at(20)) // a gate that does not stand tells no less
	if !g.At.Equal(at(18)) {
		t.Errorf("it answered at %v", g.At)
	}
	if g.Starts(at(15)); g.Passed.IsZero() {
		t.Error("a start before the gate let something pass ends that")
	}
	if g.Starts(at(20)); !g.Passed.IsZero() {
		t.Error("what a node passed by the gate counts after it was started anew")
	}
}

// TestGate: what a gate tells is kept, of the newest era, until the node starts anew.
func TestGate(t *testing.T) {
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	var n failover.Node
	n.Status.Era = 4
	if n.Out() {
		t.Error("a node that was never refused is out")
	}
	n.Gate.Refuses(5, at(1))
	n.Gate.Refuses(4, at(2))
	n.Gate.Saw(5, at(3))
	n.Gate.Saw(4, at(4))
	want := failover.Gate{Refused: at(1), RefusedEra: 5, Voted: at(3), VotedEra: 5}
	if n.Gate != want || !n.Out() {
		t.Errorf("got %+v, out %v", n.Gate, n.Out())
	}
	if n.Status.Era = 6; n.Out() {
		t.Error("a node is out in the era after the one in which it was refused")
	}
	n.Gate.Obeyed(5, at(5))
	n.Gate.Obeyed(5, at(6))
	n.Gate.Starts(at(7))
	want = failover.Gate{Voted: at(3), VotedEra: 5, Started: at(7), Ordered: at(6), OrderedEra: 5, Orders: 2}
	if n.Gate != want {
		t.Errorf("got %+v", n.Gate)
	}
	if n.Gate.Obeyed(6, at(8)); n.Gate.Orders != 1 || n.Gate.OrderedEra != 6 {
		t.Errorf("got %+v", n.Gate)
	}
}
