package failover_test

import (
	"testing"
	"time"

	"casper-cosigner/rule/failover"
)

// rig tells a Start what /status says, each second.
type rig struct {
	t     *testing.T
	start failover.Start
	gate  failover.Gate
	at    time.Time     // now
	began time.Time     // start of the process
	late  time.Duration // of its answers
}

func newRig(t *testing.T, up time.Duration) *rig {
	return &rig{t: t, at: begin, began: begin.Add(-up)}
}

// says lets so many seconds pass in which the node is in that state; blocks are of two seconds.
func (r *rig) says(reactor string, seconds int) {
	for range seconds {
		s := failover.Status{At: r.at.Add(r.late), Reactor: reactor}
		if reactor == "Validate" {
			s.Round = 2 * time.Second
		}
		r.start.Seen(&r.gate, s, r.at.Sub(r.began), r.at)
		r.at = r.at.Add(time.Second)
	}
}

// ends starts the node again, a second later.
func (r *rig) ends() {
	r.at = r.at.Add(time.Second)
	r.began = r.at
}

func (r *rig) fails(want bool, when string) {
	r.t.Helper()
	if got := !r.gate.Failing.IsZero(); got != want {
		r.t.Errorf("%s: its starts fail: %v", when, got)
	}
}

// TestStartFails: casper-node 2.0.3 may end some seconds after it validates, again and again.
func TestStartFails(t *testing.T) {
	r := newRig(t, time.Hour)
	r.says("Validate", 1)
	r.ends()
	r.says("CatchUp", 8)
	r.says("Validate", 7)
	r.fails(false, "after the first start")
	r.ends()
	since := r.at
	for range 5 {
		r.says("CatchUp", 8)
		r.fails(true, "once a start had failed")
		r.says("Validate", 7)
		r.fails(true, "while it validates for less than that took")
		r.ends()
	}
	r.says("CatchUp", 8)
	if r.gate.Failing != since {
		t.Errorf("its starts fail since %v, want %v", r.gate.Failing, since)
	}
	r.says("Validate", 9)
	r.fails(false, "once it validated for as long as that took")
	r.ends()
	r.says("CatchUp", 1)
	r.fails(false, "when it is started once more")
}

// TestStartSteady: how long a node must validate, at the least.
func TestStartSteady(t *testing.T) {
	for _, c := range []struct {
		takes, validates int
		fails            bool
	}{{1, 6, true}, {1, 7, false}, {20, 20, true}, {20, 21, false}, {400, 299, true}, {400, 301, false}} {
		r := newRig(t, 0)
		r.says("CatchUp", c.takes)
		r.says("Validate", c.validates)
		r.ends()
		r.says("CatchUp", 1)
		if got := !r.gate.Failing.IsZero(); got != c.fails {
			t.Errorf("%d s until it validates, which it does for %d s: its start failed: %v", c.takes, c.validates, got)
		}
	}
	r := newRig(t, 0)
	r.says("CatchUp", 5)
	for range 4 {
		r.says("Validate", 4)
		r.says("CatchUp", 1)
	}
	r.ends()
	r.says("CatchUp", 1)
	r.fails(true, "after it validated with breaks")
}

// TestStartOrdered: what the agent ended itself is no failure; the next end is.
func TestStartOrdered(t *testing.T) {
	r := newRig(t, 0)
	r.says("CatchUp", 5)
	r.says("Validate", 2)
	r.gate.Obeyed(7, r.at)
	r.ends()
	r.says("CatchUp", 5)
	r.fails(false, "restarted by order")
	r.ends()
	r.says("CatchUp", 1)
	r.fails(true, "and then by itself")
}

// TestStartFirst: of what was before the agent's first look nothing is guessed.
func TestStartFirst(t *testing.T) {
	for _, c := range []struct {
		name    string
		up      time.Duration
		reactor string
		took    time.Duration
		fails   bool
	}{
		{"it validates", 10 * time.Second, "Validate", 0, false},
		{"it catches up since long ago", 5 * time.Minute, "CatchUp", 0, false},
		{"it is starting", 10 * time.Second, "CatchUp", 12 * time.Second, true},
	} {
		r := newRig(t, c.up)
		r.says(c.reactor, 2)
		r.says("Validate", 2)
		if r.gate.Took != c.took || !r.gate.Started.Equal(begin.Add(-c.up)) {
			t.Errorf("%s: it took %v, and was started %v", c.name, r.gate.Took, r.gate.Started.Sub(begin))
		}
		r.ends()
		r.says("CatchUp", 1)
		r.fails(c.fails, c.name)
	}
}

// TestStartLate: an answer that comes long after it was asked tells of the same process, whenever
// in between the uptime was taken.
func TestStartLate(t *testing.T) {
	for _, taken := range []time.Duration{0, 20 * time.Second} {
		for _, first := range []bool{true, false} {
			r := newRig(t, 0)
			late := func() {
				r.late, r.began = 20*time.Second, r.began.Add(-taken)
				r.says("CatchUp", 1)
				r.late, r.began, r.at = 0, r.began.Add(taken), r.at.Add(20*time.Second)
			}
			if first {
				late()
			}
			r.says("CatchUp", 5)
			if !first {
				late()
			}
			started := r.gate.Started
			if r.says("Validate", 1); !r.gate.Started.Equal(started) {
				t.Errorf("taken after %v, first %v: another start, %v later", taken, first, r.gate.Started.Sub(started))
			}
			r.fails(false, "after a late answer")
			r.ends()
			r.says("CatchUp", 1)
			r.fails(true, "and once it ended")
		}
	}
}
