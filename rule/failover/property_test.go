package failover_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"casper-cosigner/rule/failover"
)

// drawScene draws an observation of which anything may be true, but most of it well.
func drawScene(t *rapid.T, now time.Time) *scene {
	s := shown(now)
	ago := func(name string, was time.Time) time.Time {
		if rapid.IntRange(0, 3).Draw(t, name+"?") > 0 {
			return was
		}
		d := rapid.SampledFrom([]float64{-1, 0, 0.5, 2, 3, 4, 5, 9, 9.9, 10, 11, 16, 18, 31, 700, 9000}).Draw(t, name)
		if d < 0 {
			return time.Time{}
		}
		return s.ago(d)
	}
	pick := func(name string, all ...string) string { return rapid.SampledFrom(all).Draw(t, name) }
	names := []string{"main", "standby", "spare"}
	for _, name := range names {
		s.node(name, func(n *failover.Node) {
			n.Heard, n.HeardByAgent = ago("heard", n.Heard), ago("heard by agent", n.HeardByAgent)
			n.Rounds.Asked, n.Rounds.Advanced = ago("asked", n.Rounds.Asked), ago("advanced", n.Rounds.Advanced)
			n.Heights.Asked, n.Heights.Advanced = ago("asked height", n.Heights.Asked), ago("advanced height",
				n.Heights.Advanced)
			n.Place.Era += rapid.Uint64Range(0, 1).Draw(t, "era") * rapid.Uint64Range(0, 1).Draw(t, "other era")
			n.Place.Round += rapid.Uint32Range(0, 3).Draw(t, "round")
			if n.Rounds.Asked.IsZero() {
				n.Place.Era, n.Place.Round = 0, 0
			}
			n.Status.At = ago("status", n.Status.At)
			n.Status.Reactor = pick("reactor", "Validate", "Validate", "Validate", "Validate", "CatchUp", "ShutdownForUpgrade",
				"Upgrading", "")
			n.Status.UpgradeEra = uint64(rapid.SampledFrom([]int{0, 0, 0, 7, 8, 9}).Draw(t, "upgrade era"))
			if rapid.IntRange(0, 9).Draw(t, "leads in vain") == 0 {
				n.LostLeads = [failover.Leads]time.Time{s.ago(2), s.ago(10), s.ago(18)}
			}
			if rapid.IntRange(0, 9).Draw(t, "rare") == 0 {
				n.Blocked, n.Shutdown, n.Fault = ago("blocked", time.Time{}), ago("shutdown", time.Time{}), ago("fault",
					time.Time{})
				n.FaultEra = rapid.Uint64Range(6, 8).Draw(t, "fault era")
				s.seen.Findings = map[string]failover.Finding{name: {Proof: failover.Proof(pick("proof", "", "unread",
					"too_old", "false", "proven")), Era: n.FaultEra}}
			}
		})
	}
	s.seen.Listening, s.seen.Signing = ago("listening", s.seen.Listening), ago("signing", s.seen.Signing)
	s.seen.Reporting = rapid.IntRange(1, 9).Draw(t, "reporting")
	s.state.Active = pick("active", "main", "main", "standby", "spare")
	s.state.Mode = failover.Mode(rapid.IntRange(1, 2).Draw(t, "mode"))
	s.state.Since = ago("since", s.ago(3600)).UnixMilli()
	if name := pick("suspended", "", "", "", "main", "standby"); name != "" {
		s.state.Suspended = []string{name}
	}
	s.state.HoldUntil = rapid.SampledFrom([]int64{0, 0, 0, 1, s.now.UnixMilli(), s.now.UnixMilli() + 1,
		math.MaxInt64}).Draw(t, "hold")
	for range rapid.IntRange(0, 3).Draw(t, "history") {
		s.state.History = append(s.state.History, failover.Event{What: pick("what", "activate", "mode"),
			Cause: pick("cause", failover.Operator, failover.Silent, failover.Return), At: s.now.UnixMilli()})
	}
	policies := []string{"auto", "auto", "auto", "confirm", "manual"}
	s.settings.Failover, s.settings.Failback = failover.Policy(pick("failover", policies...)),
		failover.Policy(pick("failback", "auto", "manual"))
	s.settings.FailbackAfter = 0 // a judge that knows nothing yet may return at once
	return s
}

