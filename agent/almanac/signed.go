package almanac

import (
	"slices"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
)

// How much of what our key signed is kept and told. A node that starts in the middle of an era
// wants what was signed in that, and one with 7,200 rounds has two messages of each.
const (
	mostSigned = 32768
	toldAtOnce = 256 // in a ping; each has some 150 bytes
)

// signed is what our key signed, as far as it was granted: by the own node, in order, and by the
// others. Its messages are of those who told them, and verified.
type signed struct {
	session uint64           // of this process
	own     []casper.Ballot  // what the own node was granted
	begins  uint64           // so many before these were forgotten
	others  []casper.Ballot  // what other nodes were
	known   map[slot][]word  // of both
	have    map[string]place // how much is here of what another agent has
	want    map[string]place // how much another one has of ours
}

// slot has one value: what was granted. Which one that is its claim shows; until then there is one
// of each teller, so that nobody's hides another's.
type slot struct {
	instance casper.Hash
	kind     casper.Kind
	round    uint32
	index    uint32
}

// word is a value of a slot, and who told it; the own gate has no name.
type word struct {
	teller string
	value  casper.Hash
}

// place is one in another agent's list.
type place struct{ session, count uint64 }

func placeOf(c *cosignerv1.Cursor) place { return place{c.GetSession(), c.GetCount()} }

func slotOf(b casper.Ballot) slot { return slot{b.Instance, b.Kind, b.Round, b.Validator} }

func newSigned(session uint64) signed {
	return signed{session: session, known: map[slot][]word{}, have: map[string]place{}, want: map[string]place{}}
}

// add keeps what is new in a list, and lets the oldest go.
func (s *signed) add(to *[]casper.Ballot, teller string, b casper.Ballot) (dropped uint64) {
	for _, w := range s.known[slotOf(b)] {
		if w.value == b.Value || w.teller == teller {
			return 0
		}
	}
	s.known[slotOf(b)] = append(s.known[slotOf(b)], word{teller, b.Value})
	*to = append(*to, b)
	if len(*to) <= mostSigned {
		return 0
	}
	const drop = mostSigned / 4
	for _, old := range (*to)[:drop] {
		s.forget(old)
	}
	*to = slices.Clone((*to)[drop:])
	return drop
}

func (s *signed) forget(old casper.Ballot) {
	left := slices.DeleteFunc(s.known[slotOf(old)], func(w word) bool { return w.value == old.Value })
	if s.known[slotOf(old)] = left; len(left) == 0 {
		delete(s.known, slotOf(old))
	}
}

// Granted notes what the own node was granted, and signed.
func (a *Almanac) Granted(b casper.Ballot) {
	if !b.SignedBy(a.Validator) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.signed.begins += a.signed.add(&a.signed.own, "", b)
}

// Signed returns what our key signed in an instance, on whichever node, as far as it was told.
func (a *Almanac) Signed(of casper.Hash) (all []casper.Ballot) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, list := range [][]casper.Ballot{a.signed.own, a.signed.others} {
		for _, b := range list {
			if b.Instance == of {
				all = append(all, b)
			}
		}
	}
	return all
}

// tell adds to what another agent is told what it has not of the own node's. The caller holds the
// lock.
func (s *signed) tell(f *cosignerv1.ChainFacts, to string) {
	have := s.have[to]
	f.Have = &cosignerv1.Cursor{Session: have.session, Count: have.count}
	from, want := s.begins, s.want[to]
	if want.session == s.session {
		from = max(from, want.count)
	}
	f.After = &cosignerv1.Cursor{Session: want.session, Count: want.count}
	at := min(from-s.begins, uint64(len(s.own)))
	some := s.own[at:min(at+toldAtOnce, uint64(len(s.own)))]
	for _, b := range some {
		f.Ballots = append(f.Ballots, wire.ToldBallot(b))
	}
	f.With = &cosignerv1.Cursor{Session: s.session, Count: s.begins + at + uint64(len(some))}
}

// heard notes what another agent tells. Only what our key signed is kept.
func (a *Almanac) heard(agent string, f *cosignerv1.ChainFacts) {
	var ours []casper.Ballot
	for _, told := range f.GetBallots()[:min(len(f.GetBallots()), toldAtOnce)] {
		if b, ok := wire.Ballot(told); ok && b.SignedBy(a.Validator) {
			ours = append(ours, b)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := &a.signed
	for _, b := range ours {
		s.add(&s.others, agent, b)
	}
	if placeOf(f.GetAfter()) == s.have[agent] {
		s.have[agent] = placeOf(f.GetWith())
	}
	s.want[agent] = placeOf(f.GetHave())
}
