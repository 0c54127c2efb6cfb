package failover

import (
	"fmt"
	"time"
)

// trouble is what is wrong with a node, if anything is. It counts once After has passed since the
// node's last sign of the contrary, and is looked out for from half of that on, so that what is
// coming can be told and done on time.
type trouble struct {
	code string
	why  string
	sign time.Time // zero: a change of roles would not help
}

func (l *look) lasts(t trouble) bool { return !l.now.Before(t.sign.Add(l.After)) }

func (l *look) overdue(sign time.Time) bool { return !l.now.Before(sign.Add(l.After / 2)) }

// trouble returns what is wrong with the node. What its agent cannot have told is not held against
// the node, and neither is what the cosigners owe it.
func (l *look) trouble(name string) trouble {
	n := l.nodes[name].Node
	if l.state.IsSuspended(name) {
		return trouble{code: Suspended, why: name + " is suspended"}
	}
	if heard := latest(n.Heard, l.seen.Listening); l.overdue(heard) {
		t := trouble{code: Silent, why: name + " has not pinged any cosigner for " + l.ago(heard), sign: heard}
		if n.HeardByAgent.Sub(heard) >= l.After/2 {
			t.code, t.why = CutOff, t.why+", though another agent reaches it"
		}
		return t
	}
	if l.unanswered(n) {
		t := trouble{code: Blocked, why: "the cosigners have left all that " + name + " asks unanswered for " +
			l.ago(n.Blocked)}
		if other := l.answered(name); other != "" && l.overdue(n.Blocked) {
			t.sign, t.why = n.Blocked, t.why+", and answer "+other
		}
		return t
	}
	if lived := l.sign(name, n.Status.At, n.Last()); l.overdue(lived) {
		return trouble{code: NodeDown, sign: lived,
			why: "the node " + name + " has neither answered /status nor asked for a signature for " + l.ago(lived)}
	}
	t, up := l.gated(name), l.notUp(name)
	if up.code != "" && (t.code == "" || t.code == Out) {
		return up
	}
	if t.code != "" {
		return t
	}
	if l.out(name) { // it asks for nothing, wherever others are
		return trouble{}
	}
	if t := l.behind(name); t.code != "" {
		return t
	}
	return l.unheard(name)
}

// unheard returns the trouble of an active node whose blocks do not come, though others' do: it
// hears its peers, and they do not hear it. Only a node that was ready all the time can tell; what
// it asks for in old rounds, to catch up, tells nothing.
func (l *look) unheard(name string) trouble {
	if name != l.state.Active {
		return trouble{}
	}
	for _, other := range l.names {
		n := l.nodes[other]
		first := n.LostLeads[Leads-1]
		tells := l.steady(n) && first.After(latest(n.ready, l.changed)) && n.Heights.Advanced.After(n.LostLeads[0])
		if other != name && tells && !l.state.IsSuspended(other) && l.overdue(first) {
			return trouble{code: NotConnected, sign: first,
				why: fmt.Sprintf("the last %d rounds that %s led had no block, and others had", Leads, name)}
		}
	}
	return trouble{}
}

// behind returns the trouble of a node that does not advance though others do. When all stand
// still, none is behind. When all go on, as after a round without a block, the pings that say so
// come one after the other, so it takes some of them.
func (l *look) behind(name string) (t trouble) {
	n, abreast := l.nodes[name], l.nodes[name].abreast
	if l.now.Before(abreast.Add((lostPings - 1) * l.PingInterval)) {
		return trouble{}
	}
	passed := abreast.Add(lostPings*l.PingInterval - l.After)
	round, height := l.ahead(name)
	// That others are ahead is their word. The chain needs two round lengths to be further
	// than a node's next.
	honest := max(0, l.recent()-l.After)
	last := l.sign(name, n.Rounds.Advanced)
	if sign := latest(last.Add(honest), passed); round != "" && l.overdue(sign) {
		p := l.nodes[round].Place
		t = trouble{code: Behind, sign: sign,
			why: fmt.Sprintf("%s has not come past round %d of era %d for %s, and %s has asked for round %d of era %d",
				name, n.Place.Round, n.Place.Era, l.ago(last), round, p.Round, p.Era)}
	}
	last = l.sign(name, n.Heights.Advanced)
	if sign := latest(last.Add(honest), passed); height != "" && l.overdue(sign) && (t.code == "" || sign.Before(t.sign)) {
		t = trouble{code: Behind, sign: sign,
			why: fmt.Sprintf("%s has not come past height %d for %s, and %s has asked for height %d",
				name, n.Place.Height, l.ago(last), height, l.nodes[height].Place.Height)}
	}
	return t
}

// ahead returns the nodes, not suspended ones, that have asked furthest beyond the named node's
// next round and height; none if nobody has.
func (l *look) ahead(name string) (round, height string) {
	p := l.nodes[name].Place
	for _, other := range l.names {
		o := l.nodes[other].Place
		if other == name || l.state.IsSuspended(other) || !l.plausible(o) {
			continue
		}
		if p.trails(o, 1) && (round == "" || o.further(l.nodes[round].Place)) {
			round = other
		}
		if l.IsStock(name) { // it asks for no finality signature
			continue
		}
		if o.Height > p.Height && o.Height-p.Height > 1 && (height == "" || o.Height > l.nodes[height].Place.Height) {
			height = other
		}
	}
	return round, height
}

// unanswered reports whether it is for want of the cosigners' answers that the node does not do
// more. A node that has ceased to ask has no such excuse.
func (l *look) unanswered(n Node) bool {
	return !n.Blocked.IsZero() && l.now.Sub(n.Last()) <= max(l.After, l.recent())
}

// answered returns another node that asks and is answered, empty if none: then it is not the
// cosigners that are at a loss, but the way between them and the node.
func (l *look) answered(name string) string {
	for _, other := range l.names {
		n := l.nodes[other]
		if other != name && !l.state.IsSuspended(other) && n.Blocked.IsZero() && l.now.Sub(n.Last()) <= l.recent() {
			return other
		}
	}
	return ""
}

// sign returns the last of the node's signs. One of which no sign was ever seen gets its time
// from when it was first heard of; and nothing counts of the time in which it was not listened
// to, or not answered, or in which it was restarted because it was told to.
func (l *look) sign(name string, signs ...time.Time) time.Time {
	k := l.nodes[name]
	last := latest(signs...)
	if last.IsZero() {
		last = k.first
	}
	if ordered := k.Gate.Ordered; !ordered.IsZero() {
		last = latest(last, ordered.Add(k.Gate.takes()))
	}
	return latest(last, k.unserved, l.seen.Listening)
}
