package world

import (
	"slices"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/timing"
	"casper-cosigner/rule/turn"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/testnet/zug"
)

// request is a node's request at a cosigner.
type request struct {
	claim    watermark.Claim
	slot     casper.Slot
	deadline time.Time // counted from when it was read, as in gRPC
	gone     bool      // whoever waits for it gave up, and said so
	pass     func()    // says so to the leader that it was passed on to; may be nil
	asker    *errand
	from     *process // that waits for the answer
	hop      bool     // forwarded by a follower
	reply    func(outcome)
	waits    bool
	claimed  time.Time // when its claim was proposed; zero if it was not
}

// carry brings a request to a cosigner's process, and returns what says later that its asker gave
// up. How long the asker waits is told as a length of time, so that one which was under way for
// long looks fresh.
func (r *request) carry(to *process, patience time.Duration, serve func(*request), down func()) (cancel func()) {
	w := r.from.w
	taken := open // by the terms of a node's request that is passed on, which shows no presence
	w.send(r.from, to, taken, func() {
		r.deadline = w.now.Add(patience)
		serve(r)
	}, down)
	return func() { w.send(r.from, to, taken, r.cancel, nil) }
}

func (r *request) cancel() {
	if r.gone = true; r.pass != nil {
		r.pass()
	}
}

// live reports whether the asker waits, as far as can be known.
func (r *request) live(now time.Time) bool { return !r.gone && now.Before(r.deadline) }

// outcome is the answer.
type outcome struct {
	unavailable bool
	stale       bool // refused for its date
	verdict     zug.Verdict
	message     casper.Message
	by          int
}

func (c *cosigner) answer(r *request, o outcome) {
	o.by = c.id
	c.w.send(&c.process, r.from, open, func() { r.reply(o) }, nil)
}

func (c *cosigner) refuse(r *request, v zug.Verdict) { c.answer(r, outcome{verdict: v}) }

// serve takes a request in. A follower passes it on, one hop.
func (c *cosigner) serve(r *request) {
	if c.leads && c.ready {
		c.desk.Preference.Asked(r.claim.Node, c.slotOf(r), c.w.now)
		c.decide(r)
		return
	}
	follower := turn.Follower{Forwarded: r.hop, Steady: c.steady(), Leader: !c.leads && c.leader >= 0 && c.leader != c.id}
	if follower.Against() != refusal.None {
		c.answer(r, outcome{unavailable: true})
		return
	}
	to := c.w.cosigners[c.leader]
	back := func(o outcome) { c.w.send(&c.process, r.from, open, func() { r.reply(o) }, nil) }
	passed := &request{claim: r.claim, asker: r.asker, hop: true, from: &c.process, reply: back}
	r.pass = passed.carry(&to.process, r.deadline.Sub(c.w.now), to.serve, func() {
		back(outcome{unavailable: true, by: c.id})
	})
}

func (c *cosigner) slotOf(r *request) casper.Slot {
	r.slot, _ = casper.SlotOf(r.claim.Message)
	return r.slot
}

// decide has the product decide, and comes back to it when the request has to wait.
func (c *cosigner) decide(r *request) {
	now := c.w.now
	if roles := c.state.Roles(); roles.IsSuspended(r.claim.Node) {
		c.refuse(r, zug.Refused)
		return
	}
	facts := turn.Look(c.state, c.w.rules.Check(c.state, c.place(len(c.log)+1), r.claim))
	facts.Moved = c.moved
	switch d := c.w.rules.Decide(&c.desk, facts, turn.Request{Claim: r.claim, Slot: r.slot, Deadline: r.deadline},
		now); d.Do {
	case turn.Finish:
		c.finish(r, d.Held)
	case turn.Claim:
		c.claim(r, d.Left)
	case turn.Wait:
		if !r.waits {
			r.waits = true
			c.waiting = append(c.waiting, r)
		}
		c.after(d.Until.Sub(now), func() { c.again(r) })
	default:
		c.answer(r, outcome{verdict: refused(d.Why), stale: d.Why == refusal.Stale})
	}
}

// refused is how a node takes a refusal: it asks no more for what the log will never bind.
func refused(why refusal.Reason) zug.Verdict {
	switch why {
	case refusal.BelowFloor, refusal.RoundTooHigh, refusal.OtherInstance:
		return zug.Forbidden
	}
	return zug.Refused
}

// again decides once more on a request that waits.
func (c *cosigner) again(r *request) {
	i := slices.Index(c.waiting, r)
	if i < 0 {
		return
	}
	c.waiting = slices.Delete(c.waiting, i, i+1)
	r.waits = false
	if r.live(c.w.now) {
		c.decide(r)
	}
}

// lookAgain decides once more on all that waits: a slot may have been bound.
func (c *cosigner) lookAgain() {
	for _, r := range slices.Clone(c.waiting) {
		c.again(r)
	}
}

func (c *cosigner) bound() failover.Place { return c.state.Bound() }