// TestNeverActs says in other words what no judgement may do, whatever is observed.
func TestNeverActs(t *testing.T) {
	acts := 0
	for range 30 { // of 100 checks each: few of them come to an act
		rapid.Check(t, func(t *rapid.T) {
			s := drawScene(t, begin)
			d := failover.NewJudge(s.settings).Judge(s.state, s.seen, s.now)
			if d.Node != "" {
				checkNamed(t, s, d)
			}
			if d.Act != failover.Nothing && d.Due.After(s.now) {
				t.Fatalf("acts before %v", d.Due)
			}
			if d.Act == failover.Activate {
				acts++
				checkNobodyElse(t, s, d)
				checkReason(t, s, d)
			}
		})
	}
	if acts < 30 {
		t.Errorf("%d judgements activated a node: the test shows nothing", acts)
	}
}

func (s *scene) since(at time.Time) float64 { return s.now.Sub(at).Seconds() }

// checkNamed: the node that is named is ready, and not active already.
func checkNamed(t *rapid.T, s *scene, d failover.Judgement) {
	n := s.seen.Nodes[d.Node]
	switch {
	case !d.Conditions[d.Node].Ready:
		t.Fatalf("%s is named, and not ready", d.Node)
	case d.Node == s.state.Active, s.state.IsSuspended(d.Node):
		t.Fatalf("%s is named, and active or suspended", d.Node)
	case s.since(n.Heard) > 3, s.since(n.Rounds.Asked) > 17, !n.Blocked.IsZero():
		t.Fatalf("%s is named, and gone", d.Node)
	}
}

// checkNobodyElse: no node is activated while there is a hold, or something beyond the nodes
// that explains all.
func checkNobodyElse(t *rapid.T, s *scene, d failover.Judgement) {
	upgrade, fault, newest := false, false, max(s.seen.Bound.Era, s.seen.Nodes[s.state.Active].Place.Era)
	for name, n := range s.seen.Nodes {
		said := n.Status.Reactor == "ShutdownForUpgrade" || n.Status.Reactor == "Upgrading"
		era := n.Status.UpgradeEra
		now := era == 0 || s.seen.Nodes[s.state.Active].Place.Era < era && era <= newest+1
		upgrade = upgrade || said && now && !s.state.IsSuspended(name)
		switch proof := s.seen.Findings[name].Proof; {
		case n.Fault.IsZero() || s.state.IsSuspended(name):
		case proof == failover.Proven:
			fault = true
		case proof != failover.False:
			fault = fault || n.FaultEra == s.seen.Bound.Era
		}
	}
	switch {
	case d.Node == "" || d.Confirm:
		t.Fatalf("activates %q, to be confirmed: %v", d.Node, d.Confirm)
	case s.state.HoldUntil > s.now.UnixMilli():
		t.Fatal("acts while held")
	case s.seen.Reporting < 2, s.seen.Signing.IsZero(), s.since(s.seen.Signing) < 10:
		t.Fatal("acts without a quorum")
	case s.seen.Listening.IsZero(), s.since(s.seen.Listening) < 10:
		t.Fatal("acts before it has listened")
	case upgrade:
		t.Fatal("acts in an upgrade")
	case fault:
		t.Fatal("acts after a fault")
	case !s.state.IsSuspended(s.state.Active) && s.now.UnixMilli()-s.state.Since < 10000:
		t.Fatal("acts in the cool-down")
	}
}

// checkReason: there is one to activate the node, and the settings allow it.
func checkReason(t *rapid.T, s *scene, d failover.Judgement) {
	active := s.seen.Nodes[s.state.Active]
	further := func(name string) bool {
		p := s.seen.Nodes[name].Place
		return p.Era > active.Place.Era || p.Round > active.Place.Round+1 || p.Height > active.Place.Height+1
	}
	answered := func(name string) bool {
		n := s.seen.Nodes[name]
		return name != s.state.Active && n.Blocked.IsZero() &&
			(s.since(n.Rounds.Asked) <= 17 || s.since(n.Heights.Asked) <= 17)
	}
	switch {
	case d.Code == failover.Return:
		byHand := false
		for _, e := range s.state.History {
			byHand = e.What == "activate" && e.Cause == failover.Operator || e.What != "activate" && byHand
		}
		if s.settings.Failback != failover.Auto || d.Node != "main" || byHand {
			t.Fatalf("returns to %s", d.Node)
		}
	case s.settings.Failover != failover.Auto:
		t.Fatalf("fails over, and the policy is %s", s.settings.Failover)
	case s.state.IsSuspended(s.state.Active), s.since(active.Heard) >= 10:
	case !active.Blocked.IsZero() && (s.since(active.Rounds.Asked) <= 17 || s.since(active.Heights.Asked) <= 17):
		if s.since(active.Blocked) < 10 || !slices.ContainsFunc(s.settings.Nodes, answered) {
			t.Fatal("blames a node for the cosigners")
		}
	case s.since(active.Status.At) < 10, s.since(active.Rounds.Asked) < 10, s.since(active.Heights.Asked) < 10:
		if !slices.ContainsFunc(s.settings.Nodes, further) {
			t.Fatal("blames a node that pings, answers and is not behind")
		}
	}
}

