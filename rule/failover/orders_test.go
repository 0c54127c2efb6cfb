package failover_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"casper-cosigner/rule/failover"
)

// TestOrdersNamed: an agent follows what a threshold of different cosigners name alike and lately,
// and nothing that fewer say.
func TestOrdersNamed(t *testing.T) {
	order := failover.Order{Epoch: 4, Era: 7, Cause: failover.RearmSilent, Why: "no message", At: begin}
	later := order
	later.Epoch = 5
	other := order
	other.Era = 8
	old := order
	old.At = begin.Add(-time.Hour)
	type told struct {
		by    string
		order failover.Order
		at    time.Duration
	}
	for name, c := range map[string]struct {
		told []told
		want uint64
	}{
		"nobody":                     {nil, 0},
		"nothing is ordered":         {[]told{{"a", failover.Order{}, 0}, {"b", failover.Order{}, 0}}, 0},
		"one":                        {[]told{{"a", order, 0}}, 0},
		"one, twice":                 {[]told{{"a", order, 0}, {"a", order, time.Second}}, 0},
		"two":                        {[]told{{"a", order, 0}, {"b", order, 0}}, 4},
		"two of three":               {[]told{{"a", order, 0}, {"b", order, 0}, {"c", failover.Order{}, 0}}, 4},
		"two, of two eras":           {[]told{{"a", order, 0}, {"b", other, 0}}, 0},
		"two orders":                 {[]told{{"a", order, 0}, {"b", later, 0}}, 0},
		"a later one":                {[]told{{"a", later, 0}, {"b", order, 0}, {"c", later, 0}, {"d", order, 0}}, 5},
		"one who told it no longer":  {[]told{{"a", order, 0}, {"b", order, 0}, {"b", failover.Order{}, time.Second}}, 0},
		"one who told it too early":  {[]told{{"a", order, -2 * time.Second}, {"b", order, 0}}, 0},
		"two who say that it is old": {[]told{{"a", old, 0}, {"b", old, 0}}, 0},
		"one who says that it is":    {[]told{{"a", old, 0}, {"b", order, 0}}, 0},
	} {
		o := failover.NewOrders(2, time.Second)
		slices.SortStableFunc(c.told, func(a, b told) int { return int(a.at - b.at) })
		for _, x := range c.told {
			o.Heard(x.by, x.order, begin.Add(x.at))
		}
		if got := o.Named(begin.Add(1100 * time.Millisecond)); got.Epoch != c.want {
			t.Errorf("%s: %+v, want epoch %d", name, got, c.want)
		}
	}
}

// TestOrderAgainst: an order is obeyed once, and not when what called for it is over.
func TestOrderAgainst(t *testing.T) {
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	order := failover.Order{Epoch: 4, Era: 7, At: at(0)}
	obeys := func(edit func(*failover.Node), obeyed uint64) string {
		n := failover.Node{Status: failover.Status{Era: 7}, Gate: failover.Gate{Started: at(-600), Took: time.Minute}}
		edit(&n)
		return order.Against(n, obeyed, at(1))
	}
	nothing := func(*failover.Node) {}
	for name, c := range map[string]struct {
		edit   func(*failover.Node)
		obeyed uint64
		obeys  bool
	}{
		"the first":                    {nothing, 0, true},
		"a later one":                  {nothing, 3, true},
		"the same":                     {nothing, 4, false},
		"an earlier one":               {nothing, 5, false},
		"started since":                {func(n *failover.Node) { n.Gate.Started = at(1) }, 0, false},
		"started just before":          {func(n *failover.Node) { n.Gate.Started = at(-58) }, 0, false},
		"the era is over":              {func(n *failover.Node) { n.Status.Era = 8 }, 0, false},
		"refused in the next era":      {func(n *failover.Node) { n.Gate.RefusedEra = 8 }, 0, false},
		"the era has no block yet":     {func(n *failover.Node) { n.Status.Era = 6 }, 0, true},
		"nothing is known of the node": {func(n *failover.Node) { *n = failover.Node{} }, 0, true},
		"restarted twice in the era":   {func(n *failover.Node) { n.Gate.OrderedEra, n.Gate.Orders = 7, 2 }, 0, false},
		"restarted twice in the last":  {func(n *failover.Node) { n.Gate.OrderedEra, n.Gate.Orders = 6, 2 }, 0, true},
		"restarted by order just before": {func(n *failover.Node) {
			n.Gate.Ordered, n.Gate.OrderedEra, n.Gate.Orders = at(-170), 6, 1
		}, 3, false},
	} {
		if why := obeys(c.edit, c.obeyed); (why == "") != c.obeys {
			t.Errorf("%s: %q", name, why)
		}
	}
}

