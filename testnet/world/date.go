package world

import (
	"slices"
	"time"

	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/testnet/zug"
)

// newsAfter is how often an agent that waits for news of the log looks whether there are any.
const newsAfter = 5 * time.Millisecond

// date has a request asked with the newest date that is known, once one is known that it does not
// have already: without one if that takes too long.
func (a *agent) date(e *errand, until time.Time) {
	at, ok := uint64(0), true
	if a.w.plan.dated() {
		at, ok = a.position()
		ok = ok && at != e.claim.AskedAt
	}
	e.dating = false
	switch {
	case e.done:
	case ok:
		e.claim.AskedAt = at
		a.try(e)
	case a.w.now.Before(until):
		e.dating = true
		a.nudge()
		a.after(newsAfter, func() { a.date(e, until) })
	case e.redated:
		a.conclude(e, zug.Answer{Verdict: zug.Refused}, true)
	default:
		a.try(e)
	}
}

// dated reports whether entries are written for the newest version, in which requests say when they
// were made: where cosigners state how far they are, and where restarts are ordered.
func (p *Plan) dated() bool { return p.Witnessed || p.Pair.any() }

// position is how far the log is, as far as is stated or, in worlds in which nothing is, told.
func (a *agent) position() (index uint64, ok bool) {
	if a.w.plan.Witnessed {
		return a.book.Position()
	}
	told := slices.Sorted(slices.Values(a.applied[:]))
	index = told[cosigners-threshold]
	return index, index > 0
}

// leap is how far the log goes on at once: more than a request may age.
const leap = machine.MaxAge + 1

// index is that of an entry of the log. Past a leap it is higher than in a log as short as this
// world's.
func (w *World) index(entry int) uint64 {
	if w.leaptAt > 0 && entry > w.leaptAt {
		return uint64(entry) + leap
	}
	return uint64(entry)
}

// hoard has a cosigner keep requests that main made for slots that nobody binds then, and pass them
// on once the log is thousands of entries further.
func (w *World) hoard(f Fault) {
	a, hoarder := w.agents[mainHost], w.cosigners[f.Host]
	at, ok := a.book.Position()
	if !ok {
		w.after(again, func() { w.hoard(f) })
		return
	}
	var kept []watermark.Claim
	for _, n := range w.nodes[firstForeign:] {
		if s := n.node.Status(); s.Reactor == zug.Validate {
			kept = append(kept, watermark.Claim{Message: w.bogus(s), Node: names[a.id], AskedAt: at})
		}
	}
	w.after(f.For, func() {
		w.goOn()
		w.after(2*w.plan.Ping, func() { w.passOn(hoarder, kept) })
	})
}

// goOn has the log go on by thousands of entries, of which one has to be there: by it the agents
// learn of the others.
func (w *World) goOn() {
	l := w.settled()
	if l == nil {
		w.after(again, w.goOn)
		return
	}
	for _, c := range w.cosigners {
		w.leaptAt = max(w.leaptAt, len(c.log))
	}
	w.note("the log goes on by %d entries", leap)
	l.propose(nil, nil)
}

// passOn has a cosigner ask the leader for what it kept.
func (w *World) passOn(hoarder *cosigner, kept []watermark.Claim) {
	l := w.leader()
	if l == nil || !l.ready || w.leaptAt == 0 || len(l.log) <= w.leaptAt {
		w.after(again, func() { w.passOn(hoarder, kept) })
		return
	}
	for _, claim := range kept {
		w.stats[Hoarded]++
		r := &request{claim: claim, asker: &errand{}, hop: true, from: &hoarder.process, reply: func(outcome) {}}
		r.carry(&l.process, zugDeadline, l.serve, nil)
	}
}
