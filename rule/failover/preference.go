package failover

import (
	"slices"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
)

// The preference's fixed settings. The grace for rounds comes from the cluster file.
const (
	heightGrace   = 2 * time.Second // how long a claim of a height that the active node passed over waits for it
	heightsBehind = 3               // heights that it may follow others by and still be waited for
	silentAfter   = 2               // round lengths without a request, or without progress, that end the preference
	keptRequests  = 4096            // first requests remembered, so that a flood cannot fill memory
)

// Verdict is what to do with a node's claim of a free slot.
type Verdict uint8

// The verdicts.
const (
	Serve  Verdict = iota + 1 // propose it now
	Wait                      // propose it at Decision.Until, unless the slot is bound by then
	Refuse                    // for Decision.Why
)

// Decision is a verdict, for Wait the time when that ends, and for Refuse the reason.
type Decision struct {
	Verdict Verdict
	Until   time.Time
	Why     refusal.Reason
}

func refuse(why refusal.Reason) Decision { return Decision{Verdict: Refuse, Why: why} }

// Place is an era with a round, and a height: how far a node has asked, or how far slots are bound.
type Place struct {
	Era    uint64
	Round  uint32
	Height uint64
}

// Bound is how far slots are bound.
type Bound struct {
	Place
	HeightAt time.Time // when Height was bound
	Voter    string    // whose claim the highest round of the claim's era holds, empty if it holds none
}

// Preference holds what the leader has seen of the nodes' requests, and decides whose claim is
// served. It is not safe for concurrent use.
type Preference struct {
	Round time.Duration // least time between blocks
	Grace time.Duration // how long a standby's claim of a round waits for the active's
	// Passive are the nodes that cast no vote unless they are active, or voted last in that era.
	Passive []string
	Stock   []string // nodes that ask for no heights, so that nobody waits for them there

	since time.Time // when this cosigner began to lead
	from  Bound     // how far slots were bound at the first decision after that
	begun bool      // there was one
	nodes map[string]*seen
	first map[request]time.Time
	order []request // keys of first, oldest first
}

// seen is what one node asked for.
type seen struct {
	Asks
	follows bool // what it asked for at its newest height was another node's already
}

type request struct {
	node string
	slot casper.Slot
}

// Lead notes that this cosigner began to lead. It may not have heard of the active node before,
// which is taken to be well at first: else every change of leader would open the way for a
// hostile standby.
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
	if n.Asked(slot, now) {
		n.follows = n.follows && !slot.OfHeight()
	}
}

// Follows notes that what the node asked for was another node's already, the same value. That
// alone shows that a node catches up: what others bound ahead of it may be of a chain that
// does not exist.
func (p *Preference) Follows(node string, slot casper.Slot) {
	if n := p.nodes[node]; n != nil && slot.OfHeight() && slot.Height == n.Place.Height {
		n.follows = true
	}
}

