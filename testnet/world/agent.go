package world

import (
	"slices"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/lead"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
	"casper-cosigner/rule/witness"
	"casper-cosigner/testnet/zug"
)

const finalityDeadline = 500 * time.Millisecond

// agent stands beside one of our nodes: it passes requests on, watches the node and pings
// the others.
type agent struct {
	process
	id      int
	lead    lead.Belief     // of whom to ask
	node    failover.Node   // what is known of it
	reached [ours]time.Time // when the other agents answered last
	errands []*errand       // that are under way
	pinging [cosigners]bool // a ping is under way
	brisk   [cosigners]bool // one follows soon
	nudged  time.Time       // when the cosigners were last pinged because one failed
	ways    ways
	reach   [cosigners]time.Time // when the cosigners answered last
	book    *witness.Book        // on disk
	active  failover.ActiveTold  // who is, as the cosigners tell
	orders  failover.Orders      // of restarts of the node
	begun   failover.Start       // of the node
	applied [cosigners]uint64    // how far the log is applied, as they told
}

func newAgent(w *World, id int) *agent {
	p := process{w: w, name: names[id] + "'s agent", host: id, up: true}
	return &agent{process: p, id: id}
}

// begin starts the agent's pings. It remembers nothing of an earlier life but what was stated.
func (a *agent) begin() {
	book := a.book
	if book == nil || a.w.rules.Vague {
		book = witness.NewBook(a.w.members)
	}
	*a = agent{process: a.process, id: a.id, lead: lead.New(cosignerNames[:]), book: book,
		active: failover.NewActiveTold(names[mainHost], threshold, a.w.plan.Ping),
		orders: failover.NewOrders(a.w.rules.orderedBy(), a.w.plan.Ping)}
	a.after(time.Duration(a.w.rng.Int64N(int64(a.w.plan.Ping))), a.ping)
}

// ping looks at the node, tells the cosigners how it is, and asks the other agents how they are.
func (a *agent) ping() {
	w := a.w
	a.after(w.plan.Ping, a.ping)
	if v := w.nodes[a.id]; v.runs() && !w.plan.hostile(a.id) {
		a.saw(v.node.Status())
		if v.fault.era != 0 && a.node.Accuses(v.fault.era, w.now) { // one that listens anew hears of it again
			a.node.Evidence = v.fault.evidence
		}
	}
	if v := w.nodes[a.id]; v.stock() {
		v.gate.At = w.now
		known := failover.Known{Active: a.active.Active() == names[a.id], Passive: !w.plan.Pair.Hot}
		v.gate.waits = known.Waits(w.now)
		a.node.Gate = v.gate.Gate
	}
	for _, c := range w.cosigners {
		a.pingCosigner(c)
	}
	for _, o := range w.agents {
		if o == a {
			continue
		}
		sent, shows := w.now, a.shows()
		w.post(&a.process, &o.process, func() {
			o.book.Told(shows, always)
			known := o.shows()
			w.post(&o.process, &a.process, func() {
				a.book.Told(known, always)
				if w.now.Sub(sent) <= w.plan.pingTimeout() {
					a.reached[o.id] = w.now
				}
			}, nil)
		}, nil)
	}
}

// always is the budget of who is not flooded with signatures.
func always() bool { return true }

// saw notes what the node says of itself.
func (a *agent) saw(s zug.Status) {
	was := a.node.Status
	a.node.Status = failover.Status{At: a.w.now, Reactor: string(s.Reactor), Height: s.Tip.Height, Era: s.Tip.Era}
	if s.Reactor == zug.Validate {
		a.node.Status.Round = a.w.plan.Block
	}
	if a.w.nodes[a.id].stock() {
		a.watchGate(was)
	}
}

// told is what a ping tells.
func (a *agent) told() *cosignerv1.PingRequest {
	r := &cosignerv1.PingRequest{Health: wire.Health(a.node, a.w.now)}
	for i, at := range a.reached {
		if i != a.id {
			r.Reach = append(r.Reach, &cosignerv1.Reach{Name: names[i], AnsweredAgoMs: wire.Ago(at, a.w.now)})
		}
	}
	for i, at := range a.reach {
		if d, known := a.ways[i].RoundTrip(); known {
			r.Reach = append(r.Reach, &cosignerv1.Reach{Name: cosignerNames[i], AnsweredAgoMs: wire.Ago(at, a.w.now),
				RttUs: uint64(d.Microseconds())})
		}
	}
	return r
}

// asked notes how far the node asks.
func (a *agent) asked(m casper.Message) {
	a.w.referee.asks(a.id, m)
	if slot, ok := casper.SlotOf(m); ok {
		a.node.Asked(slot, a.w.now)
	}
}

// errand is one request of the node on its way through the cosigners.
type errand struct {
	claim    watermark.Claim
	deadline time.Time
	tried    []bool
	at       int       // cosigner that was asked last
	asked    time.Time // when it was
	attempt  int
	done     bool
	dating   bool      // waits for news of the log
	redated  bool      // asked anew, since the first date was too old
	gaveUp   time.Time // when its patience ended; zero: it was answered, or still may be
	cancel   func()    // tells the cosigner that was asked last that nobody waits any more
	reply    func(zug.Answer)
}

