package world

import (
	"slices"
	"time"

	"casper-cosigner/signer/casper"
	"casper-cosigner/signer/failover"
	"casper-cosigner/testnet/zug"
)

// When something is demanded of our validator.
const (
	sampleEvery  = 200 * time.Millisecond
	signerSettle = 2 * time.Second         // after an election
	voteWithin   = 1500 * time.Millisecond // and a block's time, after the round's end
)

// nodeSettle is how long a node, its agent and its links must have been well before it can be relied on: then the
// preference has forgotten a silent active node.
func (r *referee) nodeSettle() time.Duration { return 2*r.w.plan.Block + 2*time.Second }

func (r *referee) tick() {
	r.w.after(sampleEvery, r.tick)
	r.sample()
}

// sample looks who can do his part now.
func (r *referee) sample() {
	w := r.w
	for i := range ours {
		since(&r.good[i], r.able(i), w.now)
		if r.isReady(i) {
			r.ready[i] = w.now
		}
	}
	by := r.leader()
	since(&r.signer, by != nil && by == r.by, w.now)
	r.by = by
	r.chase()
	since(&r.fine, r.served(), w.now)
	r.awaitFailover()
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

func (r *referee) lasts(t time.Time, d time.Duration) bool {
	return !t.IsZero() && r.w.now.Sub(t) >= d
}

// able reports whether one of our nodes could do all that is asked of it: it runs, so does its agent, both reach whom
// they must, and it is where the others are.
func (r *referee) able(i int) bool {
	w := r.w
	v := w.nodes[i]
	if !v.runs() || !w.agents[i].runs() || w.plan.hostile(i) || w.loss > 0 || w.slow > 1 || w.roles.IsSuspended(names[i]) {
		return false
	}
	for h := range hosts {
		if h != i && (h >= ours) && !w.linked(i, h) {
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
func (r *referee) isReady(i int) bool {
	w := r.w
	a := r.asked[i]
	if !w.agents[i].runs() || a.at.IsZero() || w.now.Sub(a.at) > 2*w.plan.Block+w.plan.Ping {
		return false
	}
	newest := a.place
	for k, o := range r.asked {
		if !w.roles.IsSuspended(names[k]) && w.heard(k) && further(o.place, newest) {
			newest = o.place
		}
	}
	slack := 2 + uint32(w.plan.Ping/w.plan.Block)
	switch {
	case a.place.Era == newest.Era:
		return a.place.Round+slack >= newest.Round
	case a.place.Era+1 == newest.Era:
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
func (r *referee) leader() *cosigner {
	w := r.w
	c := w.leader()
	if c == nil || !c.ready || !c.quorate() || w.now.Before(c.steadyAt) || w.loss > 0 || w.slow > 1 {
		return nil
	}
	able := 0
	for _, o := range w.majority(c) {
		if o == c || o.filled && o.disk == "" {
			able++
		}
	}
	if able < threshold || c.disk != "" {
		return nil
	}
	return c
}

// served reports whether what a node of ours asks is signed now: by the cosigners, for one that has been well for long
// enough, and which in fenced mode is the active one. A hostile standby may take what main leaves, so main must be the
// preferred one then.
func (r *referee) served() bool {
	w := r.w
	settle := signerSettle
	if w.plan.Hostile { // a new leader does not know when main's turn is, until main has asked
		settle += 3 * w.plan.Block
	}
	if !r.lasts(r.signer, settle) || r.ahead {
		return false
	}
	active := w.activeNode()
	if r.lasts(r.good[active], r.nodeSettle()) {
		return true
	}
	// A new leader takes an active node that it has not heard of for well, and lets the other one wait.
	return w.roles.Mode == failover.Hot && !w.plan.Hostile && r.lasts(r.good[1-active], r.nodeSettle()) &&
		(!r.good[active].IsZero() || r.lasts(r.signer, settle+2*w.plan.Block))
}

// chase notes whether slots are bound further than main has come. A hostile standby that had the field to itself goes
// ahead of the chain, and keeps what it has; while main is well, preferred and moves on it must not.
func (r *referee) chase() {
	w := r.w
	if !w.plan.Hostile || r.by == nil {
		return
	}
	bound, tip, asked := r.by.bound(), w.nodes[mainHost].node.Status().Tip, r.asked[mainHost]
	ahead := bound.Height > tip.Height+1 || bound.Era == asked.place.Era && bound.Round > asked.place.Round+1 ||
		bound.Era == asked.place.Era+1 && bound.Round > 1 || bound.Era > asked.place.Era+1
	// When nothing new comes for two round lengths, main is as good as silent, and the preference ends.
	long := 2*w.plan.Block - 2*sampleEvery
	if w.now.Sub(asked.advanced) > long || w.now.UnixMilli()-tip.At > long.Milliseconds() {
		r.stalled = w.now
	}
	if ahead && !r.ahead && !r.fine.IsZero() && !r.good[mainHost].IsZero() && w.roles.Active == names[mainHost] && w.now.Sub(r.stalled) > w.plan.Block {
		w.fail("the hostile standby went ahead of main: %+v is bound, and main is at %+v, height %d", bound, asked.place, tip.Height)
	}
	r.ahead = ahead
}

// demanded reports whether our validator could do its part all the time since then, and the observing node could see it.
func (r *referee) demanded(v *validator, life int, from time.Time) bool {
	if r.fine.IsZero() || r.fine.After(from) || !v.runs() || v.life != life {
		return false
	}
	return true
}

// demandVote demands our vote in a round that has ended, soon. In one that was skipped it is demanded only that it was not
// ours to lead.
func (r *referee) demandVote(v *validator, e zug.Ended) {
	w, life := r.w, v.life
	w.after(w.plan.Block+voteWithin, func() {
		if !r.demanded(v, life, e.Began) {
			return
		}
		if e.Skipped {
			r.skipped(e)
			return
		}
		w.stats.Demanded++
		if e.Leader == ourValidator {
			w.stats.Leaders++
		}
		if _, vote := r.seen(e); vote == nil {
			w.after(r.heldBack(e), func() { r.voted(v, life, e) })
			return
		}
		r.voted(v, life, e)
	})
}

// heldBack returns for how much longer our other node may have to wait for an active one that fell ill: that one is
// preferred for two round lengths from its last request.
func (r *referee) heldBack(e zug.Ended) time.Duration {
	i := r.w.activeNode()
	if at := r.good[i]; !at.IsZero() && at.Before(e.Began) {
		return 0
	}
	_, asked, _ := r.by.prefers.Node(names[i])
	return max(0, asked.Add(2*r.w.plan.Block+voteWithin).Sub(r.w.now))
}

// voted demands that our vote of the round is known.
func (r *referee) voted(v *validator, life int, e zug.Ended) {
	echo, vote := r.seen(e)
	switch {
	case !r.demanded(v, life, e.Began):
	case vote == nil:
		r.w.fail("round %d of era %d has no vote of ours", e.Round, e.Era)
	case r.isIn(r.stolen, vote) || echo != nil && r.isIn(r.stolen, echo):
		r.w.fail("round %d of era %d: the hostile standby took our slots", e.Round, e.Era)
	}
}

// seen returns our echo and vote of a round as the others know them. Who was away when they came may not.
func (r *referee) seen(e zug.Ended) (echo, vote casper.Message) {
	for _, f := range r.w.nodes[firstForeign:] {
		if echo, vote = f.node.Seen(e.Era, e.Round, ourValidator); vote != nil {
			return echo, vote
		}
	}
	return echo, nil
}

func (r *referee) isIn(slots map[slotKey]bool, m casper.Message) bool {
	key, _ := r.digest(m)
	return slots[key]
}

// skipped judges a round that ended without a block. One of ours to lead must not, unless a node of ours died or was cut
// off about that time, or still had the slots without being able to tell the others what it proposed.
func (r *referee) skipped(e zug.Ended) {
	w := r.w
	if e.Leader != ourValidator || w.plan.Hostile {
		return
	}
	for i, v := range w.nodes[:ours] {
		well := !r.good[i].IsZero() && !r.good[i].After(e.Began.Add(-w.plan.Block))
		gone := !v.up && r.mishap[i].Before(e.Began.Add(-3*w.plan.Block))
		if !well && !gone {
			return
		}
	}
	w.fail("round %d of era %d was ours to lead, and was skipped", e.Round, e.Era)
}

// demandFinality demands our finality signature of a block, in time to be of use.
func (r *referee) demandFinality(v *validator, b zug.Block) {
	w, life, from := r.w, v.life, r.w.now
	w.after(3*w.plan.Block+4*time.Second, func() {
		if r.demanded(v, life, from) {
			w.stats.Late++
			known := slices.ContainsFunc(w.nodes[firstForeign:], func(f *validator) bool { return f.node.HasFinality(b.Height, ourValidator) })
			if !known && !r.isIn(r.lost, casper.Finality{Height: b.Height}) {
				w.fail("block %d has no finality signature of ours", b.Height)
			}
		}
	})
}

// awaitFailover demands that a node which is ready takes over from one that is gone.
func (r *referee) awaitFailover() {
	w := r.w
	called := false
	for i, name := range names {
		if name != w.roles.Active {
			continue
		}
		gone := !w.nodes[i].runs() && !w.plan.hostile(i) || !w.agents[i].runs() || w.roles.IsSuspended(name)
		called = gone && r.lasts(r.good[1-i], r.nodeSettle()) && r.lasts(r.signer, signerSettle)
	}
	called = called && !w.plan.Hostile && w.plan.Failover == failover.Auto && w.roles.HoldUntil == 0 && !w.plan.has(Clock)
	if called && r.awaited.IsZero() {
		w.stats.Promotable++
	}
	since(&r.awaited, called, w.now)
	if limit := 2*w.plan.After + 2*w.plan.Block + 4*w.plan.Ping + 2*time.Second; r.lasts(r.awaited, limit) {
		w.fail("%s is gone, the other node is well, and nobody took over for %v", w.roles.Active, limit)
	}
}
