package failover_test

import (
	"testing"
	"time"

	"casper-cosigner/rule/failover"
)

// TestPace: a node that is behind is not ready, however long it has been so, unless it asks for new
// rounds all the while and no faster than a chain has them.
func TestPace(t *testing.T) {
	for name, c := range map[string]struct {
		rounds func(since time.Duration) uint32 // that main has come, so long after its return
		ready  bool
	}{
		"a chain's pace":          {func(d time.Duration) uint32 { return uint32(d / (8 * time.Second)) }, true},
		"slower, as rounds fail":  {func(d time.Duration) uint32 { return uint32(d / (12 * time.Second)) }, true},
		"it hangs":                {func(time.Duration) uint32 { return 0 }, false},
		"it catches up all along": {func(d time.Duration) uint32 { return uint32(d / (5 * time.Second)) }, false},
		"by fits and starts":      {func(d time.Duration) uint32 { return 8 * uint32(d/(64*time.Second)) }, false},
	} {
		s := outScene()
		s.settings.Stock, s.state.Active = nil, "standby"
		j := failover.NewJudge(s.settings)
		was, advanced := uint32(0), begin
		var d failover.Judgement
		for at := time.Duration(0); at < 12*time.Minute; at += time.Second {
			s.now = begin.Add(at)
			if n := c.rounds(at); n != was {
				was, advanced = n, s.now
			}
			main := s.seen.Nodes["main"]
			main.Heard, main.Status.At = s.now, s.now
			main.Gate = failover.Gate{}
			main.Place = failover.Place{Era: 5, Round: 10 + was}
			main.Rounds = failover.Progress{Asked: s.now, Advanced: advanced}
			s.seen.Nodes["main"] = main
			s.seen.Bound, s.seen.BoundAt = failover.Place{Era: 7, Round: 7000}, s.now
			d = j.Judge(s.state, s.seen, s.now)
		}
		if got := d.Conditions["main"]; got.Ready != c.ready {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
