package world

import (
	"bytes"
	"time"

	"casper-cosigner/signer/casper"
	"casper-cosigner/signer/failover"
	"casper-cosigner/signer/machine"
	"casper-cosigner/signer/watermark"
	"casper-cosigner/testnet/zug"
)

// firstMark is the first era and height of a chain.
var firstMark = watermark.Mark{Era: zug.FirstEra, Height: 1}

// referee watches the world. What has to be signed is its own account of who could have had it signed.
type referee struct {
	w      *World
	places map[casper.Message]place

	shares map[slotKey]casper.Hash // what any cosigner released a share of
	held   map[slotKey]casper.Hash // what the log was first seen to hold
	lost   map[slotKey]bool        // bound when a hostile standby could have it
	stolen map[slotKey]bool        // bound for a hostile standby when it was main's

	good     [ours]time.Time // since when a node can do its part; zero: it cannot
	signer   time.Time       // since when the cosigners can do theirs
	by       *cosigner       // who led then
	fine     time.Time       // since when our votes are demanded
	mishap   [ours]time.Time // last fault of one of our nodes, its agent or its links
	asked    [ours]asking
	ready    [ours]time.Time // when the node was ready last
	awaited  time.Time       // since when a failover is called for
	ahead    bool            // slots are bound ahead of main
	stalled  time.Time       // when main had nothing new to ask for, last
	rounds   map[[2]uint64]bool
	heights  map[uint64]bool
	newestAt [foreign]time.Time // when a foreign node's chain grew last
}

// asking is how far a node has asked for rounds and when last, and when it last asked for a new height.
type asking struct {
	place                failover.Place
	at, advanced, height time.Time
}

func newReferee(w *World) *referee {
	return &referee{w: w, places: map[casper.Message]place{}, lost: map[slotKey]bool{}, stolen: map[slotKey]bool{},
		shares: map[slotKey]casper.Hash{}, held: map[slotKey]casper.Hash{},
		rounds: map[[2]uint64]bool{}, heights: map[uint64]bool{}}
}

// digest returns a message's slot and the hash of its signed bytes.
func (r *referee) digest(m casper.Message) (slotKey, casper.Hash) {
	p, ok := r.places[m]
	if !ok {
		p = placeOf(m)
		r.places[m] = p
	}
	return p.key, p.digest
}

// released sees a share leave. No two are ever of two values of one slot, which is more than is needed: two of one value
// make a signature.
func (r *referee) released(c *cosigner, m casper.Message) {
	key, digest := r.digest(m)
	r.w.stats.Shares++
	r.w.note("%s: share of %s", c.name, describe(m))
	if have, ok := r.shares[key]; ok && have != digest {
		r.w.fail("two values were signed for one slot: the other is %s", describe(m))
	}
	if held, ok := r.held[key]; !ok || held != digest {
		r.w.fail("%s made a share of %s, which the log does not hold", c.name, describe(m))
	}
	r.shares[key] = digest
}

// applied sees a cosigner apply a command to the roles that it had before.
func (r *referee) applied(c *cosigner, command machine.Command, before failover.State, result machine.Result) {
	w := r.w
	newest := c.applied > w.rolesAt
	if newest {
		w.rolesAt, w.roles = c.applied, c.state.Roles()
	}
	if claim, ok := command.(machine.Claim); ok {
		r.claimed(c, claim.Claim, before, result, newest)
		return
	}
	if !newest {
		return
	}
	w.note("%s applies %T %+v: %v", c.name, command, command, result.Outcome)
	if a, ok := command.(machine.Activate); ok && result.Outcome == machine.Done && a.Cause != failover.Operator {
		r.activated(a, before)
	}
}

