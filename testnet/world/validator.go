package world

import (
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet/zug"
)

// How the nodes of this world are set.
const (
	zugDeadline = 250 * time.Millisecond
	zugSync     = 50 * time.Millisecond
	idleSync    = 900 * time.Millisecond
	blockEvery  = 100 * time.Millisecond
	startUp     = 4 * time.Second
)

// validator is a node's process.
type validator struct {
	process
	id   int
	node *zug.Node
	wake time.Time // that is scheduled; zero: none
	upAt time.Time // when it was started last; zero: it has run from the beginning

	doomed *Fault // it dies with its next signature in hand
	fault  shown

	gate gate // of a stock node
}

func newValidator(w *World, id int, seed uint64) *validator {
	v := &validator{process: process{w: w, name: nodeName(id), host: id, up: true}, id: id}
	c := zug.Config{Chain: &w.chain, Seed: seed<<8 + uint64(id), Validator: uint32(max(ourValidator, id-1)),
		Deadline: zugDeadline, Sync: zugSync, IdleSync: idleSync, CatchUp: blockEvery, StartUp: startUp}
	for peer := range nodeCount {
		if peer != id {
			c.Peers = append(c.Peers, peer)
		}
	}
	if id >= firstForeign {
		c.Sign = func(casper.Message) casper.Signature { return casper.Signature{} }
	}
	if v.stock() {
		c.Stock, c.Merge, c.Deadline = true, v.merge, time.Hour // its gate has the deadline
		v.gate.Took = startUp + stopFor
	}
	v.node = zug.New(c, w.now)
	return v
}

func nodeName(id int) string {
	return [nodeCount]string{"main", "standby", "foreign-1", "foreign-2", "foreign-3"}[id]
}

// schedule sees to it that the node is called when it wants to be.
func (v *validator) schedule() {
	if !v.up {
		return
	}
	at := v.node.Wake()
	if !v.wake.IsZero() && !at.Before(v.wake) {
		return
	}
	v.wake = at
	v.after(max(0, at.Sub(v.w.now)), func() {
		if v.wake != at {
			return
		}
		v.wake = time.Time{}
		if v.w.now.Before(v.node.Wake()) {
			v.schedule()
			return
		}
		v.drive(v.node.Tick(v.w.now))
	})
}

// drive does what the node wants done.
func (v *validator) drive(out zug.Output) {
	for _, e := range out.Send {
		if e.To != zug.All {
			v.sendTo(e.To, e.Message)
			continue
		}
		for peer := range nodeCount {
			if peer != v.id {
				v.sendTo(peer, e.Message)
			}
		}
	}
	for _, r := range out.Requests {
		v.ask(r)
	}
	v.w.referee.saw(v, out)
	v.schedule()
}

func (v *validator) sendTo(peer int, m zug.Message) {
	to := v.w.nodes[peer]
	v.w.post(&v.process, &to.process, func() {
		to.hears(m)
		to.drive(to.node.Receive(v.id, m, v.w.now))
	}, nil)
}

// ask passes a request to the agent on the node's host.
func (v *validator) ask(r zug.Request) {
	if v.stock() {
		v.claim(r)
		return
	}
	a, life := v.w.agents[v.id], v.life
	reply := func(answer zug.Answer) {
		answer.ID = r.ID
		if answer.Verdict == zug.Granted && answer.Message != r.Message {
			v.w.stats[Adopted]++
			if r.Message.Kind() == casper.KindEcho {
				v.w.stats[Reproposed]++
			}
		}
		v.do(life, func() { v.answered(answer) })
	}
	v.w.post(&v.process, &a.process, func() { a.sign(r.Message, reply) },
		func() { reply(zug.Answer{Verdict: zug.Refused}) })
}

// answered hands an answer to the node, unless that is when it dies: then the signature is made,
// and nobody has it.
func (v *validator) answered(a zug.Answer) {
	if f := v.doomed; f != nil && a.Verdict == zug.Granted && a.Message.Kind() != casper.KindFinality {
		v.doomed = nil
		v.w.killNode(v.id, f.Keep, f.For)
		return
	}
	v.drive(v.node.Answer(a, v.w.now))
}

// crash kills the node; it keeps its blocks, and its log if its disk does.
func (v *validator) crash() {
	v.kill()
	v.wake = time.Time{}
}

// restart starts the node again.
func (v *validator) restart(keepLog bool) {
	v.upAt = v.w.now
	if v.up {
		return
	}
	v.start()
	v.gate.Starts(v.w.now)
	v.node.Restart(keepLog || v.stock(), v.w.now) // a gate keeps what it granted
	v.wake = time.Time{}
	if v.id < ours {
		v.w.stats[Restarts]++
	}
	v.schedule()
}
