package world

import (
	"bytes"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// safety watches for what may never be, whatever the faults: it has no clock and knows no plan.
type safety struct {
	w      *World
	places map[casper.Message]place
	shares map[slotKey]casper.Hash // what any cosigner released a share of
	held   map[slotKey]casper.Hash // what the log was first seen to hold
	holds  map[string]bool         // reasons for which the rule held the roles
	moved  time.Time               // when the active node changed last, by itself
	proofs bool                    // somebody else has our key
	freed  time.Time               // when the rule ended a hold last
	first  machine.Genesis         // that was applied first
}

func newSafety(w *World) *safety {
	return &safety{w: w, places: map[casper.Message]place{}, shares: map[slotKey]casper.Hash{},
		held: map[slotKey]casper.Hash{}, holds: map[string]bool{}}
}

// digest returns a message's slot and the hash of its signed bytes.
func (s *safety) digest(m casper.Message) (slotKey, casper.Hash) {
	p, ok := s.places[m]
	if !ok {
		p = placeOf(m)
		s.places[m] = p
	}
	return p.key, p.digest
}

// released sees a share leave. No two are ever of two values of one slot, which is more than is
// needed: two of one value make a signature.
func (s *safety) released(c *cosigner, m casper.Message) {
	key, digest := s.digest(m)
	if s.w.undone[c.id] {
		s.w.fail("the state of %s was put back or made anew, and it made a share of %s", c.name, describe(m))
	}
	s.w.stats[Shares]++
	s.w.note("%s: share of %s", c.name, describe(m))
	if have, ok := s.shares[key]; ok && have != digest {
		s.w.fail("two values were signed for one slot: the other is %s", describe(m))
	}
	if held, ok := s.held[key]; !ok || held != digest {
		s.w.fail("%s made a share of %s, which the log does not hold", c.name, describe(m))
	}
	s.shares[key] = digest
}

// stores sees a follower store an entry. Once anything was signed no honest one may store another
// founding: what was signed is not known below that.
func (s *safety) stores(c *cosigner, e entry) {
	first, founds := e.command.(machine.Genesis)
	if founds && !c.usurps() && len(s.shares) > 0 && first != s.first {
		s.w.fail("%s stores another founding, and %d slots were signed", c.name, len(s.shares))
	}
}

// claimed sees a claim applied that its slot holds now, or held, and reports whether that is new.
// Not only the first cosigner that applies it is looked at.
func (s *safety) claimed(c *cosigner, claim watermark.Claim, result machine.Result) (fresh bool) {
	key, digest := s.digest(result.Held.Message)
	if asked, _ := s.digest(claim.Message); asked != key {
		s.w.fail("a claim of %s was answered with %s", describe(claim.Message), describe(result.Held.Message))
	}
	have, ok := s.held[key]
	switch {
	case s.w.undone[c.id]: // its log is another one
	case ok && have != digest:
		s.w.fail("a slot changed: %s holds %s now", c.name, describe(result.Held.Message))
	case !ok && result.Outcome == machine.Held:
		s.w.fail("%s says that the slot of %s is held, and it was never claimed", c.name, describe(claim.Message))
	case !ok:
		s.held[key] = digest
		s.w.stats[Claims]++
		return true
	}
	return false
}

// bound sees a slot bound for a node, which must have had the right to it.
func (s *safety) bound(claim watermark.Claim, before failover.State) {
	if before.Mode == failover.Fenced && claim.Message.Kind() != casper.KindFinality && claim.Node != before.Active {
		s.w.fail("fenced: %s bound %s, and %s is active", claim.Node, describe(claim.Message), before.Active)
	}
	if w := s.w; claim.AskedAt > 0 && w.leaptAt > 0 && w.rolesAt > w.leaptAt && claim.AskedAt <= uint64(w.leaptAt) {
		w.fail("%s was asked for thousands of entries ago, and bound", describe(claim.Message))
	}
	if before.IsSuspended(claim.Node) {
		s.w.fail("%s is suspended and bound %s", claim.Node, describe(claim.Message))
	}
}

// changed sees roles change.
func (s *safety) changed(command machine.Command, before failover.State) {
	switch command := command.(type) {
	case machine.Activate:
		if command.Cause != failover.Operator {
			s.activated(command, before)
		}
	case machine.Hold:
		if command.Cause != failover.Operator {
			s.stopped(command)
		}
	}
}

// activated sees an automatic change of the active node.
func (s *safety) activated(a machine.Activate, before failover.State) {
	s.w.stats[Changes]++
	s.moved = s.w.now
	if before.HoldUntil > a.At {
		s.w.fail("%s became active for %s while automatic changes were held", a.Node, a.Cause)
	}
	policy := s.w.settings.Failover
	if a.Cause == failover.Return {
		policy = s.w.settings.Failback
	}
	if policy != failover.Auto {
		s.w.fail("%s became active for %s, which is left to operators", a.Node, a.Cause)
	}
}

// stopped sees automatic changes held by the rule: never twice for one reason, or an operator could
// not resume them.
func (s *safety) stopped(h machine.Hold) {
	if h.Until == 0 {
		s.freed = s.w.now
		return
	}
	if (h.Until == failover.ForGood || h.Cause == failover.Fault) && !s.proofs {
		s.w.fail("roles are held for good, and nobody but us has the key: %s", h.Reason)
	}
	if s.holds[h.Reason] {
		s.w.fail("roles are held again, and an operator knows why: %s", h.Reason)
	}
	s.holds[h.Reason] = true
}

// compare holds the copies of the log's state against each other, and against what was
// seen of the log.
func (s *safety) compare() {
	states := map[int][]byte{}
	for _, c := range s.w.cosigners {
		if !c.up || s.w.undone[c.id] {
			continue
		}
		var text bytes.Buffer
		if _, err := c.state.WriteTo(&text); err != nil {
			s.w.fail("writing the state of %s: %v", c.name, err)
			continue
		}
		if have, ok := states[c.applied]; ok && !bytes.Equal(have, text.Bytes()) {
			s.w.fail("%s and another cosigner applied %d entries and differ", c.name, c.applied)
		}
		states[c.applied] = text.Bytes()
		s.compareTable(c)
	}
}

func (s *safety) compareTable(c *cosigner) {
	if !c.state.Started() {
		return
	}
	for _, claim := range c.state.Table().All() {
		if key, digest := s.digest(claim.Message); s.held[key] != digest {
			s.w.fail("the table of %s holds %s, and the log another value", c.name, describe(claim.Message))
		}
	}
}
