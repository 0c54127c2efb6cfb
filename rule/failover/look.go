package failover

import (
	"slices"
	"time"
)

// look is one judgement in the making: what is remembered with the observation taken in, and then
// what comes of it, step by step. Its nodes are those of the settings, so that what others are told
// of counts for nothing.
type look struct {
	Settings
	memory
	names      []string // of the nodes, in an order that no settings choose: only candidate prefers one to another by that
	state      State
	seen       Observation
	now        time.Time
	newest     Place // round that nodes are held to: the active one has asked for it, or two others have, or it is bound
	troubles   map[string]trouble
	conditions map[string]Condition
	called     string // node whose restart is called for now, whatever puts it off
}

// look takes in the observation.
func (m memory) look(c Settings, s State, o Observation, now time.Time) *look {
	l := &look{Settings: c, names: slices.Sorted(slices.Values(c.Nodes)), state: s, seen: o, now: now}
	epoch, at := s.moved()
	since := m.since(epoch, o.Wall.Sub(time.UnixMilli(at)), c.After, now)
	l.memory = memory{last: now, epoch: epoch, changed: since}
	l.nodes = each(l.names, func(name string) kept {
		k := m.nodes[name].sees(o.Nodes[name], now)
		k.order = m.order(name, s, o.Wall, now)
		k.pace = k.pace.follow(k.Asks, c, now)
		return k
	})
	l.newest = l.furthest()
	era, announced := l.announced()
	l.upgrade = m.upgrade.follow(era, announced, now)
	l.nodes = each(l.names, func(name string) kept {
		k := l.nodes[name]
		if round, height := l.ahead(name); round == "" && height == "" {
			k.abreast = now
		}
		return k
	})
	return l
}

// furthest returns the newest round that others are held to. One node may tell what it likes, so
// it is one that two have asked for, or the active one, or that is bound; while a node is
// suspended what is bound counts only if another has come there too, since it may have been for
// the one that is suspended.
func (l *look) furthest() (newest Place) {
	been := func(name string) bool {
		return !l.state.IsSuspended(name) && !l.nodes[name].Place.trails(l.seen.Bound, l.slack())
	}
	if len(l.state.Suspended) == 0 || slices.ContainsFunc(l.names, been) {
		newest = l.seen.Bound
	}
	var first, second Place
	for _, name := range l.names {
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

// slack is how many rounds a node may be short of the newest: what it asked for since its last ping
// is not known yet.
func (l *look) slack() uint32 { return uint32(1 + l.PingInterval/max(l.Round, time.Millisecond)) }

// recent is how long ago a node that takes part asked last, at most: two round lengths, and a
// ping to tell of it.
func (c Settings) recent() time.Duration { return silentAfter*c.Round + c.PingInterval }

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
