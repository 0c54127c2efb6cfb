package failover_test

import (
	"slices"
	"testing"
	"time"

	"casper-cosigner/rule/failover"
)

// faultRules are of a node that tells of a fault in era 7, which is the log's newest.
func faultRules() []rule {
	holds := failover.Judgement{Code: failover.Fault, Act: failover.Hold}
	doubts := failover.Judgement{Code: failover.Unread, Act: failover.Hold}
	tells := func(s *scene) { s.node("spare", func(n *failover.Node) { n.Fault, n.FaultEra = s.ago(60), 7 }) }
	found := func(p failover.Proof) func(*scene) {
		return func(s *scene) {
			tells(s)
			s.seen.Findings = map[string]failover.Finding{"spare": {Proof: p, Era: 7, Why: "of what was found"}}
		}
	}
	proven := found(failover.Proven)
	// full is a history that remembers nothing of before.
	full := func(s *scene, ago float64) {
		s.state.History = slices.Repeat([]failover.Event{{What: "mode", At: s.ago(ago).UnixMilli()}}, failover.KeptEvents)
	}
	// held has the roles be held for what the judge says, by a change of so long ago.
	held := func(s *scene, ago float64) {
		d := failover.NewJudge(s.settings).Judge(s.state, s.seen, s.now)
		s.state.Hold(d.Until, failover.Change{Epoch: s.state.Epoch, Cause: d.Code, Reason: d.Why, At: s.ago(ago).UnixMilli()})
		s.state.Since = s.ago(3600).UnixMilli()
	}
	resumed := func(s *scene) { s.state.HoldUntil = 0 }
	return []rule{
		{"a fault", proven, 0, holds, 0},
		{"a fault, by a suspended node's word", func(s *scene) { proven(s); s.state.Suspended = []string{"spare"} }, 0,
			told(failover.Well), 0},
		{"a fault while held for a time", func(s *scene) { proven(s); s.state.HoldUntil = s.now.UnixMilli() + 1 }, 0, holds,
			0},
		{"a fault while held by a node's word", func(s *scene) { tells(s); held(s, 5); proven(s) }, 0, holds, 0},
		{"a fault without a quorum", func(s *scene) { proven(s); s.seen.Reporting = 0 }, 0, holds, 0},
		{"a fault before the last change", func(s *scene) { proven(s); s.state.Since = s.ago(59).UnixMilli() }, 0, holds, 0},
		{"a fault before all changes that are remembered", func(s *scene) { proven(s); full(s, 59) }, 0,
			told(failover.Well), 0},
		{"a fault before some of the changes that are remembered", func(s *scene) { proven(s); full(s, 61) }, 0, holds, 0},
		{"a fault that was held for already", func(s *scene) { proven(s); held(s, 5); resumed(s) }, 0,
			told(failover.Well), 0},
		{"a fault that was held for already, under another era's name", func(s *scene) {
			proven(s)
			held(s, 5)
			resumed(s)
			s.node("spare", func(n *failover.Node) { n.FaultEra = 8 })
		}, 0, told(failover.Well), 0},
		{"a fault of another era", func(s *scene) {
			proven(s)
			held(s, 5)
			resumed(s)
			s.seen.Findings["spare"] = failover.Finding{Proof: failover.Proven, Era: 71}
		}, 0, holds, 0},
		{"a fault of an old era", func(s *scene) {
			proven(s)
			s.node("spare", func(n *failover.Node) { n.FaultEra = 3 })
		}, 0, holds, 0},

		{"a fault that is none", found(failover.False), 0, told(failover.Well), 0},
		{"a fault that nobody looked into", tells, 0, doubts, 0},
		{"a fault that is unread", found(failover.Unseen), 0, doubts, 0},
		{"a fault that is too old", found(failover.TooOld), 0, doubts, 0},
		{"an unread fault without a quorum", func(s *scene) { tells(s); s.seen.Reporting = 0 }, 0, doubts, 0},
		{"an unread fault, by a suspended node's word", func(s *scene) { tells(s); s.state.Suspended = []string{"spare"} }, 0,
			told(failover.Well), 0},
		{"an unread fault while held", func(s *scene) { tells(s); s.state.HoldUntil = failover.ForGood }, 0,
			told(failover.Held), 0},
		{"an unread fault of the era before", func(s *scene) {
			tells(s)
			s.node("spare", func(n *failover.Node) { n.FaultEra = 6 })
		}, 0, told(failover.Well), 0},
		{"an unread fault of an era to come", func(s *scene) {
			tells(s)
			s.node("spare", func(n *failover.Node) { n.FaultEra = 8 })
		}, 0, told(failover.Well), 0},
		{"an unread fault before all changes that are remembered", func(s *scene) { tells(s); full(s, 59) }, 0,
			told(failover.Well), 0},
		{"an unread fault that is held for", func(s *scene) { tells(s); held(s, 5) }, 0, told(failover.Held), 0},
		{"an unread fault that is held for, and not told any more", func(s *scene) {
			tells(s)
			held(s, 5)
			s.node("spare", func(n *failover.Node) { n.Fault, n.FaultEra = time.Time{}, 0 })
		}, 0, told(failover.Held), 0},
		{"an unread fault for which an operator resumed", func(s *scene) { tells(s); held(s, 5); resumed(s) }, 0,
			told(failover.Well), 0},
		{"an unread fault in the next era, for which roles are held still", func(s *scene) {
			tells(s)
			held(s, 5)
			s.seen.Bound.Era = 8
			s.node("spare", func(n *failover.Node) { n.FaultEra = 8 })
		}, 0, doubts, 0}, // which ends it
		{"an unread fault in the next era", func(s *scene) {
			tells(s)
			held(s, 5)
			resumed(s)
			s.seen.Bound.Era = 8
			s.node("spare", func(n *failover.Node) { n.FaultEra = 8 })
		}, 0, told(failover.Well), 0},
		{"an unread fault on the next day", func(s *scene) {
			tells(s)
			held(s, 24*3600)
			resumed(s)
			s.seen.Bound.Era = 8
			s.node("spare", func(n *failover.Node) { n.FaultEra = 8 })
		}, 0, doubts, 0},
		{"an unread fault by another node", func(s *scene) {
			tells(s)
			held(s, 5)
			resumed(s)
			s.node("standby", func(n *failover.Node) { n.Fault, n.FaultEra = s.ago(1), 7 })
		}, 0, doubts, 0},
		{"an unread fault that is looked into", func(s *scene) { tells(s); held(s, 5); found(failover.False)(s) }, 0,
			doubts, 0},
		{"an unread fault of a node that was suspended", func(s *scene) {
			tells(s)
			held(s, 5)
			s.state.Suspended = []string{"spare"}
		}, 0, doubts, 0},
		{"held by an operator after an unread fault", func(s *scene) {
			tells(s)
			held(s, 5)
			s.state.Hold(failover.ForGood, failover.Change{Epoch: s.state.Epoch, Cause: failover.Operator})
			s.seen.Bound.Era = 8
		}, 0, told(failover.Held), 0},
	}
}

