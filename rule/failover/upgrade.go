package failover

import (
	"fmt"
	"time"
)

// window is a change of the network's version: from when a node first told of it until the active
// one asks in the era with which the new version begins.
type window struct {
	from time.Time // zero: none yet
	era  uint64    // zero: not known
	told time.Time // when a node told of it last
}

// maxUpgrade bounds an upgrade: if it takes longer, something is wrong with the node.
const maxUpgrade = 10 * time.Minute

// follow returns the window, opened if an upgrade is announced. It opens once for each: a node
// that comes through it long after the active one says so too, but no longer knows for which era.
// What was announced long before, as by a node that was started again with the next version
// staged, does not count.
func (w window) follow(era uint64, announced bool, now time.Time) window {
	stale := w.era != 0 && era == w.era && now.Sub(w.told) >= maxUpgrade
	if announced {
		w.told = now
	}
	switch {
	case announced && w.era == 0 && !w.from.IsZero() && now.Sub(w.from) < maxUpgrade:
		// it is the same one, whose era is known now, or not yet
		w.era = era
	case announced && (w.from.IsZero() || era > w.era || stale):
		w = window{from: now, era: era, told: now}
	case !announced && w.era == 0:
		w = window{}
	}
	return w
}

// open reports whether the window is, given the era that the active node has come to.
func (w window) open(reached uint64, now time.Time) bool {
	through := w.era != 0 && reached >= w.era
	return !w.from.IsZero() && !through && now.Sub(w.from) < maxUpgrade
}

// reached returns the era that the active node has come to.
func (l *look) reached() uint64 { return l.nodes[l.state.Active].Place.Era }

// upgrading tells that an upgrade is going on, empty if none is.
func (l *look) upgrading() string {
	if !l.upgrade.open(l.reached(), l.now) {
		return ""
	}
	return fmt.Sprintf("the network changes its version; that began %s ago", l.ago(l.upgrade.from))
}

// announced reports whether a node tells of an upgrade now, and the era that it is for, 0 if no
// node says. One that the active node is through with is none, and neither is one of a later era
// than the one after that in which slots are bound.
func (l *look) announced() (era uint64, ok bool) {
	reached := l.reached()
	for name, n := range l.nodes {
		e := n.Status.UpgradeEra
		tells := n.Status.Reactor == "ShutdownForUpgrade" || n.Status.Reactor == "Upgrading" || !n.Shutdown.IsZero() && e != 0
		now := e == 0 || e > reached && e <= max(reached, l.newest.Era, l.seen.Bound.Era)+1
		if tells && now && !l.state.IsSuspended(name) {
			era, ok = max(era, e), true
		}
	}
	return era, ok
}
