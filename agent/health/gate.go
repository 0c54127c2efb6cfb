package health

import (
	"time"

	"casper-cosigner/rule/failover"
)

// startSlack is by how much the start of a process, told by its uptime, may be off from one answer
// to the next.
const startSlack = 2 * time.Second

// Gated notes what the gate of a stock node tells: note changes what is known, and keeps nothing.
func (w *Watcher) Gated(note func(g *failover.Gate, now time.Time)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	note(&w.node.Gate, w.Now())
	g := &w.node.Gate
	g.Error, g.OrderError = printable(g.Error, errorSize), printable(g.OrderError, errorSize)
}

// began notes since when the last block's era lasts, if the agent saw it come.
func (a *account) began(was failover.Status, now time.Time) {
	a.Status.EraAt = was.EraAt
	if !was.At.IsZero() && a.Status.Era > was.Era {
		a.Status.EraAt = now
	}
}

// started notes when a stock node was started, by how long it says that it has run, and how long it
// needed until it validated. Of a start before the agent's that is not known.
func (a *account) started(s Status, first bool, now time.Time) {
	at := now.Add(-s.Uptime)
	if a.Gate.Started.IsZero() || at.Sub(a.Gate.Started) > startSlack {
		a.Gate.Starts(at)
		a.starting = !first
	}
	if a.starting && a.Status.Validates() {
		a.Gate.Took, a.starting = now.Sub(a.Gate.Started), false
	}
}