// TestHoldsUntil: for how long each hold is.
func TestHoldsUntil(t *testing.T) {
	tells := func(p failover.Proof) *scene {
		s := shown(begin)
		s.node("spare", func(n *failover.Node) { n.Fault, n.FaultEra = s.ago(60), 7 })
		s.seen.Findings = map[string]failover.Finding{"spare": {Proof: p, Era: 7}}
		s.seen.Wall = begin.Add(time.Hour) // which is what the log dates
		return s
	}
	judged := func(s *scene) failover.Judgement { return failover.NewJudge(s.settings).Judge(s.state, s.seen, s.now) }
	if d := judged(tells(failover.Proven)); d.Until != failover.ForGood {
		t.Errorf("proven, held until %d", d.Until)
	}
	s := tells(failover.Unseen)
	d := judged(s)
	if d.Until != begin.Add(3*time.Hour).UnixMilli() {
		t.Errorf("unread, held until %d", d.Until)
	}
	s.state.Hold(d.Until, failover.Change{Epoch: s.state.Epoch, Cause: d.Code, Reason: d.Why})
	s.seen.Bound.Era = 8
	if d := judged(s); d.Code != failover.Unread || d.Act != failover.Hold || d.Until != 0 {
		t.Errorf("the era is over: %+v", d)
	}
}

// TestHostileWord: a node that tells of a fault in whatever era it likes, for a month, and shows
// nothing, holds roles for a twelfth of the time at most.
func TestHostileWord(t *testing.T) {
	s, total, until := shown(begin), time.Duration(0), int64(0)
	j := failover.NewJudge(s.settings)
	const step = 10 * time.Minute
	for i := range 30 * 24 * 6 {
		now := begin.Add(time.Duration(i) * step)
		was := s
		s = shown(now)
		s.state = was.state
		s.seen.Bound.Era = 7 + uint64(i/12)
		for _, name := range s.settings.Nodes {
			s.node(name, func(n *failover.Node) { n.Place.Era = s.seen.Bound.Era })
		}
		s.node("spare", func(n *failover.Node) { n.Fault, n.FaultEra = now, s.seen.Bound.Era })
		if d := j.Judge(s.state, s.seen, now); d.Act == failover.Hold {
			s.state.Hold(d.Until, failover.Change{Epoch: s.state.Epoch, Cause: d.Code, Reason: d.Why, At: now.UnixMilli()})
			until = d.Until
		}
		if until > now.UnixMilli() {
			total += step
		}
	}
	if limit := 30 * 2 * time.Hour; total > limit || total == 0 {
		t.Errorf("held for %v, want at most %v", total, limit)
	}
}
