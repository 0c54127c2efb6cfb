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
	if lived := l.sign(name, n.Gate.At); l.overdue(lived) {
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

// sidelined returns what keeps a stock node that is out of this era from being as good as a standby
// can be: Out alone if nothing does. It asks for nothing, so its /status is all there is.
func (l *look) sidelined(name string) (code, why string) {
	n := l.nodes[name].Node
	code, why = l.explain(n.Status)
	stale := l.now.Sub(n.Status.At) > lostPings*l.PingInterval
	if stale || code != NoRequests || n.Status.Error != "" || n.Status.Reactor != validating {
		return code, name + " is out of era " + fmt.Sprint(n.Gate.RefusedEra) + ", and " + why
	}
	return Out, fmt.Sprintf("%s was refused a message of its own in era %d: it signs blocks, and votes again in the next "+
		"era, or once it is started anew", name, n.Gate.RefusedEra)
}

// fit reports whether the node may be given the role where nobody can vote at once: it is ready, or
// out of this era and well else. Whoever is active as the next era begins votes in it.
func (l *look) fit(name string) bool {
	c := l.conditions[name]
	return c.Ready || c.Code == Out
}

// mayReturn reports whether main may be given the role back. A stock main that was not active is
// out of the era, and votes again from the next one on; until then the other node goes on to vote,
// which in fenced mode it would not.
func (l *look) mayReturn() bool {
	return l.conditions[l.Main].Ready || l.fit(l.Main) && l.state.Mode == Hot
}