// sign has a message signed.
func (a *agent) sign(m casper.Message, reply func(zug.Answer)) {
	a.asked(m)
	patience := a.patience(m)
	e := &errand{claim: watermark.Claim{Message: m, Node: names[a.id]}, deadline: a.w.now.Add(patience),
		tried: make([]bool, cosigners), cancel: func() {}, reply: reply}
	a.errands = append(a.errands, e)
	a.after(patience, func() {
		if !e.done {
			a.late(e, e.attempt)
			e.gaveUp = a.w.now
			a.w.stats[Late]++
			e.cancel()
			a.conclude(e, zug.Answer{Verdict: zug.Refused}, false)
		}
	})
	a.date(e, a.w.now.Add(patience/2))
}

func (a *agent) conclude(e *errand, answer zug.Answer, answered bool) {
	e.done = true
	a.errands = slices.DeleteFunc(a.errands, func(o *errand) bool { return o == e })
	a.node.Served(answered, a.w.now)
	e.reply(answer)
}

// try asks the next cosigner.
func (a *agent) try(e *errand) {
	i, ok := a.lead.Next(e.tried, e.deadline.Sub(a.w.now), a.w.now)
	if !ok {
		a.conclude(e, zug.Answer{Verdict: zug.Refused}, false)
		return
	}
	c := a.w.cosigners[i]
	e.attempt++
	e.tried[i], e.at, e.asked = true, i, a.w.now
	attempt := e.attempt
	r := &request{claim: e.claim, asker: e, from: &a.process}
	r.reply = func(o outcome) { a.heard(e, attempt, o) }
	e.cancel = r.carry(&c.process, e.deadline.Sub(a.w.now), c.serve, func() {
		a.heard(e, attempt, outcome{unavailable: true})
	})
	a.after(lead.Long, func() { a.late(e, attempt) })
}

// heard takes a cosigner's answer in.
func (a *agent) heard(e *errand, attempt int, o outcome) {
	switch {
	case e.done || attempt != e.attempt:
	case o.unavailable:
		a.lead.Gone(e.at, a.w.now)
		a.nudge()
		a.try(e)
	case o.stale && !e.redated:
		e.redated, e.tried = true, make([]bool, cosigners)
		a.date(e, a.w.now.Add(e.deadline.Sub(a.w.now)/2))
	default:
		a.lead.Answered(e.at, cosignerNames[o.by], a.w.now)
		a.conclude(e, zug.Answer{Verdict: o.verdict, Message: o.message}, true)
	}
}

// late notes that there was no answer for long.
func (a *agent) late(e *errand, attempt int) {
	if !e.done && attempt == e.attempt {
		a.lead.Late(e.at, e.asked, a.w.now)
		a.nudge()
	}
}

// nudge pings the cosigners now, and briskly for as long as there is doubt.
func (a *agent) nudge() {
	if a.w.now.Sub(a.nudged) < lead.Brisk {
		return
	}
	a.nudged = a.w.now
	for _, c := range a.w.cosigners {
		a.pingCosigner(c)
	}
}

// pingCosigner tells a cosigner how the node is, and hears whom it takes for the leader. One ping
// of each is under way at a time.
func (a *agent) pingCosigner(c *cosigner) {
	if a.pinging[c.id] {
		return
	}
	a.pinging[c.id] = true
	w, sent, told, shows, over := a.w, a.w.now, a.told(), a.shows(), false
	ends := func(p lead.Ping) {
		if !over {
			over, a.pinging[c.id] = true, false
			a.pinged(c, p)
		}
	}
	lost := func() { ends(lead.Ping{Lost: true}) }
	w.post(&a.process, &c.process, func() {
		c.pinged(a.id, told)
		c.hears(a.id, shows)
		p, stated, active, order := lead.Ping{Term: c.term}, c.statements(), c.names(), c.tells(a.id)
		applied := c.w.index(c.applied)
		if c.leader >= 0 {
			p.Leader = cosignerNames[c.leader]
		}
		w.post(&c.process, &a.process, func() {
			p.RTT = w.now.Sub(sent)
			if !over {
				a.reach[c.id] = w.now
				a.ways[c.id].Answered(p.RTT)
			}
			a.book.Answered(c.name, stated)
			a.active.Heard(c.name, active, w.now)
			a.applied[c.id] = applied
			a.orders.Heard(c.name, wire.ToldOrder(order, w.now), w.now)
			a.obey()
			ends(p)
		}, nil)
	}, lost)
	a.after(w.plan.pingTimeout(), lost)
}

// pinged notes what came of a ping. Requests do not wait in vain.
func (a *agent) pinged(c *cosigner, p lead.Ping) {
	a.lead.Pinged(c.id, p, a.w.now)
	for _, e := range slices.Clone(a.errands) {
		if !e.done && !e.dating && a.lead.Left(e.at, a.w.now) {
			e.cancel()
			a.try(e)
		}
	}
	if a.lead.Doubts(a.w.now) && !a.brisk[c.id] {
		a.brisk[c.id] = true
		a.after(lead.Brisk, func() {
			a.brisk[c.id] = false
			a.pingCosigner(c)
		})
	}
}
