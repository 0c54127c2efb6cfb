package timing

import "time"

const (
	// leastPatience: below it another share costs more than it gains.
	leastPatience = 20 * time.Millisecond
	// roomy is the patience that leaves a rival its time within a node's 250 ms, where it can.
	roomy = 120 * time.Millisecond
	// mostPatience suits sites 200 ms apart. Whoever takes longer gets a rival each time.
	mostPatience = 300 * time.Millisecond
	slowerBy     = 4 // times what is usual, and a share is late
	weight       = 8 // of what was usual, against 1 of what is new
)

// Usual returns how long something takes as a rule, given how long it took until now, zero if it
// never did, and the last time.
func Usual(until, last time.Duration) time.Duration {
	if until == 0 {
		return last
	}
	return until + (last-until)/weight
}

// Patience returns how long a cosigner's share may take before another is asked beside it, given
// how long its shares take as a rule. That is several times as long, since where all are slow, as
// under load, another share would only add to it; but no longer than leaves a rival its time within
// a node's deadline. Where that is too late anyhow, with sites more than 80 ms apart, it is half as
// long again as usual: a rival for every share would cost twice the work and gain nothing.
func Patience(usual time.Duration) time.Duration {
	usual = min(usual, mostPatience)
	late := min(slowerBy*usual, max(roomy, usual+usual/2))
	return min(max(late, leastPatience), mostPatience)
}
