package world

import (
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/wire"
	"casper-cosigner/testnet/zug"
)

// stopFor is how long a node needs to end that is restarted by order.
const stopFor = time.Second

// pair is how the nodes of our validator are, if one of them at least is stock.
type pair struct {
	Stock [ours]bool
	Hot   bool // all vote until two messages differ
	Liar  int  // number of a cosigner that makes up restarts, from 1; 0 for none
}

func (p pair) any() bool { return p.Stock != [ours]bool{} }

// names of the stock nodes.
func (p pair) names() (all []string) {
	for i, stock := range p.Stock {
		if stock {
			all = append(all, names[i])
		}
	}
	return all
}

// passive are the nodes that cast no vote unless they are active.
func (p pair) passive() []string {
	if p.Hot {
		return nil
	}
	return p.names()
}

// gate stands between a stock node and its unit files. It outlives the agent.
type gate struct {
	failover.Gate
	granted uint64         // newest era of which the node was granted a message
	waits   failover.Waits // as the agent told
	ordered bool           // the node is being restarted because the cosigners want that
	obeyed  uint64         // epoch of the last order that was
}

// stock reports whether the node is.
func (v *validator) stock() bool { return v.id < ours && v.w.plan.Pair.Stock[v.id] }

// claim asks for a message of a stock node's own. What is not answered in time is refused.
func (v *validator) claim(r zug.Request) {
	w, a, life, done := v.w, v.w.agents[v.id], v.life, false
	name := roundOf(r.Message)
	reply := func(answer zug.Answer) {
		if done || v.life != life {
			return
		}
		done, answer.ID = true, r.ID
		if answer.Verdict == zug.Granted && answer.Message == r.Message {
			v.gate.granted = max(v.gate.granted, name.Era)
			v.gate.Saw(name.Era, w.now)
		} else {
			w.note("%s is refused %s", v.name, describe(r.Message))
			w.stats[Sidelined]++
			v.gate.Refuses(name.Era, w.now)
		}
		if w.rules.Ungated {
			answer.Verdict, answer.Message = zug.Granted, r.Message
		}
		v.do(life, func() { v.answered(answer) })
	}
	refuse := func() { reply(zug.Answer{Verdict: zug.Refused}) }
	w.post(&v.process, &a.process, func() { a.sign(r.Message, reply) }, refuse)
	w.after(a.patience(r.Message), refuse)
}

func roundOf(m casper.Message) casper.Round {
	switch m := m.(type) {
	case casper.Echo:
		return m.Round
	case casper.Vote:
		return m.Round
	}
	return casper.Round{}
}

// patience is how long the agent tries to have the message signed, or the gate to have it granted.
func (a *agent) patience(m casper.Message) time.Duration {
	v := a.w.nodes[a.id]
	switch {
	case m.Kind() == casper.KindFinality:
		return finalityDeadline
	case v.stock():
		return v.gate.waits.For(v.gate.granted == roundOf(m).Era, a.w.now)
	}
	return zugDeadline
}

// hears notes which messages of our validator a stock node takes in.
func (v *validator) hears(m zug.Message) {
	if !v.stock() {
		return
	}
	s, ok := m.(zug.Signed)
	if p, proposed := m.(zug.Proposed); proposed {
		s, ok = p.Echo, true
	}
	if ok && s.Validator == ourValidator && s.Message.Kind() != casper.KindFinality {
		v.gate.Saw(roundOf(s.Message).Era, v.w.now)
	}
}

// merge returns what the other node's unit file holds, if that can be had. A remote-key node's
// holds nothing that could be merged.
func (v *validator) merge(era uint64) []zug.Signed {
	o := v.w.nodes[1-v.id]
	if o == nil || !o.stock() || !v.w.agents[v.id].runs() || !v.w.agents[o.id].runs() || !v.w.linked(v.id, o.id) {
		return nil
	}
	return o.node.Own(era)
}

// watchGate has the agent know what its node's gate knows, and since when the era lasts.
func (a *agent) watchGate(was failover.Status) {
	v, s := a.w.nodes[a.id], &a.node.Status
	s.EraAt = was.EraAt
	if s.Era != was.Era && !was.At.IsZero() {
		s.EraAt = a.w.now
	}
	began := v.upAt
	if began.IsZero() {
		began = a.w.start.Add(-time.Hour)
	}
	a.begun.Seen(&v.gate.Gate, *s, a.w.now.Sub(began), a.w.now)
}

// madeUp is why a compromised leader orders restarts.
const madeUp = "so says the leader"

// order proposes to the log that a node be restarted.
func (c *cosigner) order(r failover.Rearm, epoch uint64) {
	for _, name := range names {
		if name == r.Node || r.Node == "" { // a broken rule names both
			c.w.note("%s orders a restart of %s for %s: %s", c.name, name, r.Code, r.Why)
			change := failover.Change{Epoch: epoch, Cause: r.Code, Reason: r.Why, At: c.wall().UnixMilli()}
			c.propose(machine.Restart{Node: name, Era: r.Era, Change: change}, nil)
			epoch++
		}
	}
}

// names returns the node that a cosigner names active. One that is compromised names each in turn.
func (c *cosigner) names() string {
	if c.w.plan.Pair.Liar == c.id+1 {
		return names[c.w.now.Second()%ours]
	}
	return c.state.Roles().Active
}

// tells returns the last restart of the node that a cosigner tells of. One that is compromised
// tells each time of another one.
func (c *cosigner) tells(node int) *cosignerv1.RestartOrder {
	order := c.watch.orders[names[node]]
	if c.w.plan.Pair.Liar == c.id+1 {
		order = failover.Order{Epoch: 1<<32 + uint64(c.w.now.UnixNano()), Era: c.state.Bound().Era + 1, At: c.w.now}
	}
	return wire.Order(order, c.w.now)
}

// obey restarts the node, if enough cosigners tell of an order that was not obeyed yet.
func (a *agent) obey() {
	w, v := a.w, a.w.nodes[a.id]
	order := a.orders.Named(w.now)
	if !v.stock() || order.Epoch == 0 || v.gate.ordered {
		return
	}
	known := a.node
	known.Gate = v.gate.Gate
	if why := order.Against(known, v.gate.obeyed, w.now); why != "" {
		return
	}
	w.note("%s is restarted by order", v.name)
	v.gate.obeyed = order.Epoch
	v.gate.Obeyed(order.Era, w.now)
	w.referee.ordered(a.id, order)
	v.gate.ordered = true
	v.crash()
	w.after(stopFor, func() {
		v.gate.ordered = false
		v.restart(true)
	})
}