// claimed sees a claim applied, by the first cosigner that applies it or by another.
func (r *referee) claimed(c *cosigner, claim watermark.Claim, before failover.State, result machine.Result, newest bool) {
	w := r.w
	if newest {
		w.note("%s applies %s for %s: %v", c.name, describe(claim.Message), claim.Node, result.Outcome)
	}
	if result.Outcome != machine.Done && result.Outcome != machine.Held {
		return
	}
	key, digest := r.digest(result.Held.Message)
	if asked, _ := r.digest(claim.Message); asked != key {
		w.fail("a claim of %s was answered with %s", describe(claim.Message), describe(result.Held.Message))
	}
	have, ok := r.held[key]
	switch {
	case ok && have != digest:
		w.fail("a slot changed: %s holds %s now", c.name, describe(result.Held.Message))
	case !ok && result.Outcome == machine.Held:
		w.fail("%s says that the slot of %s is held, and it was never claimed", c.name, describe(claim.Message))
	case !ok:
		r.held[key] = digest
		r.lost[key] = w.plan.Hostile && !r.mains(claim.Message)
		r.stolen[key] = w.plan.Hostile && claim.Node == names[standbyHost] && !r.lost[key]
		w.stats.Claims++
	}
	if !newest || result.Outcome != machine.Done {
		return
	}
	if before.Mode == failover.Fenced && claim.Message.Kind() != casper.KindFinality && claim.Node != before.Active {
		w.fail("fenced: %s bound %s, and %s is active", claim.Node, describe(claim.Message), before.Active)
	}
	if before.IsSuspended(claim.Node) {
		w.fail("%s is suspended and bound %s", claim.Node, describe(claim.Message))
	}
}

// activated sees an automatic change of the active node.
func (r *referee) activated(a machine.Activate, before failover.State) {
	w := r.w
	w.stats.Activates++
	if before.HoldUntil > a.At {
		w.fail("%s became active for %s while automatic changes were held", a.Node, a.Cause)
	}
	if (w.settings.Failover != failover.Auto && a.Cause != failover.Return) || w.settings.Failback != failover.Auto && a.Cause == failover.Return {
		w.fail("%s became active for %s, which is left to operators", a.Node, a.Cause)
	}
	r.awaited = time.Time{}
}

// proposed sees a leader propose an automatic change of the active node. Whether the node is ready counts now: the log may
// carry the change out much later, if the leader dies with it.
func (r *referee) proposed(node, cause string) {
	w := r.w
	r.sample()
	if w.plan.Hostile && node == names[standbyHost] && cause == failover.Behind && !r.fine.IsZero() && w.now.Sub(r.stalled) > w.plan.Block {
		w.fail("the hostile standby is to become active, and main is well")
	}
	for i, name := range names {
		if name != node || w.plan.Hostile { // a hostile standby's word for where it is spoils any comparison
			continue
		}
		if late := w.now.Sub(r.ready[i]); r.ready[i].IsZero() || late > 4*w.plan.Ping+time.Second {
			w.fail("%s is to become active for %s and is not ready, for %v", node, cause, late)
		}
	}
}

// mains reports whether a free slot is main's to have now, if it wants it: it is well, and its turn is not over.
func (r *referee) mains(m casper.Message) bool {
	a, now, plan := r.asked[mainHost], r.w.now, r.w.plan
	slot, _ := casper.SlotOf(m)
	begun := !further(failover.Place{Era: slot.Era, Round: slot.Round}, a.place)
	switch {
	case r.fine.IsZero() || now.Sub(a.advanced) >= 2*plan.Block:
		return false
	case m.Kind() == casper.KindFinality:
		return now.Sub(a.height) < 2*plan.Block
	case begun:
		return now.Sub(a.advanced) < plan.Grace
	}
	return now.Sub(a.advanced) < plan.Block+plan.Grace
}

// asks sees a node ask for a signature.
func (r *referee) asks(node int, m casper.Message) {
	a := &r.asked[node]
	var name casper.Round
	switch m := m.(type) {
	case casper.Finality:
		if m.Height > a.place.Height {
			a.place.Height, a.height = m.Height, r.w.now
		}
		return
	case casper.Echo:
		name = m.Round
	case casper.Vote:
		name = m.Round
	}
	a.at = r.w.now
	if name.Era > a.place.Era || name.Era == a.place.Era && name.ID > a.place.Round {
		a.place.Era, a.place.Round, a.advanced = name.Era, name.ID, r.w.now
	}
}

