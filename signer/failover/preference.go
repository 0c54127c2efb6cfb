package failover

import (
	"time"

	"casper-cosigner/signer/casper"
)

// The preference's fixed settings. The grace for rounds comes from the cluster file.
const (
	heightGrace  = 2 * time.Second // a finality signature has 6 blocks' time to be of use, so waiting costs nothing
	silentAfter  = 2               // round lengths without a request, or without progress, that end the preference
	keptRequests = 4096            // first requests remembered, so that a flood cannot fill memory
)

// Verdict is what to do with a node's claim of a free slot.
type Verdict uint8

// The verdicts.
const (
	Serve        Verdict = iota + 1 // propose it now
	Wait                            // propose it at Decision.Until, unless the slot is bound by then
	NotPreferred                    // refuse: further ahead than the preferred node has asked
	NotActive                       // refuse: fenced mode, and another node is active
)

// Decision is a verdict, and for Wait the time when it ends.
type Decision struct {
	Verdict Verdict
	Until   time.Time
}

// Place is an era with a round, and a height: how far a node has asked, or how far slots are bound.
type Place struct {
	Era    uint64
	Round  uint32
	Height uint64
}

// Preference holds what the leader has seen of the nodes' requests, and decides whose claim is served. It is not safe for
// concurrent use.
type Preference struct {
	Round time.Duration // least time between blocks
	Grace time.Duration // how long a standby's claim of a round waits for the active's

	since time.Time // when this cosigner began to lead
	from  Place     // how far slots were bound at the first decision after that
	begun bool      // there was one
	nodes map[string]*seen
	first map[request]time.Time
	order []request // keys of first, oldest first
}

// seen is what one node asked for. Rounds and heights are apart: a node that votes but never asks for finality
// signatures, or the other way round, is preferred only in what it does.
type seen struct {
	Place
	rounds  Progress
	heights Progress
}

// of returns the node's progress in what the slot is of.
func (n *seen) of(s casper.Slot) *Progress {
	if s.Kind == casper.KindFinality {
		return &n.heights
	}
	return &n.rounds
}

type request struct {
	node string
	slot casper.Slot
}

// Lead notes that this cosigner began to lead. It may not have heard of the active node before, which is taken to be well
// at first: else every change of leader would open the way for a hostile standby.
func (p *Preference) Lead(now time.Time) { p.since, p.begun = now, false }

// Asked notes a node's request for a slot.
func (p *Preference) Asked(node string, slot casper.Slot, now time.Time) {
	if p.nodes == nil {
		p.nodes, p.first = map[string]*seen{}, map[request]time.Time{}
	}
	n := p.nodes[node]
	if n == nil {
		n = &seen{}
		p.nodes[node] = n
	}
	did := n.of(slot)
	if n.reach(slot) || did.Asked.IsZero() {
		did.Advanced = now
	}
	did.Asked = now
}

// reach moves the place up to the slot and reports whether it had to.
func (p *Place) reach(s casper.Slot) bool {
	switch {
	case s.Kind == casper.KindFinality:
		if s.Height <= p.Height {
			return false
		}
		p.Height = s.Height
	case s.Era > p.Era:
		p.Era, p.Round = s.Era, s.Round
	case s.Era == p.Era && s.Round > p.Round:
		p.Round = s.Round
	default:
		return false
	}
	return true
}

// Node is how far a node asked, and when last; false if never.
func (p *Preference) Node(node string) (Place, time.Time, bool) {
	n := p.nodes[node]
	if n == nil {
		return Place{}, time.Time{}, false
	}
	asked := n.rounds.Asked
	if n.heights.Asked.After(asked) {
		asked = n.heights.Asked
	}
	return n.Place, asked, true
}

