package failover_test

import (
	"testing"
	"time"

	"casper-cosigner/rule/failover"
)

// TestWaits: a gate waits as its agent told it, no longer than a voter in any case, and briefly
// once the agent is gone for longer than it takes to start it anew.
func TestWaits(t *testing.T) {
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	voter := failover.Known{Active: true, Passive: true}.Waits(at(0))
	other := failover.Known{Passive: true}.Waits(at(0))
	for _, c := range []struct {
		name    string
		told    failover.Waits
		granted bool
		now     int
		want    time.Duration
	}{
		{"a voter's first", voter, false, 0, 8 * time.Second},
		{"a voter's others", voter, true, 1, 4 * time.Second},
		{"a passive node", other, false, 1, 250 * time.Millisecond},
		{"a passive node that voted before it was one", other, true, 1, 4 * time.Second},
		{"an agent that is started anew", voter, false, 9, 8 * time.Second},
		{"an agent that is gone", voter, false, 11, 250 * time.Millisecond},
		{"nothing told yet", failover.Waits{}, false, 0, 250 * time.Millisecond},
		{"an agent that says nothing", failover.Waits{At: at(0)}, true, 0, 250 * time.Millisecond},
		{"an agent that is mistaken", failover.Waits{First: time.Hour, At: at(0)}, false, 0, 8 * time.Second},
	} {
		if got := c.told.For(c.granted, at(c.now)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestActiveTold: whom a threshold of cosigners names is active, and one alone makes nobody so.
func TestActiveTold(t *testing.T) {
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	a := failover.NewActiveTold("a", 2, time.Second)
	for i, c := range []struct {
		cosigner, names string
		at              int
		want            string
	}{
		{"1", "", 0, "a"},
		{"1", "b", 0, "a"},
		{"1", "b", 1, "a"}, // however often
		{"2", "b", 2, "b"},
		{"3", "a", 3, "b"},
		{"1", "a", 4, "a"},
		{"2", "b", 5, "a"},
		{"3", "c", 6, "a"},
		{"1", "b", 20, "a"}, // what another one named long ago does not count
		{"2", "b", 21, "b"},
		{"1", "", 22, "b"},
	} {
		if a.Heard(c.cosigner, c.names, at(c.at)); a.Active() != c.want {
			t.Errorf("%d: active is %s, want %s", i, a.Active(), c.want)
		}
	}
}
