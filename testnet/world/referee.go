package world

import (
	"fmt"
	"strings"
	"time"

	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/testnet/zug"
)

// firstMark is the first era and height of a chain.
var firstMark = watermark.Mark{Era: zug.FirstEra, Height: 1}

// referee watches the world: for what may never be, for what is due from our validator by its own
// account of who could do his part, and for what a hostile standby takes. It is told of all that
// happens, and passes it on.
type referee struct {
	w *World
	*safety
	*account
	*demand
	*thief // nil in a world without one
	*usher
	*eras // nil in a world without a stock node
}

func newReferee(w *World) *referee {
	a := &account{w: w}
	t := newThief(w, a)
	r := &referee{w: w, safety: newSafety(w), account: a, demand: newDemand(w, a, t), thief: t, usher: &usher{w: w}}
	if w.plan.Pair.any() {
		r.eras = newEras(a)
	}
	return r
}

func (r *referee) tick() {
	r.w.after(sampleEvery, r.tick)
	r.sample()
}

// sample looks who can do his part now, and what is due from whom.
func (r *referee) sample() {
	r.look()
	r.chase()
	if r.eras != nil {
		r.watch()
		return
	}
	since(&r.fine, r.served(r.thief), r.w.now)
	r.awaitFailover()
	r.awaitHold()
	r.awaitRelease()
}

// applied sees a cosigner apply a command to the roles that it had before.
func (r *referee) applied(c *cosigner, command machine.Command, before failover.State, result machine.Result) {
	w := r.w
	newest := c.applied > w.rolesAt && !w.undone[c.id]
	if newest {
		w.rolesAt, w.roles = c.applied, c.state.Roles()
	}
	if claim, ok := command.(machine.Claim); ok {
		r.appliedClaim(c, claim.Claim, before, result, newest)
		return
	}
	if !newest {
		return
	}
	if first, founds := command.(machine.Genesis); founds && w.referee.first == (machine.Genesis{}) {
		w.referee.first = first
	}
	flat := strings.NewReplacer("Change:{", "", "}}", "}") // a change's fields beside the command's others
	w.note("%s applies %T %s: %v", c.name, command, flat.Replace(fmt.Sprintf("%+v", command)), became(result))
	if result.Outcome != machine.Done {
		return
	}
	r.changed(command, before)
	if a, ok := command.(machine.Activate); ok && a.Cause != failover.Operator {
		r.awaited = time.Time{}
	}
}

// became is what became of a command, in the few words that the history has for it.
func became(r machine.Result) string {
	switch r.Why {
	case refusal.None:
		return r.Outcome.String()
	case refusal.NotActive:
		return "not active"
	case refusal.Suspended:
		return "suspended"
	case refusal.OtherInstance:
		return "other instance in use"
	case refusal.EpochMoved:
		return "epoch moved"
	}
	return r.Why.String()
}

// appliedClaim sees a claim applied, by the first cosigner that applies it or by another.
func (r *referee) appliedClaim(c *cosigner, claim watermark.Claim, before failover.State, result machine.Result,
	newest bool) {
	if newest {
		r.w.note("%s applies %s for %s: %v", c.name, describe(claim.Message), claim.Node, became(result))
	}
	if result.Outcome != machine.Done && result.Outcome != machine.Held {
		return
	}
	if r.claimed(c, claim, result) {
		r.takes(claim)
	}
	if newest && result.Outcome == machine.Done {
		r.bound(claim, before)
	}
}

// cancelled is how long the word may take that an asker gave up: two hops over slow
// links, and some.
const cancelled = 100 * time.Millisecond

// binds sees a leader about to propose a claim: not for an asker that gave up. Its cancellation has
// had its time then, if no link was cut and nothing lost.
func (r *referee) binds(c *cosigner, q *request) {
	at := q.asker.gaveUp
	late := r.w.now.Sub(at)
	knows := cancelled + r.w.plan.Sites.farthest()
	if !at.IsZero() && late > knows && !r.w.plan.has(Lossy, CutCosigners, CutHost, CutOneWay) {
		r.w.fail("%s binds %s for an asker that gave up %v ago", c.name, describe(q.claim.Message), late)
	}
}

// proposed sees a leader propose an automatic change of the active node. Whether the node is ready
// counts now: the log may carry the change out much later, if the leader dies with it.
func (r *referee) proposed(node, cause string) {
	r.sample()
	if r.eras != nil { // one that is out of an era will do as well
		return
	}
	if r.thief != nil { // its word for where it is spoils any comparison
		r.promoted(node, cause)
		return
	}
	w := r.w
	for i, name := range names {
		if late := w.now.Sub(r.ready[i]); name == node && (r.ready[i].IsZero() || late > 4*w.plan.Ping+time.Second) {
			w.fail("%s is to become active for %s and is not ready, for %v", node, cause, late)
		}
	}
}

// moves sees a leader hand the lead over.
func (r *referee) moves(c *cosigner) {
	r.sample()
	r.usher.moves(c, r.lasts(r.awaited, r.w.plan.After))
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
		r.ended(v, e)
	}
	for _, b := range out.Blocks {
		if r.eras != nil {
			r.eras.grew(v, b)
		} else {
			r.demand.grew(v, b)
		}
	}
}

// end looks at how the world came to rest.
func (r *referee) end() {
	r.sample()
	r.compare()
	if r.eras == nil {
		r.atRest()
	}
}
