package world

import (
	"slices"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/testnet/zug"
)

// voteWithin is how long after a round's end, and a block's time, our vote must be there.
const voteWithin = 1500 * time.Millisecond

// demand sees to it that what is due comes: votes, blocks and finality signatures from our
// validator, changes of roles from the cosigners. Nothing is due that the account does not
// say could be done.
type demand struct {
	*account
	thief     *thief
	awaited   time.Time            // since when a failover is called for
	holding   time.Time            // since when a hold is called for
	releasing time.Time            // since when one ought to be over
	evidence  map[uint64]time.Time // when an agent first told of an equivocation in that era
	rounds    map[[2]uint64]bool
	heights   map[uint64]bool
	newestAt  [foreign]time.Time // when a foreign node's chain grew last
}

func newDemand(w *World, a *account, t *thief) *demand {
	return &demand{account: a, thief: t, evidence: map[uint64]time.Time{}, rounds: map[[2]uint64]bool{},
		heights: map[uint64]bool{}}
}

// ended sees a round end at a foreign node. The first one counts.
func (d *demand) ended(v *validator, e zug.Ended) {
	key := [2]uint64{e.Era, uint64(e.Round)}
	if d.rounds[key] {
		return
	}
	d.rounds[key] = true
	d.w.stats[Rounds]++
	d.w.note("%s: round %d of era %d ended, leader %d, skipped %v", v.name, e.Round, e.Era, e.Leader, e.Skipped)
	d.demandVote(v, e)
}

// grew sees a foreign node's chain grow. The first one that has a block counts.
func (d *demand) grew(v *validator, b zug.Block) {
	d.newestAt[v.id-firstForeign] = d.w.now
	if !d.heights[b.Height] {
		d.heights[b.Height] = true
		d.demandFinality(v, b)
	}
}

// demanded reports whether our validator could do its part all the time since then, and
// the observing node could see it. One that started a few rounds before takes one for
// younger than it is.
func (d *demand) demanded(v *validator, life int, from time.Time) bool {
	return !d.fine.IsZero() && !d.fine.After(from) && v.runs() && v.life == life &&
		(v.upAt.IsZero() || from.Sub(v.upAt) > 4*d.w.plan.Block)
}

// demandVote demands our vote in a round that has ended, soon. In one that was skipped it is
// demanded only that it was not ours to lead.
func (d *demand) demandVote(v *validator, e zug.Ended) {
	w, life, at := d.w, v.life, d.w.now
	w.after(w.plan.Block+voteWithin, func() {
		if !d.demanded(v, life, e.Began) {
			return
		}
		if d.oursToLead(e) {
			w.stats[Leads]++
			if e.Skipped {
				w.fail("round %d of era %d was ours to lead, and was skipped", e.Round, e.Era)
			}
		}
		if e.Skipped {
			return
		}
		w.stats[Votes]++
		if _, vote := d.seen(e); vote == nil {
			w.after(d.heldBack(e), func() { d.voted(v, life, e, at) })
			return
		}
		d.voted(v, life, e, at)
	})
}

// heldBack returns for how much longer our other node may have to wait for an active one that fell
// ill: that one is preferred for two round lengths from its last request.
func (d *demand) heldBack(e zug.Ended) time.Duration {
	i := d.w.activeNode()
	if at := d.good[i]; !at.IsZero() && at.Before(e.Began) {
		return 0
	}
	_, asked, _ := d.by.desk.Preference.Node(names[i])
	return max(0, asked.Add(2*d.w.plan.Block+voteWithin).Sub(d.w.now))
}

// onTheWay is how long a message between nodes may take.
const onTheWay = 40 * time.Millisecond

// lostAt reports whether what our nodes sent at that time may have been lost on its way, with no
// reason to ask for it again: the round was over.
func (d *demand) lostAt(ended time.Time) bool {
	return slices.ContainsFunc(d.hits, func(hit time.Time) bool { return hit.Sub(ended).Abs() <= onTheWay })
}

// voted demands that our vote of the round, which ended then, is known.
func (d *demand) voted(v *validator, life int, e zug.Ended, ended time.Time) {
	echo, vote := d.seen(e)
	switch {
	case !d.demanded(v, life, e.Began):
	case vote == nil && d.lostAt(ended):
	case vote == nil:
		d.w.fail("round %d of era %d has no vote of ours", e.Round, e.Era)
	case d.thief.took(vote) || d.thief.took(echo):
		d.w.fail("round %d of era %d: the hostile standby took our slots", e.Round, e.Era)
	}
}

// seen returns our echo and vote of a round as the others know them. Who was away when
// they came may not.
func (d *demand) seen(e zug.Ended) (echo, vote casper.Message) {
	for _, f := range d.w.nodes[firstForeign:] {
		if echo, vote = f.node.Seen(e.Era, e.Round, ourValidator); vote != nil {
			return echo, vote
		}
	}
	return echo, nil
}

// oursToLead reports whether a round that ended was ours to lead, and had to end with a block: no
// node of ours died or was cut off about that time, or still had the slots without being able to
// tell the others what it proposed.
func (d *demand) oursToLead(e zug.Ended) bool {
	if e.Leader != ourValidator || d.thief != nil {
		return false
	}
	for i, v := range d.w.nodes[:ours] {
		well := !d.good[i].IsZero() && !d.good[i].After(e.Began.Add(-d.w.plan.Block))
		gone := !v.up && d.mishap[i].Before(e.Began.Add(-3*d.w.plan.Block))
		if !well && !gone {
			return false
		}
	}
	return true
}

