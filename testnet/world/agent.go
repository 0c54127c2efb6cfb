package world

import (
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/testnet/zug"
)

const finalityDeadline = 500 * time.Millisecond

// agent stands beside one of our nodes: it passes requests on, watches the node and pings the others.
type agent struct {
	process
	id     int
	leader int // cosigner to ask first

	place           failover.Place
	rounds, heights failover.Progress
	unanswered      time.Time // since when the cosigners answer nothing; zero: they do
	statusAt        time.Time
	status          zug.Status
	fault           time.Time // when it heard of an equivocation in faultEra; zero: of none
	faultEra        uint64
	reached         [ours]time.Time // when the other agents answered last
}

// health is what an agent tells of its node: ages in milliseconds, -1 for never.
type health struct {
	status                   int64
	reactor                  zug.Reactor
	height                   uint64
	place                    failover.Place
	rounds, roundsAdvanced   int64
	heights, heightsAdvanced int64
	blocked, fault           int64
	faultEra                 uint64
	reached                  [ours]int64
	roundLength              time.Duration
}

func newAgent(w *World, id int) *agent {
	return &agent{process: process{w: w, name: names[id] + "'s agent", host: id, up: true}, id: id}
}

// begin starts the agent's pings. It remembers nothing of an earlier life.
func (a *agent) begin() {
	*a = agent{process: a.process, id: a.id}
	a.after(time.Duration(a.w.rng.Int64N(int64(a.w.plan.Ping))), a.ping)
}

// ping looks at the node, tells the cosigners how it is, and asks the other agents how they are.
func (a *agent) ping() {
	w := a.w
	a.after(w.plan.Ping, a.ping)
	if v := w.nodes[a.id]; v.runs() && !w.plan.hostile(a.id) {
		a.statusAt, a.status = w.now, v.node.Status()
		if v.evidence > a.faultEra { // one that listens anew hears of it again
			a.fault, a.faultEra = w.now, v.evidence
		}
	}
	told := a.health()
	for _, c := range w.cosigners {
		w.post(&a.process, &c.process, func() { c.pinged(a.id, told) }, nil)
	}
	for _, o := range w.agents {
		if o == a {
			continue
		}
		sent := w.now
		w.post(&a.process, &o.process, func() {
			w.post(&o.process, &a.process, func() {
				if w.now.Sub(sent) <= w.plan.pingTimeout() {
					a.reached[o.id] = w.now
				}
			}, nil)
		}, nil)
	}
}

func (a *agent) health() *health {
	h := &health{status: a.age(a.statusAt), reactor: a.status.Reactor, height: a.status.Tip.Height, place: a.place,
		rounds: a.age(a.rounds.Asked), roundsAdvanced: a.age(a.rounds.Advanced),
		heights: a.age(a.heights.Asked), heightsAdvanced: a.age(a.heights.Advanced),
		blocked: a.age(a.unanswered), fault: a.age(a.fault), faultEra: a.faultEra}
	if a.status.Reactor == zug.Validate {
		h.roundLength = a.w.plan.Block
	}
	for i, at := range a.reached {
		h.reached[i] = a.age(at)
	}
	return h
}

func (a *agent) age(at time.Time) int64 {
	if at.IsZero() {
		return -1
	}
	return a.w.now.Sub(at).Milliseconds()
}

// asked notes how far the node asks.
func (a *agent) asked(m casper.Message) {
	a.w.referee.asks(a.id, m)
	now := a.w.now
	var name casper.Round
	switch m := m.(type) {
	case casper.Finality:
		if m.Height > a.place.Height || a.heights.Asked.IsZero() {
			a.place.Height, a.heights.Advanced = max(a.place.Height, m.Height), now
		}
		a.heights.Asked = now
		return
	case casper.Echo:
		name = m.Round
	case casper.Vote:
		name = m.Round
	}
	if name.Era > a.place.Era || name.Era == a.place.Era && name.ID > a.place.Round || a.rounds.Asked.IsZero() {
		a.place.Era, a.place.Round, a.rounds.Advanced = name.Era, name.ID, now
	}
	a.rounds.Asked = now
}

// errand is one request of the node on its way through the cosigners.
type errand struct {
	claim    watermark.Claim
	deadline time.Time
	first    int // cosigner that was asked first
	tried    int
	done     bool
	gaveUp   time.Time // when its patience ended; zero: it was answered, or still may be
	cancel   func()    // tells the cosigner that was asked last that nobody waits any more
	reply    func(zug.Answer)
}

// sign has a message signed.
func (a *agent) sign(m casper.Message, reply func(zug.Answer)) {
	a.asked(m)
	patience := zugDeadline
	if m.Kind() == casper.KindFinality {
		patience = finalityDeadline
	}
	e := &errand{claim: watermark.Claim{Message: m, Node: names[a.id]}, deadline: a.w.now.Add(patience),
		first: a.leader, reply: reply}
	a.after(patience, func() {
		if !e.done { // a hung cosigner: the next request begins with another one
			a.leader = (e.first + e.tried + 1) % cosigners
			e.gaveUp = a.w.now
			e.cancel()
			a.conclude(e, zug.Answer{Verdict: zug.Refused}, false)
		}
	})
	a.try(e)
}

func (a *agent) conclude(e *errand, answer zug.Answer, answered bool) {
	e.done = true
	switch {
	case answered:
		a.unanswered = time.Time{}
	case a.unanswered.IsZero():
		a.unanswered = a.w.now
	}
	e.reply(answer)
}

// try asks the next cosigner. Each is asked once.
func (a *agent) try(e *errand) {
	if e.tried == cosigners {
		a.conclude(e, zug.Answer{Verdict: zug.Refused}, false)
		return
	}
	c := a.w.cosigners[(e.first+e.tried)%cosigners]
	attempt := e.tried
	r := &request{claim: e.claim, asker: e, from: &a.process}
	r.reply = func(o outcome) { a.heard(e, attempt, o) }
	e.cancel = r.carry(&c.process, e.deadline.Sub(a.w.now), c.serve, func() { a.heard(e, attempt, outcome{unavailable: true}) })
}

// heard takes a cosigner's answer in.
func (a *agent) heard(e *errand, attempt int, o outcome) {
	switch {
	case e.done || attempt != e.tried:
	case o.unavailable:
		e.tried++
		a.leader = (e.first + e.tried) % cosigners
		a.try(e)
	default:
		a.leader = o.by
		a.conclude(e, zug.Answer{Verdict: o.verdict, Message: o.message}, true)
	}
}
