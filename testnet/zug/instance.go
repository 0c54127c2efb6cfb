package zug

import (
	"time"

	"casper-cosigner/rule/casper"
)

// instance is one era's consensus state.
type instance struct {
	chain  *Chain
	name   casper.Round // Chainspec, Era, KeyBlock and our Validator; ID is 0
	start  int64        // least timestamp of a proposal, Unix milliseconds
	parent uint64       // height of the key block
	rounds []*round

	current uint32    // the round that is open
	first   uint32    // the lowest one that is not finalized
	began   time.Time // when the current round's proposal was possible; zero before
	wake    time.Time // next update; zero: none
	dirty   uint32    // lowest round that must be looked at; none if above current
	ended   bool      // its last block is finalized
	out     bool      // of a stock node: it was refused, and casts no vote any more
}

// round is what is known of one round.
type round struct {
	leader   uint32
	proposal *Proposal // validated: its parent is accepted
	waiting  *Proposal // its parent is not accepted yet
	hash     casper.Hash
	echoes   []Signed // by validator; Message is nil where there is none
	votes    []Signed
	accepted bool
	height   uint64    // of the accepted proposal's block
	began    time.Time // when it became the current one
}

func newInstance(chain *Chain, key Block, validator uint32) *instance {
	in := &instance{chain: chain, start: key.At + chain.Block.Milliseconds(), parent: key.Height}
	in.name = casper.Round{Chainspec: chain.Chainspec, Era: chain.EraOf(key.Height + 1), KeyBlock: key.Hash,
		Validator: validator}
	return in
}

// is reports whether the round is of this instance.
func (in *instance) is(r casper.Round) bool {
	return r.Era == in.name.Era && r.KeyBlock == in.name.KeyBlock && r.Chainspec == in.name.Chainspec
}

// at returns our name for a round of this instance.
func (in *instance) at(id uint32) casper.Round {
	r := in.name
	r.ID = id
	return r
}

// round returns the round, made first where need be.
func (in *instance) round(id uint32) *round {
	for uint32(len(in.rounds)) <= id {
		n := len(in.chain.Weights)
		in.rounds = append(in.rounds, &round{
			leader: in.chain.Leader(in.name.Era, uint32(len(in.rounds))), echoes: make([]Signed, n), votes: make([]Signed, n)})
	}
	return in.rounds[id]
}

// known returns the round, nil if nothing is known of it.
func (in *instance) known(id uint32) *round {
	if id < uint32(len(in.rounds)) {
		return in.rounds[id]
	}
	return nil
}

func (in *instance) mark(id uint32) { in.dirty = min(in.dirty, id) }

// add adds an echo or vote. It returns what it contradicts, if anything, and whether it was new.
func (in *instance) add(s Signed) (contradicts casper.Message, added bool) {
	id, place := uint32(0), (*Signed)(nil)
	switch m := s.Message.(type) {
	case casper.Echo:
		id, place = m.ID, &in.round(m.ID).echoes[s.Validator]
	case casper.Vote:
		id, place = m.ID, &in.round(m.ID).votes[s.Validator]
	default:
		return nil, false
	}
	if place.Message != nil {
		if place.Message != s.Message {
			return place.Message, false
		}
		return nil, false
	}
	*place = s
	in.mark(id)
	return nil, true
}

// echoQuorum returns the hash that a quorum echoed.
func (in *instance) echoQuorum(r *round) (casper.Hash, bool) {
	for _, s := range r.echoes {
		e, ok := s.Message.(casper.Echo)
		if !ok {
			continue
		}
		weight := uint64(0)
		for i, o := range r.echoes {
			if other, ok := o.Message.(casper.Echo); ok && other.Proposal == e.Proposal {
				weight += in.chain.Weights[i]
			}
		}
		if in.chain.IsQuorum(weight) {
			return e.Proposal, true
		}
	}
	return casper.Hash{}, false
}

// voted reports whether a quorum voted for the value.
func (in *instance) voted(id uint32, value bool) bool {
	r := in.known(id)
	if r == nil {
		return false
	}
	weight := uint64(0)
	for i, s := range r.votes {
		if v, ok := s.Message.(casper.Vote); ok && v.Value == value {
			weight += in.chain.Weights[i]
		}
	}
	return in.chain.IsQuorum(weight)
}

func (in *instance) skippable(id uint32) bool { return in.voted(id, false) }

func (in *instance) accepted(id uint32) bool {
	r := in.known(id)
	return r != nil && r.accepted
}

// accept makes the round's proposal the accepted one, if it can be: a quorum echoed it, its parent
// is accepted and all rounds since are skippable.
func (in *instance) accept(id uint32) bool {
	r := in.round(id)
	if r.accepted || r.proposal == nil {
		return false
	}
	if hash, ok := in.echoQuorum(r); !ok || hash != r.hash {
		return false
	}
	since, height := uint32(0), in.parent+1
	if r.proposal.Parent >= 0 {
		p := in.known(uint32(r.proposal.Parent))
		if p == nil || !p.accepted {
			return false
		}
		since, height = uint32(r.proposal.Parent)+1, p.height+1
	}
	for ; since < id; since++ {
		if !in.skippable(since) {
			return false
		}
	}
	r.accepted, r.height = true, height
	return true
}

// last reports whether the accepted proposal of the round is the era's last block, or
// comes after it.
func (in *instance) last(id uint32) bool {
	r := in.known(id)
	return r != nil && r.accepted && (r.proposal.Dummy || in.chain.IsSwitch(r.height))
}

// parentFor returns the parent that a proposal in the current round may have, -1 for none, and from
// when on; false if there is none at all.
func (in *instance) parentFor(now time.Time) (parent int64, from int64, ok bool) {
	for id := int64(in.current) - 1; id >= 0; id-- {
		if in.accepted(uint32(id)) {
			at := in.rounds[id].proposal.At + in.chain.Block.Milliseconds()
			if now.UnixMilli() >= at {
				return id, at, true
			}
			if !ok || at < from {
				parent, from, ok = id, at, true
			}
		}
		if !in.skippable(uint32(id)) {
			return parent, from, ok
		}
	}
	return -1, in.start, true
}

// offer takes a proposal in. It reports whether the proposal was new and sound.
func (in *instance) offer(p Proposal) bool {
	r := in.round(p.Round.ID)
	if r.proposal != nil || p.Parent >= int64(p.Round.ID) || p.At < in.start {
		return false
	}
	if p.Parent >= 0 && !in.accepted(uint32(p.Parent)) {
		r.waiting = &p
		return false
	}
	if p.Parent >= 0 && p.At < in.rounds[p.Parent].proposal.At+in.chain.Block.Milliseconds() {
		return false
	}
	r.proposal, r.hash, r.waiting = &p, p.Hash(), nil
	in.mark(p.Round.ID)
	return true
}

// offerWaiting takes in the proposals that waited for the round to be accepted.
func (in *instance) offerWaiting(parent uint32) {
	for id := int(parent) + 1; id < len(in.rounds); id++ {
		if w := in.rounds[id].waiting; w != nil && w.Parent == int64(parent) {
			in.offer(*w)
		}
	}
}
