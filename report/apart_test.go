package report

import (
	"strings"
	"testing"
	"time"
)

// TestAdvise: what does not fit is named with what to set; what fits is passed over in silence.
func TestAdvise(t *testing.T) {
	const ms = time.Millisecond
	usual := Failover{PingTimeout: 500 * ms, After: 10 * time.Second}
	with := func(change func(*Failover)) Failover { f := usual; change(&f); return f }
	short := with(func(f *Failover) { f.After = 3 * time.Second })
	hasty := with(func(f *Failover) { f.PingTimeout = 100 * ms })
	for _, c := range []struct {
		timing   string
		by       time.Duration
		failover Failover
		want     []string // part of each line
	}{
		{"measured", 0, usual, nil},
		{"measured", ms / 2, usual, nil},
		{"measured", 80 * ms, usual, nil},
		{"measured", 109 * ms, usual, nil},
		{"measured", 112 * ms, usual, []string{`timing = "measured" is not made: set timing = "wan"`}},
		{"lan", ms, usual, nil},
		{"lan", 59 * ms, usual, nil},
		{"lan", 80 * ms, usual, []string{`timing = "lan" is not made: set timing = "measured"`}},
		{"lan", 150 * ms, usual, []string{`set timing = "wan"`}},
		{"region", 10 * ms, usual, nil}, // whoever wants calm
		{"region", 100 * ms, usual, nil},
		{"region", 120 * ms, usual, []string{`set timing = "wan"`}},
		{"wan", 10 * ms, usual, []string{`timing = "wan" is not made: set timing = "measured"`}},
		{"wan", 100 * ms, usual, nil},
		{"wan", 200 * ms, usual, nil},
		{"wan", 230 * ms, usual, []string{"c1 and c3 are 230 ms apart, further than any timing is made for"}},

		{"lan", ms, short, nil},
		{"measured", 30 * ms, short, nil},
		{"measured", 80 * ms, short, []string{`set failover_after = "5s" or more`}},
		{"wan", 150 * ms, short, []string{`set failover_after = "10s" or more`}},
		{"lan", 150 * ms, short, []string{`timing = "wan"`, `failover_after = "10s"`}},
		{"measured", 40 * ms, hasty, nil},
		{"measured", 80 * ms, hasty, []string{`ping_timeout = "100ms" is not made: set ping_timeout = "200ms" or more`}},
	} {
		got := advise(Cluster{Timing: c.timing, Failover: c.failover}, apart{"c1", "c3", c.by})
		fits := len(got) == len(c.want)
		for i := range c.want {
			fits = fits && strings.Contains(got[i], c.want[i])
		}
		if !fits {
			t.Errorf("%s, %v apart, %+v: %q, want %q", c.timing, c.by, c.failover, got, c.want)
		}
	}
}

func TestFurthest(t *testing.T) {
	all := []Cosigner{
		{Name: "c1", Peers: []Peer{{Name: "c2", RTTSeconds: .03}, {Name: "c3", RTTSeconds: .08}}},
		{Name: "c2", Peers: []Peer{{Name: "c1"}, {Name: "c3", RTTSeconds: .0805}}},
		{Name: "c3"}, // does not answer
	}
	if got, want := furthest(all), (apart{"c2", "c3", 80500 * time.Microsecond}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := furthest(nil); got != (apart{}) {
		t.Errorf("of nobody: %+v", got)
	}
	if a, b, c := all[0].Peers[1].RTT(), (Peer{RTTSeconds: .00042}).RTT(), (Peer{}).RTT(); a != "80 ms" || b != "0.4 ms" ||
		c != "-" {
		t.Errorf("written %q, %q, %q", a, b, c)
	}
}
