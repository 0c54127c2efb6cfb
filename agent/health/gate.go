package health

import (
	"time"

	"casper-cosigner/rule/failover"
)

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
