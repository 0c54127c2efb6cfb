package zug

import (
	"time"

	"golang.org/x/crypto/blake2b"

	"casper-cosigner/rule/casper"
)

// maxAhead is how far ahead of the open round messages are taken in (zug.rs, MAX_FUTURE_ROUNDS).
const maxAhead = 7200

// keptFinals is for how many heights finality signatures are remembered.
const keptFinals = 256

// receive takes in a signed message from the network. One of our own validator may be among them:
// our other node's.
func (n *Node) receive(s Signed) {
	if int(s.Validator) >= len(n.Chain.Weights) {
		return
	}
	if f, ok := s.Message.(casper.Finality); ok {
		n.noteFinal(s.Validator, f)
		return
	}
	name, ok := roundOf(s.Message)
	if !ok || name.Validator != s.Validator || n.reactor != Validate {
		return
	}
	in := n.instance(name)
	switch {
	case in == nil:
		n.heard(name.Era)
	case name.ID <= in.current+maxAhead:
		n.add(in, s)
		n.behind = n.behind || in == n.cur && !in.ended && name.ID > in.current+1
	}
}

func roundOf(m casper.Message) (casper.Round, bool) {
	switch m := m.(type) {
	case casper.Echo:
		return m.Round, true
	case casper.Vote:
		return m.Round, true
	}
	return casper.Round{}, false
}

// add adds an echo or vote to the state and reports whether it was new.
func (n *Node) add(in *instance, s Signed) bool {
	have, added := in.add(s)
	if have != nil {
		n.out.Faults = append(n.out.Faults, Fault{Validator: s.Validator, Have: have, Other: s.Message})
	}
	return added
}

// propose takes in a proposal, for which somebody's echo must be known.
func (n *Node) propose(p Proposal) {
	in := n.instance(p.Round)
	if n.reactor != Validate || in == nil || p.Round.ID > in.current+maxAhead {
		return
	}
	r, hash := in.round(p.Round.ID), p.Hash()
	for _, s := range r.echoes {
		if e, ok := s.Message.(casper.Echo); ok && e.Proposal == hash {
			in.offer(p)
			return
		}
	}
}

func (n *Node) noteFinal(validator uint32, f casper.Finality) {
	for _, old := range n.finals[f.Height] {
		if old.validator != validator {
			continue
		}
		if old.message.Block != f.Block {
			n.out.Faults = append(n.out.Faults, Fault{Validator: validator, Have: old.message, Other: f})
		}
		return
	}
	n.finals[f.Height] = append(n.finals[f.Height], final{validator: validator, message: f})
	if f.Height > keptFinals {
		delete(n.finals, f.Height-keptFinals)
	}
}

// update goes through all rounds in which something happened (zug.rs, update).
func (n *Node) update() {
	for n.reactor == Validate {
		in := n.cur
		if in.ended || in.dirty > in.current {
			return
		}
		id := in.dirty
		in.dirty = id + 1
		n.updateRound(in, id)
	}
}

// updateRound does what a round calls for (zug.rs, update_round).
func (n *Node) updateRound(in *instance, id uint32) {
	r := in.round(id)
	if r.proposal != nil {
		n.sign(in, casper.Echo{Round: in.at(id), Proposal: r.hash}, nil)
	}
	concluded := in.accept(id)
	if concluded {
		n.sign(in, casper.Vote{Round: in.at(id), Value: true}, nil)
		in.offerWaiting(id)
	}
	if id == in.current {
		n.updateCurrent(in, id, concluded)
	}
	if r.accepted && in.voted(id, true) {
		n.finalize(in, id)
	}
}

// updateCurrent does what only the open round calls for: to vote it down when its time is over, to
// propose in it, to go on to the next.
func (n *Node) updateCurrent(in *instance, id uint32, concluded bool) {
	r := in.rounds[id]
	if r.began.IsZero() {
		r.began = n.now
	}
	until := in.began.Add(n.Chain.Timeout)
	if !in.began.IsZero() && !n.now.Before(until) {
		n.sign(in, casper.Vote{Round: in.at(id), Value: false}, nil)
		concluded = true
	}
	if in.accepted(id) || in.skippable(id) {
		in.began = time.Time{}
		in.current++
		in.round(in.current)
		return
	}
	parent, from, ok := in.parentFor(n.now)
	switch {
	case !ok:
	case n.now.UnixMilli() < from:
		in.wakeAt(time.UnixMilli(from))
	case in.began.IsZero():
		in.began = n.now
		in.wakeAt(n.now.Add(n.Chain.Timeout))
		n.lead(in, parent)
	case !concluded:
		in.wakeAt(until)
	}
}

func (in *instance) wakeAt(t time.Time) {
	if in.wake.IsZero() || t.Before(in.wake) {
		in.wake = t
	}
}

// lead proposes a block in the open round, if that is ours to do (zug.rs, propose_if_leader).
// What the block holds is drawn: two nodes of one validator propose two blocks, and so does
// one that forgot.
func (n *Node) lead(in *instance, parent int64) {
	id := in.current
	r := in.rounds[id]
	if r.leader != n.Validator || r.proposal != nil {
		return
	}
	p := Proposal{Round: in.at(id), Parent: parent, At: n.now.UnixMilli()}
	if p.Dummy = parent >= 0 && in.last(uint32(parent)); !p.Dummy {
		var b [8]byte
		for i := range b {
			b[i] = byte(n.rng.Uint32())
		}
		p.Payload = blake2b.Sum256(b[:])
	}
	n.sign(in, casper.Echo{Round: p.Round, Proposal: p.Hash()}, &p)
}

// finalize adds the round's block and those before it to the chain (zug.rs, finalize_round).
func (n *Node) finalize(in *instance, id uint32) {
	if id < in.first {
		return
	}
	r := in.rounds[id]
	if r.proposal.Parent >= 0 {
		n.finalize(in, uint32(r.proposal.Parent))
	}
	for skipped := in.first; skipped < id; skipped++ {
		n.end(in, skipped, true)
	}
	n.end(in, id, false)
	in.first = id + 1
	if !r.proposal.Dummy {
		block := n.blocks[r.height-1].next(in.name.Era, *r.proposal)
		if have, ok := n.Block(block.Height); !ok {
			n.append(block)
		} else if have != block {
			n.out.Faults = append(n.out.Faults, Fault{Validator: r.leader, Height: block.Height})
		}
	}
	if in.last(id) {
		in.ended = true
		n.openEra()
	}
}

func (n *Node) end(in *instance, id uint32, skipped bool) {
	r := in.rounds[id]
	n.out.Ended = append(n.out.Ended, Ended{Era: in.name.Era, Round: id, Leader: r.leader, Skipped: skipped,
		Began: r.began})
}

// append adds a block to the chain and asks for its finality signature.
func (n *Node) append(b Block) {
	n.blocks = append(n.blocks, b)
	n.out.Blocks = append(n.out.Blocks, b)
	n.signFinality(casper.Finality{Block: b.Hash, Height: b.Height, Era: b.Era,
		ChainName: casper.ChainNameHash(n.Chain.Name)})
}
