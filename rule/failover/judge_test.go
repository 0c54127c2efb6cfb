package failover_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"
	"time"

	"casper-cosigner/rule/failover"
)

// scene is what a judge is shown. As shown makes it, all three nodes have been well for long and
// the main is active.
type scene struct {
	settings failover.Settings
	state    failover.State
	seen     failover.Observation
	now      time.Time
}

func shown(now time.Time) *scene {
	s := &scene{settings: settings("main", "standby", "spare"), now: now,
		state: failover.State{Mode: failover.Hot, Active: "main", Epoch: 3, Since: now.Add(-time.Hour).UnixMilli()},
		seen: failover.Observation{Reporting: 2, Listening: now.Add(-time.Hour), Signing: now.Add(-time.Hour),
			Bound: failover.Place{Era: 7, Round: 40}, BoundAt: now.Add(-3 * time.Second), Wall: now,
			Nodes: map[string]failover.Node{}}}
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, name := range s.settings.Nodes {
		s.seen.Nodes[name] = failover.Node{
			Heard: ago(time.Second / 2), HeardByAgent: ago(time.Second),
			Asks: failover.Asks{Place: failover.Place{Era: 7, Round: 40, Height: 1000},
				Rounds:  failover.Progress{Asked: ago(2 * time.Second), Advanced: ago(3 * time.Second)},
				Heights: failover.Progress{Asked: ago(time.Second), Advanced: ago(time.Second)}},
			Status: failover.Status{At: ago(time.Second), Reactor: "Validate", Height: 999, Round: 8 * time.Second,
				Key: validator, Peers: 50, Version: "2.0.3"},
		}
	}
	return s
}

func (s *scene) ago(d float64) time.Time { return s.now.Add(-time.Duration(d * float64(time.Second))) }

func (s *scene) node(name string, edit func(*failover.Node)) {
	n := s.seen.Nodes[name]
	edit(&n)
	s.seen.Nodes[name] = n
}

// aheadOfBound makes the standby ask further than main, for what nothing is bound of: two rounds'
// time, so that it may.
func (s *scene) aheadOfBound(round uint32, height uint64) {
	s.seen.BoundAt = s.ago(17)
	s.node("standby", func(n *failover.Node) { n.Place.Round, n.Place.Height = round, height })
}

// gone makes the node's agent and node dead for so many seconds.
func (s *scene) gone(name string, seconds float64) {
	s.node(name, func(n *failover.Node) {
		n.Heard, n.HeardByAgent = s.ago(seconds), s.ago(seconds+0.5)
		n.Status.At, n.Rounds.Asked, n.Heights.Asked = s.ago(seconds+0.3), s.ago(seconds+3), s.ago(seconds+3)
	})
}

// did adds an event to the history, and makes the standby the active node.
func (s *scene) did(what, cause string, ago time.Duration) {
	s.state.Active = "standby"
	s.state.History = append(s.state.History, failover.Event{What: what, Subject: "standby",
		Cause: cause, At: s.now.Add(-ago).UnixMilli()})
}

// unanswered has the cosigners leave what these nodes ask unanswered, for half a minute now.
func (s *scene) unanswered(names ...string) {
	for _, name := range names {
		s.node(name, func(n *failover.Node) { n.Blocked = s.ago(30) })
	}
}

type rule struct {
	name  string
	edit  func(*scene)
	first time.Duration // how long ago the judge was shown the same for the first time, if it was
	want  failover.Judgement
	due   float64 // seconds from now, if want has an act or a node
}

func rules() []rule {
	return slices.Concat(nobodyRules(), calmRules(), faultRules(), failoverRules(), downRules(), behindRules(),
		returnRules(), stockRules())
}

func TestRules(t *testing.T) {
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			s := shown(begin)
			r.edit(s)
			j := failover.NewJudge(s.settings)
			for left := r.first; left > 0; left -= 5 * time.Second {
				was := shown(begin.Add(-left))
				r.edit(was)
				j.Judge(was.state, was.seen, was.now)
			}
			got := j.Judge(s.state, s.seen, s.now)
			if got.Code != r.want.Code || got.Act != r.want.Act || got.Node != r.want.Node || got.Confirm != r.want.Confirm {
				t.Errorf("got %s (%s), act %d, node %q, confirm %v", got.Code, got.Why, got.Act, got.Node, got.Confirm)
			}
			want := time.Time{}
			if r.want.Act != failover.Nothing || r.want.Node != "" || r.due != 0 {
				want = s.ago(-r.due)
			}
			if !got.Due.Equal(want) {
				t.Errorf("due %v, want %v", got.Due.Sub(s.now), want.Sub(s.now))
			}
			if got.Why == "" || len(got.Conditions) != 3 {
				t.Errorf("why %q, conditions %v", got.Why, got.Conditions)
			}
		})
	}
}

// TestEveryCodeHasARow: each code of the rules is the outcome of one of them, and each code of a
// node of one condition.
func TestEveryCodeHasARow(t *testing.T) {
	seen := map[string]bool{failover.Operator: true}
	for _, r := range rules() {
		seen[r.want.Code] = true
	}
	for _, c := range conditions() {
		seen[c.code] = true
	}
	f, err := parser.ParseFile(token.NewFileSet(), "code.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	codes := 0
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			code, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil || !seen[code] {
				t.Errorf("%s has no row, %v", v.Names[0].Name, err)
			}
			if codes++; v.Comment == nil && code != failover.Operator {
				t.Errorf("%s is not explained", v.Names[0].Name)
			}
		}
		return true
	})
	if codes < 20 {
		t.Errorf("only %d codes were found", codes)
	}
}

// TestSettled: of all codes of a judgement those mean that the roles stand which want no change.
func TestSettled(t *testing.T) {
	want := []string{failover.Well, failover.ByHand, failover.FailbackManual, failover.Stall, failover.Blocked}
	for _, code := range []string{failover.NotStarted, failover.Fault, failover.Unread, failover.Held, failover.NoQuorum,
		failover.Paused, failover.Upgrade, failover.Suspended, failover.Silent, failover.CutOff, failover.Blocked,
		failover.NodeDown, failover.Behind, failover.NotConnected, failover.NobodyReady, failover.ByHand,
		failover.FailbackManual, failover.Return, failover.Stall, failover.Well, ""} {
		if got := (failover.Judgement{Code: code}).Settled(); got != slices.Contains(want, code) {
			t.Errorf("%q: %v", code, got)
		}
	}
	if (failover.Judgement{Code: failover.Blocked, Node: "standby", Due: begin}).Settled() {
		t.Error("the standby is to take over, and roles are settled")
	}
}
