package failover

import (
	"fmt"
	"slices"
)

// IsStock reports whether the settings name the node a stock one.
func (c Settings) IsStock(name string) bool { return slices.Contains(c.Stock, name) }

// out reports whether a stock node votes no more in this era.
func (l *look) out(name string) bool {
	n := l.nodes[name].Node
	return l.IsStock(name) && n.Out()
}

// gated returns the trouble of a stock node which cannot vote for its gate's sake. Being out is
// none for as long as rounds are bound: then another node votes, and this one signs blocks as well
// as any.
func (l *look) gated(name string) trouble {
	n := l.nodes[name].Node
	if !l.IsStock(name) {
		return trouble{}
	}
	if passed := n.Gate.Passed; !passed.IsZero() {
		return trouble{code: GatePassed, sign: passed,
			why: "the gate of " + name + " let pass what it must refuse, " + l.ago(passed) + " ago: the node may vote " +
				"unasked, so stop it before another one votes"}
	}
	told := !n.Gate.At.IsZero() || n.Gate.Error != ""
	if lived := l.sign(name, n.Gate.At); told && l.overdue(lived) {
		why := "the gate of " + name + " has not answered for " + l.ago(lived)
		if n.Gate.Error != "" {
			why += ": " + n.Gate.Error
		}
		return trouble{code: GateDown, why: why, sign: lived}
	}
	if since := latest(n.Gate.Refused, l.seen.BoundAt.Add(l.recent()), l.seen.Listening); l.out(name) && l.overdue(since) {
		return trouble{code: Out, sign: since,
			why: fmt.Sprintf("%s was refused a message of its own in era %d, and no node of ours has voted since then",
				name, n.Gate.RefusedEra)}
	}
	return trouble{}
}

// notUp returns the trouble of a stock node that does not come up after a start: not in the time
// that takes, though another node validates, or since its starts fail, however often it says
// Validate meanwhile. Nothing else tells that: it answers /status, and a passive node beside it
// asks for nothing that it would be behind.
//
// In fenced mode one that votes meanwhile keeps the role. Without it its votes are refused, another
// that is out of the era casts none, and none is restarted while starts of this one fail: so one
// end soon after a start would cost the era.
func (l *look) notUp(name string) trouble {
	n := l.nodes[name]
	if !l.IsStock(name) {
		return trouble{}
	}
	if l.failing(name) && l.state.Mode == Fenced && l.takesPart(name) {
		return trouble{}
	}
	if l.failing(name) {
		t := trouble{code: NotUp, sign: latest(n.Gate.Failing, l.seen.Listening), why: l.fails(name)}
		if l.overdue(t.sign) {
			return t
		}
		return trouble{}
	}
	another := slices.ContainsFunc(l.names, func(other string) bool {
		return other != name && !l.state.IsSuspended(other) && l.validates(other)
	})
	started := n.Gate.Started
	if !started.IsZero() {
		started = started.Add(l.takes(name))
	}
	up := l.sign(name, n.validated, n.Rounds.Asked, started)
	if n.Status.At.IsZero() || n.Status.Validates() || !another || !l.overdue(up) {
		return trouble{}
	}
	_, why := l.explain(n.Status)
	return trouble{code: NotUp, sign: up, why: name + " does not validate, and another node does: " + why}
}

// takesPart reports whether the stock node votes, as far as can be told: it validates, and asks for
// what is newest.
func (l *look) takesPart(name string) bool {
	return l.validates(name) && !l.out(name) && l.asks(name) && !l.lags(name)
}

// fails says since when the node's starts fail.
func (l *look) fails(name string) string {
	return name + " ended before it had come up, and was started again: so for " + l.ago(l.nodes[name].Gate.Failing)
}

// sidelined returns what keeps a stock node that is out of this era from being as good as a standby
// can be: Out alone if nothing does. It asks for nothing, so its /status is all there is.
func (l *look) sidelined(name string) (code, why string) {
	n := l.nodes[name].Node
	if n.Gate.Error != "" { // not for long enough to be a trouble
		return GateDown, name + " is out of era " + fmt.Sprint(n.Gate.RefusedEra) + ", and its gate: " + n.Gate.Error
	}
	code, why = l.explain(n.Status)
	stale := l.now.Sub(n.Status.At) > lostPings*l.PingInterval
	if stale || code != NoRequests || n.Status.Error != "" || n.Status.Reactor != validating {
		return code, name + " is out of era " + fmt.Sprint(n.Gate.RefusedEra) + ", and " + why
	}
	return Out, fmt.Sprintf("%s was refused a message of its own in era %d: it signs blocks, and votes again in the next "+
		"era, or once it is started anew", name, n.Gate.RefusedEra)
}

// fit reports whether the node is ready, or a stock node that is out of this era and well else.
func (l *look) fit(name string) bool {
	c := l.conditions[name]
	return c.Ready || c.Code == Out
}

// able reports whether the node may be given the role where none can vote at once: whoever is
// active as the next era begins votes in it, and only who is active is restarted to vote in this
// one.
func (l *look) able(name string) bool { return l.fit(name) || l.idle(name) }

// idle reports whether the stock node asks for nothing, though it validates and was refused nothing
// in this era: as after a start at which casper-node could not read its unit file.
func (l *look) idle(name string) bool {
	return l.IsStock(name) && l.conditions[name].Code == NoRequests && l.validates(name)
}

// validates reports whether the node does, by its /status.
func (l *look) validates(name string) bool {
	s := l.nodes[name].Status
	return s.Validates() && l.now.Sub(s.At) <= lostPings*l.PingInterval
}

// mayReturn reports whether main may be given the role back. A stock main that was not active is
// out of the era, and votes again from the next one on; until then the other node goes on to vote,
// which in fenced mode it would not.
func (l *look) mayReturn() bool {
	return l.conditions[l.Main].May(l.state.Mode)
}