// reach moves the place up to the slot and reports whether it had to.
func (p *Place) reach(s casper.Slot) bool {
	switch {
	case s.OfHeight():
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
	return n.Place, n.Last(), true
}

// Decide says what to do with the node's claim of a free slot. bound is how far slots are bound.
func (p *Preference) Decide(s State, node string, slot casper.Slot, bound Bound, now time.Time) Decision {
	height := slot.OfHeight()
	if s.Mode == Fenced && node != s.Active && !height {
		return refuse(refusal.NotActive)
	}
	if node == s.Active || s.IsSuspended(s.Active) {
		return Decision{Verdict: Serve}
	}
	if !p.begun {
		p.from, p.begun = bound, true
	}
	if !height && slices.Contains(p.Passive, node) {
		if p.Sidelines(s, node, slot, bound.Voter) {
			return refuse(refusal.Passive)
		}
		return Decision{Verdict: Serve} // who votes goes on, whatever the active node asks for meanwhile
	}
	if height {
		return p.height(s.Active, request{node, slot}, bound, now)
	}
	place, advanced, well := p.active(s.Active, bound.Place, now)
	switch {
	case !well:
		return Decision{Verdict: Serve}
	case place.beyondNext(slot):
		return refuse(refusal.NotPreferred)
	}
	until := p.firstRequest(request{node, slot}, now).Add(p.Grace)
	// Who asked ahead of the active node waits for it all the same once it is there: its vote comes a
	// moment after its echo.
	if at := advanced.Add(p.Grace); place.at(slot) && at.After(until) {
		until = at
	}
	// The active node's turn for its next round comes a block's time after its last one, however
	// early others ask.
	if turn := advanced.Add(p.Round + p.Grace); place.before(slot) && !advanced.IsZero() && turn.After(until) {
		until = turn
	}
	return waitFor(until, now)
}

// Sidelines reports whether the node is passive and another one votes in the era of the slot: the
// active one, or one that voted last in that era. It is refused then even what its slot holds: a
// node that is now and then in time would be believed to vote.
func (p *Preference) Sidelines(s State, node string, slot casper.Slot, voter string) bool {
	return slices.Contains(p.Passive, node) && !slot.OfHeight() && node != s.Active && node != voter &&
		!s.IsSuspended(s.Active)
}

func waitFor(until, now time.Time) Decision {
	if !now.Before(until) {
		return Decision{Verdict: Serve}
	}
	return Decision{Verdict: Wait, Until: until}
}

// active tells in which round the active node is and since when, and whether it deserves
// preference: it asks for rounds, it makes progress, and what is bound is at most the next one for
// it. A main that catches up after a restart asks a lot, but is far behind. Before it asks this
// leader for anything it is taken to be where slots were bound when that began to lead, and a round
// further with each round's time: what others bind meanwhile does not count.
func (p *Preference) active(name string, bound Place, now time.Time) (Place, time.Time, bool) {
	n, limit := p.nodes[name], silentAfter*p.Round
	if n == nil || n.Rounds.Asked.Before(p.since) {
		passed := uint32(min(now.Sub(p.since), limit) / max(p.Round, 1))
		return Place{Era: p.from.Era, Round: p.from.Round + passed}, time.Time{}, now.Sub(p.since) <= limit
	}
	did := n.Rounds
	return n.Place, did.Advanced, now.Sub(did.Asked) <= limit && now.Sub(did.Advanced) <= limit &&
		!n.Place.trails(bound, 1)
}

// height decides about a height. Its signature is of use for six blocks' time, so others wait until
// the active node must have lost it: the height after its last one waits for two rounds' time since
// that, the next one for another round's, as fast as a chain can grow. So a round without a block
// opens no height to a hostile node, some of them open some, and once the chain grows again what
// others took ahead opens no more. Nobody waits for an active node that catches up, or that is
// silent; but then too nobody gets further than the chain can be.
func (p *Preference) height(active string, r request, bound Bound, now time.Time) Decision {
	n, limit := p.nodes[active], silentAfter*p.Round
	votes := n != nil && !n.Rounds.Asked.Before(p.since)
	known, alone := votes && !n.Heights.Asked.Before(p.since), !votes && now.Sub(p.since) > limit
	at, last := p.from.Height, p.from.HeightAt
	if known {
		at, last = n.Place.Height, n.Heights.Advanced
		if n.Rounds.Advanced.Before(last) {
			last = n.Rounds.Advanced
		}
		alone = n.follows && bound.Height > at+heightsBehind || now.Sub(n.Last()) > limit
	}
	wanted := r.slot.Height
	reach := at + p.rounds(last, now) + 1
	// An active stock node binds none: what is left over is worked off at twice a chain's pace.
	if slices.Contains(p.Stock, active) {
		alone, reach = true, max(reach, bound.Height+2*p.rounds(bound.HeightAt, now)+1)
	}
	if alone { // then what is bound may tell more of the chain than it does
		reach = max(reach, bound.Height+p.rounds(bound.HeightAt, now))
	}
	switch {
	case wanted > reach:
		return refuse(refusal.NotPreferred)
	case alone:
		return Decision{Verdict: Serve}
	case wanted <= at:
		return waitFor(p.firstRequest(r, now).Add(heightGrace), now)
	}
	return waitFor(last.Add(time.Duration(wanted-at+1)*p.Round), now)
}

// rounds is how many blocks a chain can have got since then.
func (p *Preference) rounds(since, now time.Time) uint64 {
	return uint64(max(0, now.Sub(since)) / max(p.Round, 1))
}

// before reports whether the place is short of the slot.
func (p Place) before(s casper.Slot) bool { return p.reach(s) }

// at reports whether the place is the slot's round.
func (p Place) at(s casper.Slot) bool { return s.Era == p.Era && s.Round == p.Round }

// beyondNext reports whether the slot is further than one round beyond the place. Rounds 0 and 1 of
// the next era count as the next round.
func (p Place) beyondNext(s casper.Slot) bool {
	return p.trails(Place{Era: s.Era, Round: s.Round}, 1)
}

// further reports whether the place's round is beyond the other's.
func (p Place) further(other Place) bool {
	return p.Era > other.Era || p.Era == other.Era && p.Round > other.Round
}

// trails reports whether the other place is more than so many rounds further. Of the next era that
// many rounds count as well, and one more: how many rounds this era has left is not known.
func (p Place) trails(other Place, rounds uint32) bool {
	switch other.Era {
	case p.Era:
		return other.Round > p.Round && other.Round-p.Round > rounds
	case p.Era + 1:
		return other.Round > rounds
	}
	return other.Era > p.Era
}

// firstRequest returns when the node first asked for the slot, so that the waits of its
// retries add up.
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