// demandFinality demands our finality signature of a block, in time to be of use.
func (d *demand) demandFinality(v *validator, b zug.Block) {
	w, life, from := d.w, v.life, d.w.now
	w.after(3*w.plan.Block+4*time.Second, func() {
		if !d.demanded(v, life, from) {
			return
		}
		w.stats[Finalities]++
		known := slices.ContainsFunc(w.nodes[firstForeign:], func(f *validator) bool {
			return f.node.HasFinality(b.Height, ourValidator)
		})
		if !known && !d.thief.couldHave(casper.Finality{Height: b.Height}) {
			w.fail("block %d has no finality signature of ours", b.Height)
		}
	})
}

// awaitFailover demands that a node which is ready takes over from one that is gone.
func (d *demand) awaitFailover() {
	w, active := d.w, d.w.activeNode()
	called := false
	if active >= 0 {
		gone := !w.nodes[active].runs() && !w.plan.hostile(active) || !w.agents[active].runs() ||
			w.roles.IsSuspended(names[active])
		called = gone && d.lasts(d.good[1-active], d.nodeSettle()) && d.lasts(d.signer, signerSettle)
	}
	called = called && d.thief == nil && w.plan.Failover == failover.Auto && w.roles.HoldUntil == 0 && !w.plan.has(Clock)
	if called && d.awaited.IsZero() {
		w.stats[Failovers]++
	}
	since(&d.awaited, called, w.now)
	if limit := 2*w.plan.After + 2*w.plan.Block + 4*w.plan.Ping + 2*time.Second; d.lasts(d.awaited, limit) {
		w.fail("%s is gone, the other node is well, and nobody took over for %v", w.roles.Active, limit)
	}
}

// awaitHold demands that automatic changes stop when a node shows that somebody else has our key.
func (d *demand) awaitHold() {
	w := d.w
	called := false
	for i, a := range w.agents {
		if a.node.Fault.IsZero() {
			continue
		}
		if _, ok := d.evidence[a.node.FaultEra]; !ok {
			d.evidence[a.node.FaultEra] = a.node.Fault
		}
		told := a.runs() && d.by != nil && w.linked(i, d.by.host) && !w.roles.IsSuspended(names[i])
		called = called || told && d.proves(a) && !w.heldSince(d.evidence[a.node.FaultEra])
	}
	called = called && d.lasts(d.signer, signerSettle) && !w.plan.has(Clock)
	if called && d.holding.IsZero() {
		w.stats[Holds]++
	}
	since(&d.holding, called, w.now)
	if limit := 3*w.plan.Ping + 2*time.Second; d.lasts(d.holding, limit) {
		w.fail("a node proves an equivocation, and nobody held the roles for %v", limit)
	}
}

// heldSince reports whether the rule held the roles after that.
func (w *World) heldSince(at time.Time) bool {
	return slices.ContainsFunc(w.roles.History, func(e failover.Event) bool {
		return e.What == failover.EventHold && e.Cause == failover.Fault && e.At >= at.UnixMilli()
	})
}

// atRest demands that after the last fault all is as it was: the chain grows, our nodes take part,
// main is active.
func (d *demand) atRest() {
	w := d.w
	if w.dead() {
		return
	}
	for i, at := range d.newestAt { // without us, a row of rounds that we lead takes long
		if !d.fine.IsZero() && w.now.Sub(at) > 6*w.plan.Block {
			w.fail("at the end the chain of foreign-%d stands still for %v", i+1, w.now.Sub(at))
		}
	}
	// A new leader that was just handed the lead signs once it has a barrier behind it.
	if d.signer.IsZero() && w.now.Sub(w.referee.handed) > time.Second {
		w.fail("at the end the cosigners cannot sign")
	}
	for i := range d.good {
		if d.good[i].IsZero() && !w.plan.hostile(i) {
			w.fail("at the end %s takes no part: %+v", names[i], w.nodes[i].node.Status())
		}
	}
	d.mainAtRest()
}

// followed is for how many rounds' time main may have to follow the chain until a thief that was
// active is believed no more.
const followed = 75

// mainAtRest demands that main is active again once it has been well for as long as its
// return takes.
func (d *demand) mainAtRest() {
	w := d.w
	returns := 0
	for _, e := range w.roles.History {
		if e.What == failover.EventActivate && e.Cause == failover.Return {
			returns++
		}
	}
	stable := w.plan.FailbackAfter<<returns + 2*w.plan.After + 4*w.plan.Block + 4*w.plan.Ping
	if d.thief != nil { // it is believed until main has followed the chain for long
		stable += followed * w.plan.Block
	}
	calm := !d.good[mainHost].IsZero() && w.now.Sub(d.good[mainHost]) > stable && !d.signer.IsZero() &&
		w.now.Sub(d.signer) > stable
	// Between sites a single answer that was lost, and came too late, may move the role at any time.
	calm = calm && w.now.Sub(w.referee.freed) > stable
	calm = calm && (w.plan.Sites == Sites{} || w.now.Sub(w.referee.moved) > stable)
	if !calm || w.plan.Failback != failover.Auto || w.roles.HoldUntil != 0 || w.plan.has(Promote) {
		return
	}
	w.stats[Rests]++
	if returns > 0 {
		w.stats[Returns]++
	}
	if w.roles.Active != names[mainHost] {
		w.fail("at the end main has been well for %v and %s is active", w.now.Sub(d.good[mainHost]), w.roles.Active)
	}
}
