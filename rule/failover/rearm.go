package failover

import (
	"fmt"
	"time"
)

// Rearm is what is to be done so that a stock node votes again. Only the active one is ever
// restarted for that, so that never two are: a change of roles comes first, and costs nothing.
type Rearm struct {
	Code  string
	Why   string
	Node  string    // that is to be restarted, now, at Due or by an operator; empty if none
	Era   uint64    // in which it is to vote, of an Order
	Due   time.Time // on the observation's clock; zero if none is in sight
	Order bool      // it is to be restarted now
}

// The codes of a Rearm.
const (
	RearmVotes  = "votes"  // a node votes, or will by itself
	RearmWaits  = "waits"  // roles are not changed now, and nothing is restarted either
	RearmGone   = "gone"   // the active node is neither well nor out: no restart by us mends that
	RearmSilent = "silent" // no message of ours in this era: without one the validator is evicted
	RearmWorth  = "worth"  // the era lasts for long enough
	RearmAlone  = "alone"  // it is the only node that signs blocks, and another may be back soon
	RearmNext   = "next"   // too little is left of the era: the active node votes from the next one on
	RearmRests  = "rests"  // a node was restarted just before
	RearmSpent  = "spent"  // it was restarted as often in this era as may be
)

// What a restart may cost. The node's blocks are signed by the other one meanwhile, if that is
// well; if not they are lost, some 76 % of the rewards of that time, to have back the 24 % that go
// to those who vote, of the time that is left after it: so more than four such times must be left.
// No such sum is right where starts of the other node fail: then this one may not come back either.
const (
	leftBeside   = 2 // restart times that must be left of the era while another node signs blocks, to win one of votes
	leftAlone    = 5 // the same while none does
	restAfter    = 3 // restart times from one restart by order to the next of the same node
	ordersInEra  = 2 // restarts of a node by order in one era, at most
	silentRounds = 5 // rounds of an era without a message of ours after which a node that asks for nothing is restarted
	usualRestart = time.Minute
	longRestart  = 5 * time.Minute
)

// takes is how long a restart of the node takes, by what it took last. Nothing that is told makes
// it so long that none would be worth it.
func (g Gate) takes() time.Duration {
	if g.Took <= 0 {
		return usualRestart
	}
	return min(g.Took, longRestart)
}

// takes is how long a restart of the node takes: what it took last, or else what another stock node
// did, which runs the same program on the same chain.
func (l *look) takes(name string) time.Duration {
	g := l.nodes[name].Gate
	for _, other := range l.names {
		if g.Took <= 0 && l.IsStock(name) && l.IsStock(other) {
			g.Took = l.nodes[other].Gate.Took
		}
	}
	return g.takes()
}

// failing reports whether starts of the stock node fail.
func (l *look) failing(name string) bool {
	return l.IsStock(name) && !l.nodes[name].Gate.Failing.IsZero()
}

// rests returns until when the node is not to be restarted for votes again; a restart by hand
// counts as well, until it should have come up.
func (g Gate) rests() time.Time {
	until := time.Time{}
	if !g.Started.IsZero() {
		until = g.Started.Add(g.takes())
	}
	if !g.Ordered.IsZero() {
		until = latest(until, g.Ordered.Add(restAfter*g.takes()))
	}
	return until
}

// May returns why the node must not be restarted in that era, and from when on it may be; empty if
// it may now. Both who orders and who obeys ask it: so whoever orders can restart a node twice an
// era at most, and not within three restart times.
func (g Gate) May(era uint64, now time.Time) (code string, due time.Time) {
	switch until := g.rests(); {
	case g.OrderedEra >= era && g.Orders >= ordersInEra:
		return RearmSpent, time.Time{}
	case now.Before(until):
		return RearmRests, until
	}
	return "", time.Time{}
}

// rearm decides whether the active node is to be restarted.
func (l *look) rearm(d Judgement) Rearm {
	name := l.state.Active
	switch d.Code {
	case NotStarted, Fault, Unread, Held, NoQuorum, Paused, Upgrade:
		return l.ifStock(Rearm{Code: RearmWaits, Why: d.Why})
	}
	switch {
	case d.Act == Activate:
		return l.ifStock(Rearm{Code: RearmWaits, Why: d.Node + " becomes active now"})
	case !l.IsStock(name):
		return l.ifStock(Rearm{Code: RearmVotes, Why: name + " signs remotely: no refusal takes it out of an era"})
	}
	r := l.wanted(name)
	if failed := l.nodes[name].Gate.OrderError; r.Node != "" && failed != "" {
		r.Why += "; its agent did not restart it when it was told to: " + failed
	}
	if r.Node == "" || !r.Due.IsZero() {
		return r
	}
	if l.Rearm != Manual {
		l.called = name
	}
	if code, due := l.spared(name); code != "" {
		return l.later(r, code, due)
	}
	if l.Rearm == Manual {
		r.Why += "; restarts are by hand"
		return r
	}
	r.Due, r.Order, r.Era = l.now, true, l.eraOf(name)
	return r
}

func (l *look) ifStock(r Rearm) Rearm {
	if len(l.Stock) == 0 {
		return Rearm{}
	}
	return r
}

// later puts a restart off.
func (l *look) later(r Rearm, code string, due time.Time) Rearm {
	if code == RearmSpent {
		return Rearm{Code: code, Why: fmt.Sprintf("%s; it was restarted %d times in this era for that, and is not again",
			r.Why, ordersInEra)}
	}
	return Rearm{Code: code, Node: r.Node, Due: due,
		Why: r.Why + "; a node was restarted less than that takes ago"}
}

