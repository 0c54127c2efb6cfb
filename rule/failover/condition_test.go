package failover_test

import (
	"strings"
	"testing"
	"time"

	"casper-cosigner/rule/failover"
)

type condition struct {
	name string
	edit func(*scene, *failover.Node) // of the standby
	code string                       // empty: ready
}

func conditions() []condition {
	quiet := func(s *scene, n *failover.Node) { n.Rounds.Asked = s.ago(17.1) }
	return []condition{
		{"well", func(*scene, *failover.Node) {}, ""},
		{"suspended", func(s *scene, _ *failover.Node) { s.state.Suspended = []string{"standby"} }, failover.Suspended},
		{"two pings lost", func(s *scene, n *failover.Node) { n.Heard = s.ago(3) }, ""},
		{"three pings lost", func(s *scene, n *failover.Node) { n.Heard = s.ago(3.1) }, failover.Silent},
		{"never pinged", func(_ *scene, n *failover.Node) { *n = failover.Node{} }, failover.Silent},
		{"another agent reaches it", func(s *scene, n *failover.Node) { n.Heard = s.ago(10) }, failover.CutOff},
		{"another agent reaches it, and it was not listened to", func(s *scene, n *failover.Node) {
			n.Heard, s.seen.Listening = s.ago(30), s.ago(6)
		}, failover.Silent},
		{"refused", func(s *scene, n *failover.Node) { n.Refused = s.ago(999) }, ""},
		{"unanswered", func(s *scene, n *failover.Node) { n.Blocked = s.now }, failover.Blocked},
		{"no sign of life", func(s *scene, n *failover.Node) {
			n.Status.At, n.Rounds.Asked, n.Heights.Asked = s.ago(10), s.ago(10), s.ago(10)
		}, failover.NodeDown},
		{"no sign of life, and not listened to", func(s *scene, n *failover.Node) {
			n.Status.At, n.Rounds.Asked, n.Heights.Asked, s.seen.Listening = s.ago(10), s.ago(10), s.ago(10), s.ago(9)
		}, ""},
		{"asked two rounds ago", func(s *scene, n *failover.Node) { n.Rounds.Asked = s.ago(17) }, ""},
		{"asked for heights only", quiet, failover.NoRequests},
		{"asks for the round before the newest", func(s *scene, n *failover.Node) { s.seen.Bound.Round = 41 }, ""},
		{"asks for what is two rounds short of what is bound", func(s *scene, n *failover.Node) { s.seen.Bound.Round = 42 },
			failover.CatchingUp},
		{"asks for what is two rounds short of what main asks for",
			func(s *scene, n *failover.Node) { n.Place.Round = 38 }, failover.CatchingUp},
		{"asks in the era before, at its end", func(s *scene, n *failover.Node) {
			s.seen.Bound = failover.Place{Era: 8, Round: 1}
		}, ""},
		{"asks in the era before", func(s *scene, n *failover.Node) {
			s.seen.Bound = failover.Place{Era: 8, Round: 2}
		}, failover.CatchingUp},
		{"a round is far less than a ping interval", func(s *scene, n *failover.Node) {
			s.settings.Round, s.seen.Bound.Round, n.Rounds.Asked = time.Second/4, 45, s.ago(1)
		}, ""},
		{"a round is far less, and it is far behind", func(s *scene, n *failover.Node) {
			s.settings.Round, s.seen.Bound.Round, n.Rounds.Asked = time.Second/4, 46, s.ago(1)
		}, failover.CatchingUp},
		{"asks no more, another went on", func(s *scene, n *failover.Node) {
			n.Rounds.Asked, n.Rounds.Advanced, n.Place.Round = s.ago(30), s.ago(30), 30
		}, failover.NoRequests},
		{"does not advance, and asks", func(s *scene, n *failover.Node) {
			n.Heights.Advanced, n.Place.Height = s.ago(30), 900
		}, failover.Behind},
		{"catches up by /status, ready by what it asks", func(_ *scene, n *failover.Node) { n.Status.Reactor = "CatchUp" },
			""},
		{"catches up", func(s *scene, n *failover.Node) {
			quiet(s, n)
			n.Status.Reactor = "CatchUp"
		}, failover.NotValidating},
		{"another key", func(s *scene, n *failover.Node) { quiet(s, n); n.Status.Key = "01bb" }, failover.OtherKey},
		{"the key in capitals", func(s *scene, n *failover.Node) { quiet(s, n); n.Status.Key = "01AA" }, failover.NoRequests},
		{"the key is not known here", func(s *scene, n *failover.Node) { quiet(s, n); s.settings.Validator = "" },
			failover.NoRequests},
		{"no era", func(s *scene, n *failover.Node) { quiet(s, n); n.Status.Round = 0 }, failover.EraClosed},
		{"history of an hour", func(s *scene, n *failover.Node) {
			quiet(s, n)
			n.Status.Lowest = 999 - 450
		}, failover.ShortHistory},
		{"history of two hours", func(s *scene, n *failover.Node) {
			quiet(s, n)
			n.Status.Lowest = 999 - 900
		}, failover.NoRequests},
		{"young chain", func(s *scene, n *failover.Node) { quiet(s, n); n.Status.Height = 500 }, failover.NoRequests},
		{"/status fails", func(s *scene, n *failover.Node) {
			quiet(s, n)
			n.Status.Error = "refused"
			n.Status.Reactor = "CatchUp"
		}, failover.NoRequests},
		{"/status is not known", func(s *scene, n *failover.Node) { quiet(s, n); n.Status = failover.Status{} },
			failover.NoRequests},
	}
}