// claim binds the slot, unless the product has something against it at last.
func (c *cosigner) claim(r *request, left int64) {
	now := c.w.now
	moment := turn.Moment{Quorum: c.quorate(), Asker: r.live(now), Steady: c.steady()}
	switch moment.Against() {
	case refusal.None:
	case refusal.AskerGone: // nobody hears it
		return
	default:
		c.answer(r, outcome{unavailable: true})
		return
	}
	c.w.referee.binds(c, r)
	if roles := c.state.Roles(); r.claim.Node != roles.Active && !r.slot.OfHeight() {
		if c.w.slip(c, SlipFence, SlipSuspend); !c.leads {
			return
		}
	}
	if c.w.rules.Early {
		c.finish(r, r.claim)
	}
	r.claimed = now
	c.propose(machine.Claim{Claim: r.claim, TokensLeft: left, At: c.wall().UnixMilli()}, func(result machine.Result) {
		switch {
		case c.w.step(c, stepApplied):
		case result.Outcome == machine.Done || result.Outcome == machine.Held:
			c.finish(r, result.Held)
		default:
			c.answer(r, outcome{verdict: zug.Refused, stale: result.Why == refusal.Stale})
		}
	})
}

// quorate reports whether enough cosigners were heard of lately to sign with.
func (c *cosigner) quorate() bool {
	near := 1
	for peer, at := range c.heard {
		if peer != c.id && !at.IsZero() && c.w.now.Sub(at) <= leaseFor {
			near++
		}
	}
	return near >= threshold
}

// flight is a signature in the making.
type flight struct {
	message casper.Message
	shares  [cosigners]bool
	waiting []*request
	ends    time.Time
}

// finish has the message that a slot holds signed.
func (c *cosigner) finish(r *request, held watermark.Claim) {
	_, digest := c.w.referee.digest(held.Message)
	if c.kept[digest] {
		c.answer(r, outcome{verdict: zug.Granted, message: held.Message})
		return
	}
	f := c.flights[digest]
	if f != nil && c.w.now.Before(f.ends) {
		f.waiting = append(f.waiting, r)
		return
	}
	f = &flight{message: held.Message, waiting: []*request{r}, ends: c.w.now.Add(time.Second)}
	c.flights[digest] = f
	first := (c.id + 1 + c.w.rng.IntN(cosigners-1)) % cosigners
	c.share(c.term, held.Message, func() { c.gotShare(f, digest, c.id) })
	c.askShare(f, digest, first)
	c.after(timing.Patience(c.usual[first]), func() {
		if c.flights[digest] == f {
			c.askShare(f, digest, cosigners-c.id-first)
		}
	})
}

func (c *cosigner) askShare(f *flight, digest casper.Hash, peer int) {
	to, term, asked := c.w.cosigners[peer], c.term, c.w.now
	c.w.post(&c.process, &to.process, func() {
		to.share(term, f.message, func() {
			c.w.post(&to.process, &c.process, func() {
				c.usual[peer] = timing.Usual(c.usual[peer], c.w.now.Sub(asked))
				c.gotShare(f, digest, peer)
			}, nil)
		})
	}, nil)
}

// share makes a share of a message: never for an older term, never before the claim is past fsync
// in the ledger, never for another value than the ledger holds.
func (c *cosigner) share(term uint64, m casper.Message, then func()) {
	if term < c.term || !c.filled && !c.leads || !c.proven() {
		return
	}
	c.follow(term)
	key, digest := c.w.referee.digest(m)
	release := func() {
		c.w.referee.released(c, m)
		if c.w.step(c, stepShared) {
			return
		}
		then()
	}
	have, ok := c.ledger[key]
	if c.w.rules.Ledger {
		have, ok = digest, true
	}
	switch pending := c.writes[key]; {
	case ok && have == digest:
		release()
	case ok || pending != nil && pending.digest != digest:
		if c.w.undone[c.id] {
			return
		}
		c.w.fail("the ledger of %s refuses what the log holds for %s", c.name, describe(m))
	case pending != nil:
		pending.then = append(pending.then, release)
	default:
		pending = &write{digest: digest, then: []func(){release}}
		c.writes[key] = pending
		c.flush(func() {
			c.bind(key, digest)
			delete(c.writes, key)
			for _, then := range pending.then {
				if c.up {
					then()
				}
			}
		})
	}
}

// gotShare takes a share in; with enough of them the signature is finished.
func (c *cosigner) gotShare(f *flight, digest casper.Hash, peer int) {
	f.shares[peer] = true
	c.heard[peer] = c.w.now
	n := 0
	for _, got := range f.shares {
		if got {
			n++
		}
	}
	if n < threshold || c.flights[digest] != f {
		return
	}
	delete(c.flights, digest)
	c.kept[digest] = true
	if c.w.step(c, stepSigned) {
		return
	}
	for _, r := range f.waiting {
		if !r.claimed.IsZero() {
			c.desk.Signed(c.w.now.Sub(r.claimed))
		}
		c.answer(r, outcome{verdict: zug.Granted, message: f.message})
	}
}
