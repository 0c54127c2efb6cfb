package zug

import (
	"slices"
	"time"

	"casper-cosigner/rule/casper"
)

// How a node asks again, as the edited casper-node does (zug/remote.rs and
// remote_signing/finality.rs).
const (
	retryAfter     = 100 * time.Millisecond // doubled up to maxDoublings times
	maxDoublings   = 3
	lateRounds     = 3 // finalized rounds whose votes are still asked for
	lastRetries    = 6 // of an ended era's votes
	finalityAfter  = 500 * time.Millisecond
	finalityPasses = 600
)

// ask is a signature that the node wants: a request that is out, or a refused one that waits.
type ask struct {
	id       uint64
	message  casper.Message
	proposal *Proposal // the block that goes out with the echo, if it is ours
	flying   bool
	at       time.Time // deadline of a request that is out; of a finality signature else: when to ask again
	tries    int
}

func (a *ask) isFinality() bool { return a.message.Kind() == casper.KindFinality }

// sameSlot reports whether two messages of this node fill one slot.
func sameSlot(a, b casper.Message) bool {
	if a.Kind() != b.Kind() {
		return false
	}
	switch a := a.(type) {
	case casper.Echo:
		return a.Round == b.(casper.Echo).Round
	case casper.Vote:
		return a.Round == b.(casper.Vote).Round
	case casper.Finality:
		return a.Height == b.(casper.Finality).Height
	}
	return false
}

// own returns what our validator is known to have signed in the message's slot, nil if nothing.
func (in *instance) own(m casper.Message) casper.Message {
	switch m := m.(type) {
	case casper.Echo:
		return in.round(m.ID).echoes[in.name.Validator].Message
	case casper.Vote:
		return in.round(m.ID).votes[in.name.Validator].Message
	}
	return nil
}

// sign signs an echo or vote, or asks for it, unless our validator is known to have filled the
// slot. p is the block that an echo is to go out with, if it is ours.
func (n *Node) sign(in *instance, m casper.Message, p *Proposal) {
	if in.own(m) != nil || in.out {
		return
	}
	if n.Sign != nil {
		n.signed(in, Signed{Validator: n.Validator, Message: m, Signature: n.Sign(m)}, p)
		return
	}
	i := slices.IndexFunc(n.asks, func(a ask) bool { return sameSlot(a.message, m) })
	if i < 0 {
		n.asks = append(n.asks, ask{message: m, proposal: p})
		i = len(n.asks) - 1
	}
	a := &n.asks[i]
	if a.flying {
		return
	}
	// A vote for a block is not taken back: with a key at hand it would have been cast.
	if a.message != (casper.Vote{Round: in.at(roundID(a.message)), Value: true}) {
		a.message = m
		if p != nil {
			a.proposal = p
		}
	}
	n.fly(a, n.now.Add(n.Deadline))
}

func roundID(m casper.Message) uint32 {
	r, _ := roundOf(m)
	return r.ID
}

// signFinality signs a finality signature or asks for it.
func (n *Node) signFinality(f casper.Finality) {
	if n.Sign != nil || n.Stock {
		n.noteFinal(n.Validator, f)
		s := Signed{Validator: n.Validator, Message: f}
		if n.Sign != nil {
			s.Signature = n.Sign(f)
		}
		n.send(All, s)
		return
	}
	n.asks = append(n.asks, ask{message: f})
	n.fly(&n.asks[len(n.asks)-1], n.now.Add(finalityAfter))
}

// fly sends a request.
func (n *Node) fly(a *ask, deadline time.Time) {
	n.lastID++
	a.id, a.flying, a.at = n.lastID, true, deadline
	a.tries++
	n.out.Requests = append(n.out.Requests, Request{ID: a.id, Message: a.message})
}

// signed adds our own signed message to the state and passes it on. If the slot was bound to
// another block than the one proposed, only the echo goes out: with a foreign echo our proposal
// would be a message that nobody accepts. Our other node may have passed the message on already;
// the block of a proposal it has not.
func (n *Node) signed(in *instance, s Signed, p *Proposal) {
	added := n.add(in, s)
	e, ok := s.Message.(casper.Echo)
	switch {
	case ok && p != nil && e.Proposal == p.Hash() && in.own(s.Message) == s.Message && in.offer(*p):
		n.send(All, Proposed{Proposal: *p, Echo: s})
	case added:
		n.send(All, s)
	}
}

