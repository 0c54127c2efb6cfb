package watermark_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"casper-cosigner/rule/watermark"
)

func TestSpend(t *testing.T) {
	const hour = time.Hour
	eras, heights := watermark.EraBucket(2*hour), watermark.HeightBucket(8*time.Second)
	tests := []struct {
		name     string
		bucket   watermark.Bucket
		left     int64
		since    time.Duration
		distance uint64
		want     int64
		ok       bool
	}{
		{"next era at once", eras, 2000, 0, 1, 1000, true},
		{"both tokens", eras, 2000, 0, 2, 0, true},
		{"one too many", eras, 2000, 0, 3, 2000, false},
		{"empty", eras, 0, 0, 1, 0, false},
		{"not quite refilled", eras, 0, hour/2 - time.Millisecond, 1, 999, false},
		{"refilled fourfold", eras, 0, hour / 2, 1, 0, true},
		{"remainder kept", eras, 500, hour / 4, 1, 0, true},
		{"no move costs nothing", eras, 700, 0, 0, 700, true},
		{"left over more than the burst", eras, math.MaxInt64, 0, 3, 2000, false},
		{"less than nothing left", eras, math.MinInt64, 0, 1, 0, false},
		{"clock set back", eras, 1000, -100 * hour, 1, 0, true},
		{"clock set back, empty", eras, 0, math.MinInt64, 1, 0, false},
		{"five days offline", eras, 0, 120 * hour, 60, 180000, true},
		{"what a chain does in five days, four times", eras, 0, 120 * hour, 240, 0, true},
		{"five days do not buy an era more", eras, 0, 120 * hour, 241, 240000, false},
		{"five days of blocks", heights, 0, 120 * hour, 54000, 162000000, true},
		{"64 blocks at once", heights, 64000, 0, 64, 0, true},
		{"65 blocks at once", heights, 64000, 0, 65, 64000, false},
		{"era 2^63", eras, 2000, hour, 1 << 63, 4000, false},
		{"height 2^64-1 after five days", heights, 64000, 120 * hour, math.MaxUint64, 216064000, false},
		{"292 years", eras, 2000, math.MaxInt64, math.MaxUint64, 5124097576, false},
		{"no period", watermark.EraBucket(0), 0, time.Millisecond, 4, 0, true},
	}
	for _, tt := range tests {
		if left, ok := tt.bucket.Spend(tt.left, tt.since, tt.distance); left != tt.want || ok != tt.ok {
			t.Errorf("%s: %d, %v; want %d, %v", tt.name, left, ok, tt.want, tt.ok)
		}
	}
}

// TestPaceOverAnyWindow: counted from any advance on, a mark moves at most burst + 4 x time /
// period, however greedily the time is used. What goes before is part of it: time in which nothing
// moved is never lost, so that five days offline need nobody.
func TestPaceOverAnyWindow(t *testing.T) {
	type advance struct {
		at    time.Duration
		moved uint64 // in all
	}
	rapid.Check(t, func(t *rapid.T) {
		period := time.Duration(rapid.Int64Range(1, int64(3*time.Hour/time.Millisecond)).Draw(t, "period")) * time.Millisecond
		bucket := rapid.SampledFrom([]watermark.Bucket{watermark.EraBucket(period), watermark.HeightBucket(period)}).Draw(t,
			"bucket")
		left, now, steps := bucket.Burst, time.Duration(0), []advance{{}}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += time.Duration(rapid.Int64Range(0, int64(period)).Draw(t, "wait"))
			last := steps[len(steps)-1]
			since, distance := now-last.at, rapid.Uint64Range(1, 100).Draw(t, "distance")
			if rapid.Bool().Draw(t, "greedy") {
				tokens, _ := bucket.Spend(left, since, math.MaxUint64)
				distance = uint64(tokens) / 1000
			}
			rest, ok := bucket.Spend(left, since, distance)
			if !ok || distance == 0 {
				continue
			}
			left = rest
			steps = append(steps, advance{now, last.moved + distance})
			for _, from := range steps {
				limit := float64(bucket.Burst)/1000 + 4*float64(now-from.at)/float64(period)
				if moved := last.moved + distance - from.moved; float64(moved) > limit+1e-9 {
					t.Fatalf("%d moved in %v, at most %g may", moved, now-from.at, limit)
				}
			}
		}
	})
}

// TestHostileWalk: 10,000 eras walked one by one within a second get as far as the burst.
func TestHostileWalk(t *testing.T) {
	bucket, newest, last := watermark.EraBucket(2*time.Hour), 0, time.Duration(0)
	left := bucket.Burst
	for i := range 10000 {
		now := time.Duration(i) * 100 * time.Microsecond
		if rest, ok := bucket.Spend(left, now-last, 1); ok {
			newest, left, last = newest+1, rest, now
		}
	}
	if newest != 2 {
		t.Errorf("walked %d eras", newest)
	}
}

// TestPaceNeverStopsTheChain: a chain that keeps its own minimum is never refused,
// whatever is left.
func TestPaceNeverStopsTheChain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		period := time.Duration(rapid.Int64Range(1, int64(3*time.Hour/time.Millisecond)).Draw(t, "period")) * time.Millisecond
		bucket, left := watermark.EraBucket(period), int64(0)
		for range 50 {
			passed := rapid.Uint64Range(1, 1000).Draw(t, "passed")
			rest, ok := bucket.Spend(left, time.Duration(passed)*period, passed)
			if !ok {
				t.Fatalf("%d eras in as many periods refused, %d left", passed, left)
			}
			left = rest
		}
	})
}
