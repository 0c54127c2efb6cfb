package failover

import "time"

// paceRounds is for how many rounds' time a node must have gone at a chain's pace until what one
// other node says counts no more against it. A node that was started anew catches up in far less.
const paceRounds = 60

// pace is what is remembered of how fast a node goes. Whether it is behind, or another one lies
// about how far the chain is, no place can tell: slots are bound for whoever asks, and nobody asks
// the active node for a proof. But a node that catches up asks for old rounds faster than a chain
// has new ones, and one that hangs asks for none. One that for long has asked for a new round each
// time that a chain has one follows a chain.
type pace struct {
	at    Place         // where it was seen last
	seen  time.Time     // when that was
	left  time.Duration // of a chain's time that it has not used yet
	since time.Time     // since when it has gone at a chain's pace
}

// follow takes in where the node is now.
func (p pace) follow(a Asks, c Settings, now time.Time) pace {
	round := max(c.Round, time.Millisecond)
	left := p.left + now.Sub(p.seen) - round*time.Duration(min(p.at.rounds(a.Place), maxRounds))
	if p.seen.IsZero() || left < 0 || now.Sub(a.Rounds.Advanced) > c.recent() {
		p.since = now
	}
	// A round may have begun just before the last look, and be told of just after it.
	p.at, p.seen, p.left = a.Place, now, min(max(left, 0), round+lostPings*c.PingInterval)
	return p
}

// rounds is how many rounds the other place is further. Of an era that it skips nothing is known,
// nor of a place that goes back: both are more than a chain's.
func (p Place) rounds(other Place) uint32 {
	switch {
	case p.Era == other.Era && p.Round <= other.Round:
		return other.Round - p.Round
	case p.Era+1 == other.Era:
		return other.Round + 1
	}
	return maxRounds
}

// paced reports whether the node follows a chain.
func (l *look) paced(name string) bool {
	since := l.nodes[name].pace.since
	return !since.IsZero() && l.now.Sub(since) >= paceRounds*l.Round
}

// trails reports whether the node is further behind the newest round than a ping explains.
func (l *look) trails(name string) bool { return l.nodes[name].Place.trails(l.newest, l.slack()) }

// lags reports whether the node is behind, which costs it its readiness. That is not one node's
// word, or what is bound for it, against a node that keeps a chain's pace: else a hostile one that
// was active once, or had slots bound while the active one stood still, would name an era to come
// and keep the role for good.
func (l *look) lags(name string) bool {
	k, further := l.nodes[name], 0
	for _, other := range l.names {
		if other != name && !l.state.IsSuspended(other) && k.Place.trails(l.nodes[other].Place, l.slack()) {
			further++
		}
	}
	return l.trails(name) && (further > 1 || !l.paced(name))
}

// current reports whether the era may be the one that the chain is in: slots are bound in it, or a
// node that keeps a chain's pace is in it, whatever was bound ahead of that.
func (l *look) current(era uint64) bool {
	if era == l.seen.Bound.Era {
		return true
	}
	for _, name := range l.names {
		if k := l.nodes[name]; k.Place.Era == era && !l.state.IsSuspended(name) && l.trails(name) && !l.lags(name) {
			return true
		}
	}
	return false
}
