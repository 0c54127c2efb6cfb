package timing

import (
	"math"
	"testing"
	"time"
)

const ms = time.Millisecond

func TestHeartbeat(t *testing.T) {
	for _, c := range []struct{ now, furthest, want time.Duration }{
		{Most, 0, Least},
		{Most, ms / 2, Least},
		{Most, 30 * ms, Least},
		{Least, 40 * ms, Least},
		{Least, 41 * ms, 350 * ms},
		{Least, 80 * ms, 350 * ms},
		{Least, 100 * ms, 400 * ms},
		{Least, 200 * ms, 500 * ms},
		{Least, 280 * ms, Most},
		{Least, math.MaxInt64, Most},
		{Least, -ms, Least},

		{350 * ms, 40 * ms, 350 * ms}, // would have to be longer again soon
		{350 * ms, 33 * ms, 350 * ms},
		{350 * ms, 32 * ms, Least},
		{Most, 80 * ms, 400 * ms},
		{400 * ms, 64 * ms, 350 * ms},
	} {
		if got := Heartbeat(c.now, c.furthest); got != c.want {
			t.Errorf("%v after %v: %v, want %v", c.furthest, c.now, got, c.want)
		}
	}
}

// TestHeartbeatBounds: whatever was measured, and whatever held before, the outcome lies between
// the bounds, in whole steps, further is never shorter, and it comes to rest at once.
func TestHeartbeatBounds(t *testing.T) {
	for now := Least; now <= Most; now += step {
		last := time.Duration(0)
		for furthest := time.Duration(0); furthest < time.Second; furthest += ms / 2 {
			got := Heartbeat(now, furthest)
			if got < Least || got > Most || got%step != 0 || got < last {
				t.Fatalf("%v after %v: %v, and %v for a little less", furthest, now, got, last)
			}
			if again := Heartbeat(got, furthest); again != got {
				t.Fatalf("%v after %v: %v, then %v", furthest, now, got, again)
			}
			// And it stays at rest while what is measured goes up and down by a tenth.
			less := Heartbeat(got, furthest*9/10)
			if up := Heartbeat(less, furthest); up != Heartbeat(up, furthest*9/10) {
				t.Fatalf("%v and a tenth less, after %v: %v, %v, and so on", furthest, now, less, up)
			}
			last = got
		}
	}
}
