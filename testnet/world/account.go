package world

import (
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/testnet/zug"
)

// How long who can do his part must have been able to before he is relied on.
const (
	sampleEvery  = 200 * time.Millisecond
	signerSettle = 2 * time.Second // after an election
)

// account is the referee's own account of who could do his part, and since when. It looks at the
// world from outside, and believes nobody's word.
type account struct {
	w      *World
	good   [ours]time.Time // since when a node can do its part; zero: it cannot
	ready  [ours]time.Time // when the node was ready last
	signer time.Time       // since when the cosigners can do theirs
	by     *cosigner       // who led then
	fine   time.Time       // since when what a node of ours asks is signed
	mishap [ours]time.Time // last fault of one of our nodes, its agent or its links
	hits   []time.Time     // when any was
	asked  [ours]asking
}

// asking is how far a node has asked for rounds and when last, and when it last asked for
// a new height.
type asking struct {
	place                failover.Place
	at, advanced, height time.Time
}

// nodeSettle is how long a node, its agent and its links must have been well before it can be
// relied on: then the preference has forgotten a silent active node.
func (a *account) nodeSettle() time.Duration { return 2*a.w.plan.Block + 2*time.Second }

// look sees who can do his part now.
func (a *account) look() {
	for i := range ours {
		since(&a.good[i], a.able(i), a.w.now)
		if a.isReady(i) {
			a.ready[i] = a.w.now
		}
	}
	by := a.leader()
	since(&a.signer, by != nil && by == a.by, a.w.now)
	a.by = by
}

// since keeps since when something is so.
func since(t *time.Time, so bool, now time.Time) {
	switch {
	case !so:
		*t = time.Time{}
	case t.IsZero():
		*t = now
	}
}

func (a *account) lasts(t time.Time, d time.Duration) bool {
	return !t.IsZero() && a.w.now.Sub(t) >= d
}

// able reports whether one of our nodes could do all that is asked of it: it runs, so does its
// agent, both reach whom they must, and it is where the others are.
func (a *account) able(i int) bool {
	w := a.w
	v := w.nodes[i]
	if !v.runs() || !w.agents[i].runs() || w.plan.hostile(i) || w.loss > 0 || w.slow > 1 || w.roles.IsSuspended(names[i]) {
		return false
	}
	for h := ours; h < hosts; h++ {
		if !w.linked(i, h) {
			return false
		}
	}
	s := v.node.Status()
	if s.Reactor != zug.Validate {
		return false
	}
	for _, f := range w.nodes[firstForeign:] {
		o := f.node.Status()
		if f.runs() && o.Reactor == zug.Validate && behind(s.Open, o.Open) {
			return false
		}
	}
	return true
}

// behind reports whether an open round is more than one short of another.
func behind(a, b casper.Round) bool {
	switch {
	case a.Era == b.Era:
		return b.ID > a.ID+1
	case a.Era+1 == b.Era:
		return b.ID > 0
	}
	return a.Era < b.Era
}

// isReady is the referee's account of readiness: the node asks, and for what is newest.
func (a *account) isReady(i int) bool {
	w, node := a.w, a.asked[i]
	if !w.agents[i].runs() || node.at.IsZero() || w.now.Sub(node.at) > 2*w.plan.Block+w.plan.Ping {
		return false
	}
	newest := node.place
	for k, o := range a.asked {
		if !w.roles.IsSuspended(names[k]) && w.heard(k) && further(o.place, newest) {
			newest = o.place
		}
	}
	slack := 2 + uint32(w.plan.Ping/w.plan.Block)
	switch {
	case node.place.Era == newest.Era:
		return node.place.Round+slack >= newest.Round
	case node.place.Era+1 == newest.Era:
		return newest.Round < slack
	}
	return false
}

// heard reports whether a node's agent can tell a cosigner how far its node is.
func (w *World) heard(node int) bool {
	for h := nodeCount; h < hosts; h++ {
		if w.agents[node].runs() && w.cut[node][h] == 0 {
			return true
		}
	}
	return false
}

func further(a, b failover.Place) bool {
	return a.Era > b.Era || a.Era == b.Era && a.Round > b.Round
}

// leader returns the cosigner that leads, if it can have things signed.
func (a *account) leader() *cosigner {
	w := a.w
	c := w.leader()
	if c == nil || !c.ready || !c.quorate() || w.now.Before(c.steadyAt) || w.loss > 0 || w.slow > 1 {
		return nil
	}
	able := 0
	for _, o := range w.majority(c) {
		if a.sound(o) && (o == c || o.filled && o.disk == "") {
			able++
		}
	}
	if able < threshold || c.disk != "" {
		return nil
	}
	return c
}

// served reports whether what a node of ours asks is signed now: by the cosigners, for one that has
// been well for long enough, and which in fenced mode is the active one. A thief may take what main
// leaves, so main must be the preferred one then.
func (a *account) served(t *thief) bool {
	settle := signerSettle + t.settle()
	if !a.lasts(a.signer, settle) || t.isAhead() {
		return false
	}
	active := a.w.activeNode()
	if a.lasts(a.good[active], a.nodeSettle()) {
		return true
	}
	// A new leader takes an active node that it has not heard of for well, and lets the
	// other one wait.
	return a.w.roles.Mode == failover.Hot && t == nil && a.lasts(a.good[1-active], a.nodeSettle()) &&
		(!a.good[active].IsZero() || a.lasts(a.signer, settle+2*a.w.plan.Block))
}

// asks sees a node ask for a signature.
func (a *account) asks(node int, m casper.Message) {
	n := &a.asked[node]
	var name casper.Round
	switch m := m.(type) {
	case casper.Finality:
		if m.Height > n.place.Height {
			n.place.Height, n.height = m.Height, a.w.now
		}
		return
	case casper.Echo:
		name = m.Round
	case casper.Vote:
		name = m.Round
	}
	n.at = a.w.now
	if name.Era > n.place.Era || name.Era == n.place.Era && name.ID > n.place.Round {
		n.place.Era, n.place.Round, n.advanced = name.Era, name.ID, a.w.now
	}
}

// disturbed notes that something befell one of our nodes or its links.
func (a *account) disturbed(host int) {
	a.hits = append(a.hits, a.w.now)
	if host < ours {
		a.mishap[host] = a.w.now
		return
	}
	for i := range a.mishap { // the link's other end
		a.mishap[i] = a.w.now
	}
}

// sound reports whether a cosigner gives shares, as far as its memory goes: nothing befell that,
// and it has had the time to hear the agents.
func (a *account) sound(c *cosigner) bool {
	plan := a.w.plan
	return !plan.Witnessed || !a.w.spoiled[c.id] && a.w.now.Sub(c.memory.since) > plan.Wait+plan.Ping
}
