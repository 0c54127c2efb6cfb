package failover

import (
	"fmt"
	"slices"
	"time"
)

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

// plausible reports whether the chain can be that far by now. A node may tell what it likes.
func (l *look) plausible(p Place) bool {
	since := l.now.Sub(l.seen.BoundAt)
	return !l.seen.Bound.trails(p, 1+uint32(min(since/max(l.Round, time.Millisecond), maxRounds)))
}

// maxRounds bounds for how many rounds nothing may have been bound.
const maxRounds = 1 << 20

// slack is how many rounds a node may be short of the newest: what it asked for since its last ping is not known yet.
func (l *look) slack() uint32 { return uint32(1 + l.PingInterval/max(l.Round, time.Millisecond)) }

// recent is how long ago a node that takes part asked last, at most: two round lengths, and a ping to tell of it.
func (l *look) recent() time.Duration { return silentAfter*l.Round + l.PingInterval }

// ago writes how long ago that was.
func (l *look) ago(t time.Time) string { return l.now.Sub(t).Round(time.Second / 10).String() }

func latest(times ...time.Time) (last time.Time) {
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}
