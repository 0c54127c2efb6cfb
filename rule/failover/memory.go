package failover

import "time"

// memory is what is remembered from one judgement to the next. It is a value: each judgement
// makes a new one.
type memory struct {
	last    time.Time // of the judgement that left it; zero: there was none
	epoch   uint64    // of the last change of the state that it saw, restarts aside
	changed time.Time // since when that has been the last
	upgrade window
	nodes   map[string]kept // those of the settings
}

// kept is a node as it was seen last, and what is remembered of it besides.
type kept struct {
	Node
	grew      time.Time // when its chain was last seen to grow, by its /status
	validated time.Time // when it was last seen to validate
	first     time.Time // when it was first heard of
	unserved  time.Time // when it last asked for something that the cosigners left unanswered
	abreast   time.Time // when no other was further than its next
	ready     time.Time // since when it is ready without a break of After: less would not cost it the role either
	still     time.Time // when it was ready last
	pace      pace      // how fast it goes
	order     Order     // last restart of it that the state orders
	vouched   uint64    // epoch of the last order that was called for when it was seen here
}

// since returns since when the state is what it is. The state dates its changes by the clock of
// whoever led then, so that is taken for a hint: a change was made since the judgement before and
// not after now, and before the first judgement what is more than After ago is all alike.
func (m memory) since(epoch uint64, ago, most time.Duration, now time.Time) time.Time {
	switch {
	case m.last.IsZero():
	case epoch == m.epoch:
		return m.changed
	default:
		most = min(most, now.Sub(m.last))
	}
	return now.Add(-min(max(ago, 0), most))
}

// sees returns what is known of the node once it is seen like that: with what its agent knew before
// a restart, and what this cosigner knew before another one that had heard the newest went away.
func (k kept) sees(n Node, now time.Time) kept {
	was := k.Node
	n.Heard, n.HeardByAgent = latest(n.Heard, was.Heard), latest(n.HeardByAgent, was.HeardByAgent)
	if n.Rounds.Asked.IsZero() {
		n.Rounds, n.Place.Era, n.Place.Round = was.Rounds, was.Place.Era, was.Place.Round
	}
	if n.Heights.Asked.IsZero() {
		n.Heights, n.Place.Height = was.Heights, was.Place.Height
	}
	if n.Status.Height > was.Status.Height && !was.Status.At.IsZero() {
		k.grew = now
	}
	if n.Status.Validates() {
		k.validated = n.Status.At
	}
	if n.Status.At.IsZero() {
		n.Status.At = was.Status.At
	}
	if k.first.IsZero() && !n.Heard.IsZero() {
		k.first = now
		k.validated = latest(k.validated, now) // whoever judged before may have seen it
	}
	if !n.Blocked.IsZero() {
		k.unserved = n.Last()
	}
	k.Node = n
	return k
}

// steady reports whether the node has been ready without a break of After, as far as is
// known from before.
func (l *look) steady(k kept) bool { return !k.still.IsZero() && l.now.Sub(k.still) < l.After }

// readySince returns since when the node, which is ready, has been so without a break of After.
func (l *look) readySince(name string) time.Time {
	if k := l.nodes[name]; l.steady(k) {
		return k.ready
	}
	return l.now
}

// remember returns what the next judgement is to know.
func (l *look) remember() memory {
	m := l.memory
	m.nodes = each(l.names, func(name string) kept {
		k, t := l.nodes[name], l.troubles[name]
		if name == l.called {
			k.vouched = k.order.Epoch
		}
		switch {
		case l.fit(name):
			k.ready, k.still = l.readySince(name), l.now
		case t.code != "" && (t.code != Blocked || !t.sign.IsZero()) && l.lasts(t):
			// it costs it the role, and may be over before a break of After is
			k.still = time.Time{}
		}
		return k
	})
	return m
}