// TestWorld lets anything happen to two nodes, and then all be well again. At each judgement a node
// that is named must live, and be the state's other one; and in the end, unless an operator wants
// it otherwise, a node that lives is active.
func TestWorld(t *testing.T) {
	changes := 0
	rapid.Check(t, func(t *rapid.T) {
		c := settings("main", "standby")
		c.FailbackAfter = 20 * time.Second
		w := newWorld(c)
		if rapid.Bool().Draw(t, "fenced") {
			w.state.Mode = failover.Fenced
		}
		w.needsUs = rapid.Bool().Draw(t, "needs us")
		gone := map[string]time.Duration{}
		w.check = func(d failover.Judgement) {
			for name, h := range w.hosts {
				if h.agent && h.cosigners {
					gone[name] = w.t
				}
			}
			if d.Node == "" {
				return
			}
			if d.Node == w.state.Active || w.state.IsSuspended(d.Node) || !d.Conditions[d.Node].Ready ||
				w.t-gone[d.Node] > 4*time.Second {
				t.Fatalf("%v: names %s, which is gone since %v: %s", w.t, d.Node, gone[d.Node], d.Why)
			}
			if d.Act == failover.Activate {
				changes++
				held, quorum := w.state.HoldUntil > w.seen.Wall.UnixMilli(), w.seen.Signing
				if held || quorum.IsZero() || w.now().Sub(quorum) < 10*time.Second {
					t.Fatalf("%v: acts while held, or without a quorum: %s", w.t, d.Why)
				}
			}
		}
		for range rapid.IntRange(1, 8).Draw(t, "events") {
			for until := w.t + time.Duration(rapid.IntRange(0, 250).Draw(t, "ticks"))*tick; w.t < until; {
				w.pass()
			}
			befall(t, &story{world: w})
		}
		w.stalled, w.opened = false, w.t
		if w.seen.Signing.IsZero() {
			w.seen.Signing = w.now()
		}
		for name, h := range w.hosts {
			w.operator(func(c failover.Change) { w.state.Suspend(name, false, c) })
			h.happens("returns", w)
			h.happens("catches up", w)
			h.upgradeEra = 0
		}
		for until := w.t + 70*time.Second; w.t < until; {
			w.pass()
		}
		if code := w.judgement.Code; !slices.Contains([]string{failover.Well, failover.Return, failover.ByHand, failover.Held,
			failover.Upgrade}, code) {
			t.Fatalf("all are well, and the judgement is %s: %s", code, w.judgement.Why)
		}
	})
	if changes == 0 {
		t.Error("no role ever changed: the test shows nothing")
	}
}

// befall lets one thing happen.
func befall(t *rapid.T, s *story) {
	name := rapid.SampledFrom(s.settings.Nodes).Draw(t, "node")
	var err error
	switch rapid.IntRange(0, 4).Draw(t, "what") {
	case 0:
		err = s.befalls(rapid.SampledFrom([]string{"network stalls", "network goes on", "cosigners lose their quorum",
			"cosigners have their quorum again", "leader changes", "cosigners start again", "cosigners listen anew",
			"clock jumps an hour ahead", "clock jumps an hour back"}).Draw(t, "befalls"))
	case 1:
		err = s.operates(rapid.SampledFrom([]string{"promotes " + name, "holds", "holds for 2m", "resumes",
			"suspends " + name, "unsuspends " + name}).Draw(t, "operates"))
	default:
		s.hosts[name].happens(rapid.SampledFrom([]string{"dies", "loses its agent", "loses its node", "hangs",
			"loses its peers",
			"loses the cosigners", "is left unanswered", "shuts down", "stages an upgrade for the next era", "reports a fault",
			"returns 30 rounds behind", "returns", "catches up", "says CatchUp", "says Upgrading"}).Draw(t, "happens"), s.world)
	}
	if err != nil {
		t.Fatal(err)
	}
}
