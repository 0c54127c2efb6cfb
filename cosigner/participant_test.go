package cosigner

import (
	"testing"
	"time"
)

// TestQuorumStaysReady: commitments that were made together end together, and there are others by
// then, at the pace of a chain and when nothing is asked for.
func TestQuorumStaysReady(t *testing.T) {
	for _, every := range []time.Duration{3 * time.Second, time.Hour} {
		stage(t, 2, 3, func(t *testing.T, c *committee, q *Quorum) {
			begin, signed := time.Now(), uint32(0)
			for time.Since(begin) < 9*time.Minute {
				time.Sleep(50 * time.Millisecond)
				if err := q.Ready(); err != nil {
					t.Fatalf("one signature each %v, after %v: %v", every, time.Since(begin), err)
				}
				if time.Since(begin) > time.Duration(signed+1)*every {
					c.mustSign(q, echo(signed, 1))
					signed++
				}
			}
			if s := q.Stats(); s.Hedged+s.Retried > 0 {
				t.Errorf("%+v, want no trouble", s)
			}
		})
	}
}