// Answer takes the answer to a request. One that comes after its deadline, or that the node no
// longer waits for, changes nothing.
func (n *Node) Answer(a Answer, now time.Time) Output {
	n.now = now
	i := slices.IndexFunc(n.asks, func(k ask) bool { return k.flying && k.id == a.ID })
	if i < 0 {
		return n.flush()
	}
	k := n.asks[i]
	switch {
	case n.Stock && (a.Verdict != Granted || a.Message != k.message):
		n.deactivate(k)
	case a.Verdict == Refused:
		n.refused(&n.asks[i])
	case a.Verdict == Granted && sameSlot(k.message, a.Message):
		n.asks = slices.Delete(n.asks, i, i+1)
		n.granted(k, a)
	default:
		n.asks = slices.Delete(n.asks, i, i+1)
	}
	return n.flush()
}

// deactivate is what becomes of a stock node that could not write the message that it asked for: it
// casts no vote in that era, until it is started anew.
func (n *Node) deactivate(k ask) {
	name, _ := roundOf(k.message)
	n.asks = slices.DeleteFunc(n.asks, func(a ask) bool {
		other, _ := roundOf(a.message)
		return other.Era == name.Era
	})
	if in := n.instance(name); in != nil {
		in.out = true
	}
}

func (n *Node) granted(k ask, a Answer) {
	s := Signed{Validator: n.Validator, Message: a.Message, Signature: a.Signature}
	if f, ok := a.Message.(casper.Finality); ok {
		if a.Message == k.message { // else our other node is on another chain: drop it
			n.noteFinal(n.Validator, f)
			n.send(All, s)
		}
		return
	}
	name, _ := roundOf(a.Message)
	if in := n.instance(name); in != nil && n.reactor == Validate {
		n.signed(in, s, k.proposal)
	}
}

// refused sets the time at which a refused request is made again.
func (n *Node) refused(a *ask) {
	a.flying = false
	if a.isFinality() {
		a.at = n.now.Add(finalityAfter)
		return
	}
	name, _ := roundOf(a.message)
	at := [2]uint64{name.Era, uint64(name.ID)}
	if at[0] > n.newest[0] || at[0] == n.newest[0] && at[1] > n.newest[1] {
		n.newest, n.retries = at, 0
	}
	n.setRetry()
}

func (n *Node) setRetry() {
	if n.retryAt.IsZero() {
		n.retryAt = n.now.Add(retryAfter << min(n.retries, maxDoublings))
	}
}

// expire takes requests without an answer for refused, and asks again for finality signatures.
func (n *Node) expire() {
	kept := n.asks[:0]
	for i := range n.asks {
		a := &n.asks[i]
		if a.flying && due(a.at, n.now) {
			n.refused(a)
			if a.isFinality() {
				a.at = n.now
			}
		}
		if a.isFinality() && !a.flying && due(a.at, n.now) {
			if a.tries >= finalityPasses {
				continue
			}
			n.fly(a, n.now.Add(finalityAfter))
		}
		kept = append(kept, *a)
	}
	n.asks = kept
}

// retry asks again for all echoes and votes that were refused, as far as they still matter. Nothing
// else would: Zug takes a vote for cast once it has tried (zug/remote.rs, handle_retry_timer).
func (n *Node) retry() {
	n.retryAt = time.Time{}
	n.retries++
	asks := n.asks
	n.asks = nil
	var again []ask
	for _, a := range asks {
		if a.flying || a.isFinality() {
			n.asks = append(n.asks, a)
		} else if n.matters(a) {
			again = append(again, a)
		}
	}
	for _, a := range again {
		name, _ := roundOf(a.message)
		in := n.instance(name)
		if echo := in.own(a.message); echo == nil {
			n.asks = append(n.asks, a)
			n.fly(&n.asks[len(n.asks)-1], n.now.Add(n.Deadline))
		} else if echo == a.message && a.proposal != nil && in.offer(*a.proposal) {
			// Signed after all, and passed on by our other node, which has not the block.
			r := in.rounds[name.ID]
			n.send(All, Proposed{Proposal: *a.proposal, Echo: r.echoes[n.Validator]})
		}
	}
}

// matters reports whether a refused echo or vote is still of use.
func (n *Node) matters(a ask) bool {
	name, _ := roundOf(a.message)
	in := n.instance(name)
	switch {
	case in == nil:
		return false
	case a.proposal != nil:
		return in == n.cur && name.ID == in.current && in.rounds[name.ID].proposal == nil
	case in.own(a.message) != nil:
		return false
	case in == n.prev && n.retries > lastRetries:
		return false
	}
	vote := a.message.Kind() == casper.KindVote
	return name.ID >= in.first || vote && name.ID+lateRounds >= in.first
}