func TestConditions(t *testing.T) {
	for _, c := range conditions() {
		t.Run(c.name, func(t *testing.T) {
			s := shown(begin)
			s.node("standby", func(n *failover.Node) { c.edit(s, n) })
			got := failover.NewJudge(s.settings).Judge(s.state, s.seen, s.now).Conditions["standby"]
			if got.Code != c.code || got.Ready != (c.code == "") || (got.Why == "") != got.Ready {
				t.Errorf("%+v, want %q", got, c.code)
			}
		})
	}
}

// TestWhy is what an operator reads of a node that asks for nothing.
func TestWhy(t *testing.T) {
	for want, status := range map[string]failover.Status{
		"standby asks for no round: its /status is not known; is rest set in agent.toml?": {},
		`standby asks for no round: /status says that its key is "01bb", not ` + validator +
			": set public_key in its config.toml": {
			At: begin, Reactor: "Validate", Key: "01bb"},
		`its key is "", not ` + validator: {At: begin, Reactor: "Validate"},
	} {
		s := shown(begin)
		s.node("standby", func(n *failover.Node) { n.Rounds.Asked, n.Status = s.ago(17.1), status })
		if got := failover.NewJudge(s.settings).Judge(s.state, s.seen,
			s.now).Conditions["standby"]; !strings.Contains(got.Why, want) {
			t.Errorf("got %q, want %q", got.Why, want)
		}
	}
}

// TestStallWhy: before any node has asked, it is not the network that stands still.
func TestStallWhy(t *testing.T) {
	for want, asked := range map[string]bool{"no node has asked for anything yet": false,
		"the network stands still": true} {
		s := shown(begin)
		s.seen.BoundAt = s.ago(18)
		for name := range s.seen.Nodes {
			s.node(name, func(n *failover.Node) {
				n.Rounds.Advanced, n.Heights.Advanced = s.ago(18), s.ago(18)
				if !asked {
					n.Rounds, n.Heights, n.Place = failover.Progress{}, failover.Progress{}, failover.Place{}
				}
			})
		}
		got := failover.NewJudge(s.settings).Judge(s.state, s.seen, s.now)
		if got.Code != failover.Stall || !strings.Contains(got.Why, want) {
			t.Errorf("got %s, %q, want %q", got.Code, got.Why, want)
		}
	}
}
