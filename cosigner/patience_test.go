package cosigner

import (
	"testing"
	"time"
)

// TestQuorumApart: between sites a share takes a round trip, and nobody gets a rival for that: not
// the first share after a change of leader either, since how far away they are is known. One that
// hangs does, in time for what a node waits where the sites are near enough, and the nearest is
// asked first.
func TestQuorumApart(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		near, far   time.Duration // of the third and the second host
		hangs       bool          // the third
		limit       time.Duration
		mostHedged  uint64
		leastHedged uint64
	}{
		"30 ms":               {30 * ms, 30 * ms, false, 30 * ms, 0, 0},
		"80 ms":               {80 * ms, 80 * ms, false, 80 * ms, 0, 0},
		"200 ms":              {200 * ms, 200 * ms, false, 200 * ms, 0, 0},
		"uneven":              {30 * ms, 80 * ms, false, 30 * ms, 0, 0},
		"30 ms, one hangs":    {30 * ms, 31 * ms, true, (120 + 31) * ms, 10, 1},
		"80 ms, one hangs":    {80 * ms, 81 * ms, true, (120 + 81) * ms, 10, 1},
		"200 ms, one hangs":   {200 * ms, 201 * ms, true, (300 + 201) * ms, 10, 1},
		"one behind the moon": {80 * ms, time.Hour, false, 80 * ms, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			stage(t, 2, 3, func(t *testing.T, comm *committee, q *Quorum) {
				far, near := comm.hosts[1], comm.hosts[2]
				comm.distances = map[string]time.Duration{far.name: c.far, near.name: c.near}
				far.set(func(h *host) { h.fault = after(c.far) })
				near.set(func(h *host) { h.fault = after(c.near) })
				if c.hangs {
					near.set(func(h *host) { h.fault = hung })
				}
				for i := range 10 {
					start := time.Now()
					comm.mustSign(q, echo(uint32(i), 1))
					if took := time.Since(start); took > c.limit {
						t.Errorf("signature %d took %v, want at most %v", i, took, c.limit)
					}
				}
				if s := q.Stats(); s.Hedged < c.leastHedged || s.Hedged > c.mostHedged {
					t.Errorf("%d rivals, want %d to %d", s.Hedged, c.leastHedged, c.mostHedged)
				}
			})
		})
	}
}