// TestRestartInState: what the log ordered counts like what the agent tells, and a restart is no
// change of roles.
func TestRestartInState(t *testing.T) {
	judge := func(edit func(*scene)) failover.Judgement {
		s := outScene()
		edit(s)
		return failover.NewJudge(s.settings).Judge(s.state, s.seen, s.now)
	}
	ordered := func(s *scene, era uint64, seconds float64) {
		s.state.Restart("main", era, failover.Change{Epoch: s.state.Epoch, Cause: failover.RearmWorth, Reason: "because",
			At: s.seen.Wall.Add(-time.Duration(seconds * float64(time.Second))).UnixMilli()})
	}
	for _, c := range []struct {
		name string
		edit func(*scene)
		code string
	}{
		{"just now", func(s *scene) { ordered(s, 7, 1) }, failover.RearmRests},
		{"three restart times ago", func(s *scene) { ordered(s, 7, 181) }, failover.RearmWorth},
		{"twice in this era", func(s *scene) { ordered(s, 7, 999); ordered(s, 7, 500) }, failover.RearmSpent},
		{"twice in the last one", func(s *scene) { ordered(s, 6, 999); ordered(s, 6, 500) }, failover.RearmWorth},
		{"once, and once by another's word", func(s *scene) {
			ordered(s, 7, 999)
			s.node("main", func(n *failover.Node) { n.Gate.Ordered, n.Gate.OrderedEra, n.Gate.Orders = s.ago(999), 7, 2 })
		}, failover.RearmSpent},
		{"by a clock that is ahead", func(s *scene) { ordered(s, 7, -3600) }, failover.RearmRests},
	} {
		d := judge(c.edit)
		if d.Rearm.Code != c.code {
			t.Errorf("%s: %s (%s), want %s", c.name, d.Rearm.Code, d.Rearm.Why, c.code)
		}
		if o := d.Orders["main"]; o.Epoch == 0 || o.Cause != failover.RearmWorth || o.Why != "because" || o.At.IsZero() {
			t.Errorf("%s: told %+v", c.name, o)
		}
		if o := d.Orders["standby"]; o != (failover.Order{}) {
			t.Errorf("%s: told %+v of the other", c.name, o)
		}
	}
}

// TestRestartNotCalledFor: an order that a compromised leader wrote is not passed on by those who
// see no reason for it; one that is called for is, also by those who come to see that later.
func TestRestartNotCalledFor(t *testing.T) {
	s := outScene()
	order := func() {
		s.state.Restart("main", 7, failover.Change{Epoch: s.state.Epoch, Cause: failover.RearmSilent, Reason: "so I say",
			At: s.seen.Wall.UnixMilli()})
	}
	named := func(j *failover.Judge) uint64 { return j.Judge(s.state, s.seen, s.now).Orders["main"].Epoch }
	order()
	s.seen.BoundAt = s.ago(17) // it votes
	j := failover.NewJudge(s.settings)
	if got := named(j); got != 0 {
		t.Errorf("order %d of a node that votes is passed on", got)
	}
	s.seen.BoundAt = s.ago(60)
	first := s.state.Epoch
	if got := named(j); got != first {
		t.Errorf("order %d of a node that is out is passed on, want %d", got, first)
	}
	order()
	s.seen.BoundAt = s.ago(17)
	if got := named(j); got != 0 {
		t.Errorf("order %d is passed on because one before was called for", got)
	}
	for name, edit := range map[string]func(*scene){
		"by hand":    func(s *scene) { s.settings.Rearm = failover.Manual },
		"held":       func(s *scene) { s.state.HoldUntil = failover.ForGood },
		"not active": func(s *scene) { s.state.Active = "standby" },
	} {
		s = outScene()
		order()
		edit(s)
		if got := named(failover.NewJudge(s.settings)); got != 0 {
			t.Errorf("%s: order %d is passed on", name, got)
		}
	}
}

// TestRestartPutsOffNothing: a failover does not wait because a restart was ordered.
func TestRestartPutsOffNothing(t *testing.T) {
	s := outScene()
	s.node("standby", func(n *failover.Node) { n.Gate.Refused, n.Rounds.Asked = time.Time{}, s.ago(2) })
	s.gone("main", 30)
	change := failover.Change{Epoch: s.state.Epoch, At: s.seen.Wall.UnixMilli() - 500}
	s.state.Restart("main", 7, change)
	s.state.Restart("main", 7, failover.Change{Epoch: s.state.Epoch, At: change.At})
	d := failover.NewJudge(s.settings).Judge(s.state, s.seen, s.now)
	if d.Act != failover.Activate || d.Node != "standby" {
		t.Errorf("%s: %s, due in %v", d.Code, d.Why, d.Due.Sub(s.now))
	}
}

// TestRestartsRoll: the history keeps so many changes, and no count outlives them.
func TestRestartsRoll(t *testing.T) {
	var s failover.State
	for i := range uint64(2 * failover.KeptEvents) {
		node := fmt.Sprint("node-", i)
		if !s.MayRestart(node, i) || !s.Restart(node, i, failover.Change{Epoch: i}) {
			t.Fatalf("%d is not ordered", i)
		}
	}
	if len(s.History) != failover.KeptEvents {
		t.Errorf("%d changes are kept", len(s.History))
	}
}
