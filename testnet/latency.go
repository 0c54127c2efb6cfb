package testnet

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Latencies are how long each of a number of like things took.
type Latencies []time.Duration

// Quantile returns the least latency that the given part of all, 0 to 1, did not exceed; 0 when
// there are none.
func (l Latencies) Quantile(part float64) time.Duration {
	if len(l) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(l))
	i := int(math.Ceil(part*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// Max returns the longest.
func (l Latencies) Max() time.Duration { return l.Quantile(1) }

// Millis writes a duration in milliseconds, with as many digits as make sense.
func Millis(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms >= 100:
		return fmt.Sprintf("%.0f ms", ms)
	case ms >= 10:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.2f ms", ms)
}
