package failover

import "time"

const (
	// startSlack is by how much the start of a process, told by its uptime, may be off from one
	// answer to the next.
	startSlack = 2 * time.Second
	// steadyRounds is for how many rounds at least a node that was started must validate to count as
	// up. casper-node 2.0.3 may end with the first proposals that it takes in after a start.
	steadyRounds = 3
)

// Start is what an agent remembers of the start of its stock node. Its zero value is that it has
// not seen the node yet.
type Start struct {
	at     time.Time // of the process that runs, at the earliest
	late   time.Time // the same at the latest
	since  time.Time // since when that validates without a break; zero: it does not
	took   bool      // how long it took is measured, or cannot be any more
	steady bool      // it came up
}

// Seen takes in what /status, asked at that time, says of a process that has run for so long, and
// keeps in g when it was started, how long it took until it validated, and since when starts fail:
// one has failed that ended before the node had validated for as long as it took to come up, and
// for some rounds. What was before the first answer is not guessed.
//
// casper-node takes the uptime before it gathers the rest, which is late where it is busy: so the
// process was started no earlier than the uptime before it was asked, and no later than that before
// its answer. An answer that came late tells of no other process.
func (k *Start) Seen(g *Gate, s Status, uptime time.Duration, asked time.Time) {
	at, late, now := asked.Add(-uptime), s.At.Add(-uptime), s.At
	first := k.at.IsZero()
	if first || at.Sub(k.late) > startSlack {
		ordered := g.Ordered.After(k.at) // it was ended by us
		if !first && !k.steady && !ordered && g.Failing.IsZero() {
			g.Failing = at
		}
		old := first && (s.Validates() || uptime >= longRestart)
		*k = Start{at: at, late: late, took: old, steady: old}
		g.Starts(at)
	}
	if late.Before(k.late) {
		k.late = late
	}
	if !s.Validates() {
		k.since = time.Time{}
		return
	}
	if k.since.IsZero() {
		k.since = now
	}
	if !k.took {
		g.Took, k.took = now.Sub(k.at), true
	}
	if now.Sub(k.since) >= max(g.takes(), steadyRounds*s.Round) {
		k.steady = true
	}
	if k.steady {
		g.Failing = time.Time{}
	}
}