// Decide says what to do with the node's claim of a free slot. bound is how far slots are bound.
func (p *Preference) Decide(s State, node string, slot casper.Slot, bound Place, now time.Time) Decision {
	finality := slot.Kind == casper.KindFinality
	if s.Mode == Fenced && node != s.Active && !finality {
		return Decision{Verdict: NotActive}
	}
	if node == s.Active || s.IsSuspended(s.Active) {
		return Decision{Verdict: Serve}
	}
	if !p.begun {
		p.from, p.begun = bound, true
	}
	place, advanced, well := p.active(s.Active, slot, bound, now)
	switch {
	case !well:
		return Decision{Verdict: Serve}
	case place.beyondNext(slot):
		return Decision{Verdict: NotPreferred}
	}
	grace := p.Grace
	if finality {
		grace = heightGrace
	}
	until := p.firstRequest(request{node, slot}, now).Add(grace)
	// Who asked ahead of the active node waits for it all the same once it is there: its vote comes a moment after its echo.
	if at := advanced.Add(grace); place.at(slot) && at.After(until) {
		until = at
	}
	// The active node's turn for its next round comes a block's time after its last one, however early others ask.
	if turn := advanced.Add(p.Round + grace); place.before(slot) && !advanced.IsZero() && turn.After(until) {
		until = turn
	}
	if !now.Before(until) {
		return Decision{Verdict: Serve}
	}
	return Decision{Verdict: Wait, Until: until}
}

// active tells how far the active node has come and since when, and whether it deserves preference for the slot: it asks
// for such slots, it makes progress, and what is bound is at most the next one for it. A main that catches up after a
// restart asks a lot, but is far behind. For heights it must vote as well: one that follows the chain without its votes
// may be as slow as it likes, and what is bound cannot outrun it while nobody else is served. Before it asks this leader for
// anything it is taken to be where slots were bound when that began to lead, and a round further with each round's time:
// what others bind meanwhile does not count.
func (p *Preference) active(name string, slot casper.Slot, bound Place, now time.Time) (Place, time.Time, bool) {
	n := p.nodes[name]
	well := p.wellIn(n, slot.Kind, bound, now)
	if slot.Kind == casper.KindFinality {
		well = well && p.wellIn(n, casper.KindVote, bound, now)
	}
	if n == nil || n.of(slot).Asked.Before(p.since) {
		passed := uint32(min(now.Sub(p.since), silentAfter*p.Round) / max(p.Round, 1))
		return Place{Era: p.from.Era, Round: p.from.Round + passed, Height: p.from.Height + uint64(passed)}, time.Time{}, well
	}
	return n.Place, n.of(slot).Advanced, well
}

// wellIn reports whether the active node is well in rounds or in heights, whichever the kind is of.
func (p *Preference) wellIn(n *seen, kind casper.Kind, bound Place, now time.Time) bool {
	limit := silentAfter * p.Round
	last := casper.Slot{Kind: kind, Era: bound.Era, Round: bound.Round, Height: bound.Height}
	if n == nil || n.of(last).Asked.Before(p.since) {
		return now.Sub(p.since) <= limit
	}
	did := n.of(last)
	return now.Sub(did.Asked) <= limit && now.Sub(did.Advanced) <= limit && !n.beyondNext(last)
}

// before reports whether the place is short of the slot.
func (p Place) before(s casper.Slot) bool { return p.reach(s) }

// at reports whether the place is the slot's.
func (p Place) at(s casper.Slot) bool {
	if s.Kind == casper.KindFinality {
		return s.Height == p.Height
	}
	return s.Era == p.Era && s.Round == p.Round
}

// beyondNext reports whether the slot is further than one round, or one height, beyond the place. Rounds 0 and 1 of the
// next era count as the next round.
func (p Place) beyondNext(s casper.Slot) bool {
	if s.Kind == casper.KindFinality {
		return s.Height > p.Height+1
	}
	return p.trails(Place{Era: s.Era, Round: s.Round}, 1)
}

// further reports whether the place's round is beyond the other's.
func (p Place) further(other Place) bool {
	return p.Era > other.Era || p.Era == other.Era && p.Round > other.Round
}

// trails reports whether the other place is more than so many rounds further. Of the next era that many rounds count as
// well, and one more: how many rounds this era has left is not known.
func (p Place) trails(other Place, rounds uint32) bool {
	switch other.Era {
	case p.Era:
		return other.Round > p.Round && other.Round-p.Round > rounds
	case p.Era + 1:
		return other.Round > rounds
	}
	return other.Era > p.Era
}

// firstRequest returns when the node first asked for the slot, so that the waits of its retries add up.
func (p *Preference) firstRequest(r request, now time.Time) time.Time {
	if at, ok := p.first[r]; ok {
		return at
	}
	if len(p.order) >= keptRequests {
		delete(p.first, p.order[0])
		p.order = p.order[1:]
	}
	p.first[r] = now
	p.order = append(p.order, r)
	return now
}
