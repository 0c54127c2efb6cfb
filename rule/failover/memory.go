package failover

import (
	"fmt"
	"slices"
	"time"
)

// kept is what the judge remembers of a node.
type kept struct {
	node    Node      // as it was seen last
	first   time.Time // when it was first heard of
	blocked time.Time // when it last asked for something that the cosigners left unanswered
	abreast time.Time // when no other was further than its next
	ready   time.Time // since when it is ready without a break of After: less would not cost it the role either
	still   time.Time // when it was ready last
}

// window is a change of the network's version: from when a node first told of it until the active one asks in the era
// with which the new version begins.
type window struct {
	from time.Time // zero: none yet
	era  uint64    // zero: not known
	told time.Time // when a node told of it last
}

// maxUpgrade bounds an upgrade: if it takes longer, something is wrong with the node.
const maxUpgrade = 10 * time.Minute

// look is one judgement in the making. Its nodes are those of the settings, so that what others are told of counts for
// nothing.
type look struct {
	Settings
	state      State
	seen       Observation
	now        time.Time
	changed    time.Time // since when the state is what it is
	upgrade    string    // what is going on, empty if no upgrade is
	memory     map[string]kept
	nodes      map[string]Node
	newest     Place // round that two nodes not suspended have asked for, or that is bound
	conditions map[string]Condition
}

// look takes in the observation.
func (j *Judge) look(s State, o Observation, now time.Time) *look {
	j.follow(s, o, now)
	l := &look{Settings: j.settings, state: s, seen: o, now: now, changed: j.changed, memory: j.nodes, nodes: map[string]Node{},
		conditions: map[string]Condition{}}
	for _, name := range l.Nodes {
		l.nodes[name] = j.remember(name, o.Nodes[name], now)
	}
	l.newest = l.furthest()
	reached := l.nodes[s.Active].Place.Era
	era, announced := l.announced(reached)
	j.upgrade.follow(era, announced, now)
	if j.upgrade.open(reached, now) {
		l.upgrade = fmt.Sprintf("the network changes its version; that began %s ago", l.ago(j.upgrade.from))
	}
	for _, name := range l.Nodes {
		k := j.nodes[name]
		if round, height := l.ahead(name); round == "" && height == "" {
			k.abreast = now
			j.nodes[name] = k
		}
		c := l.condition(name)
		if c.Ready && (k.still.IsZero() || now.Sub(k.still) >= l.After) {
			k.ready = now
		}
		switch t := l.trouble(name); {
		case c.Ready:
			k.still = now
		case t.code != "" && (t.code != Blocked || !t.sign.IsZero()) && l.lasts(t): // it costs it the role, and may be over before a break of After is
			k.still = time.Time{}
		}
		l.conditions[name], j.nodes[name] = c, k
	}
	return l
}

// furthest returns the newest round that others are held to. One node may tell what it likes, so it is one that two have
// asked for, or the active one, or that is bound; while a node is suspended what is bound counts only if another has come there
// too, since it may have been for the one that is suspended.
func (l *look) furthest() (newest Place) {
	been := func(name string) bool {
		return !l.state.IsSuspended(name) && !l.nodes[name].Place.trails(l.seen.Bound, l.slack())
	}
	if len(l.state.Suspended) == 0 || slices.ContainsFunc(l.Nodes, been) {
		newest = l.seen.Bound
	}
	var first, second Place
	for _, name := range l.Nodes {
		p := l.nodes[name].Place
		switch {
		case l.state.IsSuspended(name) || !l.plausible(p):
		case name == l.state.Active && p.further(newest):
			newest = p
		case p.further(first):
			first, second = p, first
		case p.further(second):
			second = p
		}
	}
	if second.further(newest) {
		return second
	}
	return newest
}

// follow notes since when the state is what it is. The state dates its changes by the clock of whoever led then, so that
// is taken for a hint: a change was made since the judgement before and not after now, and before the first judgement
// what is more than After ago is all alike.
func (j *Judge) follow(s State, o Observation, now time.Time) {
	if j.last.IsZero() || s.Epoch != j.epoch {
		most := j.settings.After
		if !j.last.IsZero() {
			most = min(most, now.Sub(j.last))
		}
		ago := o.Wall.Sub(time.UnixMilli(s.Since))
		j.epoch, j.changed = s.Epoch, now.Add(-min(max(ago, 0), most))
	}
	j.last = now
}

// remember returns the node with what its agent knew before a restart, and what this cosigner knew before another one
// that had heard the newest went away.
func (j *Judge) remember(name string, n Node, now time.Time) Node {
	k := j.nodes[name]
	was := k.node
	n.Heard, n.HeardByAgent = latest(n.Heard, was.Heard), latest(n.HeardByAgent, was.HeardByAgent)
	if n.Rounds.Asked.IsZero() {
		n.Rounds, n.Place.Era, n.Place.Round = was.Rounds, was.Place.Era, was.Place.Round
	}
	if n.Heights.Asked.IsZero() {
		n.Heights, n.Place.Height = was.Heights, was.Place.Height
	}
	if n.Status.At.IsZero() {
		n.Status.At = was.Status.At
	}
	if k.first.IsZero() && !n.Heard.IsZero() {
		k.first = now
	}
	if !n.Blocked.IsZero() {
		k.blocked = n.asked()
	}
	k.node = n
	j.nodes[name] = k
	return n
}

// plausible reports whether the chain can be that far by now. A node may tell what it likes.
func (l *look) plausible(p Place) bool {
	since := l.now.Sub(l.seen.BoundAt)
	return !l.seen.Bound.trails(p, 1+uint32(min(since/max(l.Round, time.Millisecond), maxRounds)))
}

// maxRounds bounds for how many rounds nothing may have been bound.
const maxRounds = 1 << 20

// follow opens the window when an upgrade is announced. It opens once for each: a node that comes through it long after
// the active one says so too, but no longer knows for which era. What was announced long before, as by a node that was
// started again with the next version staged, does not count.
func (w *window) follow(era uint64, announced bool, now time.Time) {
	stale := w.era != 0 && era == w.era && now.Sub(w.told) >= maxUpgrade
	if announced {
		w.told = now
	}
	switch {
	case announced && w.era == 0 && !w.from.IsZero() && now.Sub(w.from) < maxUpgrade: // it is the same one, whose era is known now, or not yet
		w.era = era
	case announced && (w.from.IsZero() || era > w.era || stale):
		*w = window{from: now, era: era, told: now}
	case !announced && w.era == 0:
		*w = window{}
	}
}

// open reports whether the window is, given the era that the active node has come to.
func (w *window) open(reached uint64, now time.Time) bool {
	through := w.era != 0 && reached >= w.era
	return !w.from.IsZero() && !through && now.Sub(w.from) < maxUpgrade
}

// announced reports whether a node tells of an upgrade now, and the era that it is for, 0 if no node says. One that the
// active node is through with is none, and neither is one of a later era than the one after that in which slots are bound.
func (l *look) announced(reached uint64) (era uint64, ok bool) {
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