// wanted says whether a restart of the active node is called for, whatever speaks against it yet.
func (l *look) wanted(name string) Rearm {
	n, c := l.nodes[name].Node, l.conditions[name]
	era := n.Status.Era
	if n.Out() {
		era = n.Gate.RefusedEra
	}
	silent := l.silent(era)
	switch {
	case l.votes(name, era):
		return Rearm{Code: RearmVotes, Why: "a node of ours votes in era " + fmt.Sprint(era)}
	case c.Code != Out && l.now.Before(n.Gate.Ordered.Add(n.Gate.takes())):
		return Rearm{Code: RearmRests, Why: name + " was told to restart " + l.ago(n.Gate.Ordered) + " ago"}
	case l.idle(name) && l.now.Sub(l.advanced()) > l.recent():
		return Rearm{Code: RearmWaits, Why: c.Why + "; and no chain grows"}
	case l.idle(name):
		if since := latest(l.began(era), n.Gate.Started, l.seen.BoundAt); l.now.Sub(since) <= silentRounds*l.Round {
			return Rearm{Code: RearmVotes, Why: fmt.Sprintf("%s validates, and may ask in era %d soon", name, era)}
		}
	case c.Code != Out:
		return Rearm{Code: RearmGone, Why: c.Why}
	}
	if silent {
		return Rearm{Code: RearmSilent, Node: name,
			Why: fmt.Sprintf("our validator has no message in era %d yet, and is evicted if none comes; %s", era, c.Why)}
	}
	return l.worth(name, era)
}

// votes reports whether a node of ours votes in the era: one asks for what is newest, or a round
// was bound lately.
func (l *look) votes(active string, era uint64) bool {
	for _, name := range l.names {
		if l.conditions[name].Ready && (name == active || !l.Passive || !l.IsStock(name)) {
			return true
		}
	}
	return l.seen.Bound.Era >= era && l.now.Sub(l.seen.BoundAt) <= l.recent()
}

// silent reports whether our validator has no message in the era: none was claimed, or none was
// seen, as after the death of a node between the two.
func (l *look) silent(era uint64) bool {
	if l.seen.Bound.Era < era {
		return true
	}
	for _, name := range l.names {
		n := l.nodes[name].Node
		if l.state.IsSuspended(name) {
			continue
		}
		if !n.Gate.Voted.IsZero() && n.Gate.VotedEra >= era || !l.IsStock(name) && n.Place.Era >= era {
			return false
		}
	}
	return true
}

// signs reports whether the node signs blocks, by all that is known of it. One whose gate is gone
// does.
func (l *look) signs(name string) bool {
	return l.able(name) || l.conditions[name].Code == GateDown && l.validates(name)
}

// began returns when the era began, by the node that saw that first: now if none has seen a block
// of it yet, and zero if that is not known.
func (l *look) began(era uint64) (first time.Time) {
	first = l.now
	for _, name := range l.names {
		if l.nodes[name].Status.Era >= era {
			first = time.Time{}
		}
	}
	for _, name := range l.names {
		s := l.nodes[name].Status
		if s.Era == era && !s.EraAt.IsZero() && (first.IsZero() || s.EraAt.Before(first)) {
			first = s.EraAt
		}
	}
	return first
}

// worth says whether the rest of the era is worth a restart of the node, which is out of it.
func (l *look) worth(name string, era uint64) Rearm {
	took, began := l.takes(name), l.began(era)
	least, back, fails := leftAlone*took, time.Time{}, ""
	for _, other := range l.names {
		if other == name || l.state.IsSuspended(other) {
			continue
		}
		if l.signs(other) {
			least, back, fails = leftBeside*took, time.Time{}, ""
			break
		}
		if l.failing(other) {
			fails = l.fails(other)
			continue
		}
		k := l.nodes[other]
		gone := k.Gate.Started
		if l.now.Sub(k.Status.At) > lostPings*l.PingInterval {
			gone = latest(gone, k.Status.At)
		}
		back = latest(back, gone.Add(l.takes(other)))
	}
	if began.IsZero() {
		return Rearm{Code: RearmNext, Why: fmt.Sprintf("%s votes from the next era on; how long era %d lasts is not known",
			name, era)}
	}
	left := began.Add(l.Era).Sub(l.now)
	why := fmt.Sprintf("%s is out of era %d, which lasts for another %v, and a restart takes %v", name, era,
		left.Round(time.Second), took.Round(time.Second))
	switch {
	case left <= least:
		return Rearm{Code: RearmNext, Why: why + ": it votes from the next era on"}
	case fails != "":
		why += "; only it signs blocks, and may not come back from a restart: " + fails
		return Rearm{Code: RearmNext, Why: why}
	case l.now.Before(back):
		why += "; only it signs blocks, and another may be back soon"
		return Rearm{Code: RearmAlone, Node: name, Due: back, Why: why}
	}
	return Rearm{Code: RearmWorth, Node: name, Why: why}
}

// eraOf returns the era for whose votes the node is restarted.
func (l *look) eraOf(name string) uint64 {
	n := l.nodes[name]
	return max(n.Status.Era, n.Gate.RefusedEra)
}

// spared returns what speaks against a restart of the node now: it was restarted lately itself, or
// another one was, and may not be back.
func (l *look) spared(name string) (code string, due time.Time) {
	own := l.gate(name)
	if code, due = own.May(l.eraOf(name), l.now); code != "" {
		return code, due
	}
	for _, other := range l.names {
		g := l.gate(other)
		if l.failing(other) { // it starts for ever, and this one may be all there is
			g.Started = time.Time{}
		}
		if last := latest(g.Started, g.Ordered); other != name && !last.IsZero() {
			due = latest(due, last.Add(max(g.takes(), own.takes())))
		}
	}
	if l.now.Before(due) {
		return RearmRests, due
	}
	return "", time.Time{}
}