// disturbed notes that something befell one of our nodes or its links.
func (r *referee) disturbed(host int) {
	if host < ours {
		r.mishap[host] = r.w.now
		return
	}
	for i := range r.mishap { // the link's other end
		r.mishap[i] = r.w.now
	}
}

// saw sees what a node did.
func (r *referee) saw(v *validator, out zug.Output) {
	w := r.w
	for _, f := range out.Faults {
		if f.Have == nil {
			w.fail("%s sees two blocks at height %d", v.name, f.Height)
		} else {
			w.fail("%s sees validator %d contradict itself: %s, %s", v.name, f.Validator, describe(f.Have), describe(f.Other))
		}
	}
	if v.id < firstForeign {
		return
	}
	for _, e := range out.Ended {
		if key := [2]uint64{e.Era, uint64(e.Round)}; !r.rounds[key] {
			r.rounds[key] = true
			w.stats.Rounds++
			w.note("%s: round %d of era %d ended, leader %d, skipped %v", v.name, e.Round, e.Era, e.Leader, e.Skipped)
			r.demandVote(v, e)
		}
	}
	for _, b := range out.Blocks {
		r.newestAt[v.id-firstForeign] = w.now
		if !r.heights[b.Height] {
			r.heights[b.Height] = true
			r.demandFinality(v, b)
		}
	}
}

// end looks at how the world came to rest.
func (r *referee) end() {
	w := r.w
	r.sample()
	states := map[int][]byte{}
	for _, c := range w.cosigners {
		if !c.up {
			continue
		}
		var text bytes.Buffer
		if _, err := c.state.WriteTo(&text); err != nil {
			w.fail("writing the state of %s: %v", c.name, err)
			continue
		}
		if have, ok := states[c.applied]; ok && !bytes.Equal(have, text.Bytes()) {
			w.fail("%s and another cosigner applied %d entries and differ", c.name, c.applied)
		}
		states[c.applied] = text.Bytes()
		r.compare(c)
	}
	r.atRest()
}

// compare holds a cosigner's table against what was seen of the log.
func (r *referee) compare(c *cosigner) {
	if !c.state.Started() {
		return
	}
	for _, claim := range c.state.Table().All() {
		key, digest := r.digest(claim.Message)
		if r.held[key] != digest {
			r.w.fail("the table of %s holds %s, and the log another value", c.name, describe(claim.Message))
		}
	}
}

// atRest demands that after the last fault all is as it was: the chain grows, our nodes take part, main is active.
func (r *referee) atRest() {
	w := r.w
	for i, at := range r.newestAt { // without us, a row of rounds that we lead takes long
		if !r.fine.IsZero() && w.now.Sub(at) > 6*w.plan.Block {
			w.fail("at the end the chain of foreign-%d stands still for %v", i+1, w.now.Sub(at))
		}
	}
	if r.signer.IsZero() {
		w.fail("at the end the cosigners cannot sign")
	}
	for i := range r.good {
		if r.good[i].IsZero() && !w.plan.hostile(i) {
			w.fail("at the end %s takes no part: %+v", names[i], w.nodes[i].node.Status())
		}
	}
	returns := 0
	for _, e := range w.roles.History {
		if e.What == failover.EventActivate && e.Cause == failover.Return {
			returns++
		}
	}
	stable := w.plan.FailbackAfter<<returns + 2*w.plan.After + 4*w.plan.Block + 4*w.plan.Ping
	calm := !r.good[0].IsZero() && w.now.Sub(r.good[0]) > stable && !r.signer.IsZero() && w.now.Sub(r.signer) > stable
	if calm && w.roles.Active != names[0] && w.plan.Failback == failover.Auto && w.roles.HoldUntil == 0 &&
		!w.plan.Hostile && !w.plan.has(Promote) {
		w.fail("at the end main has been well for %v and %s is active", w.now.Sub(r.good[0]), w.roles.Active)
	}
}
