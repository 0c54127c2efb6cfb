package world

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

// key is our validator's. In this world signatures are not made, but for what a node shows as proof
// of a fault, which the cosigners verify.
var key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0xca}, ed25519.SeedSize))

func validatorKey() string { return casper.PublicKey(key.Public().(ed25519.PublicKey)).String() }

// shown is a fault that a node tells of for ever, with what it holds for the proof of it.
type shown struct {
	era      uint64 // 0: it tells of none
	evidence failover.Evidence
}

// drawFaked draws a plan in which nodes tell of faults of ours that are none, or that they cannot
// show.
func drawFaked(r *rand.Rand) Plan {
	p := drawPlan(r)
	last := settleIn + 6*p.Block
	for range 1 + r.IntN(3) {
		f := drawFault(r, &p, last)
		f.Kind, f.Host = pick(r, Faked, Unread), r.IntN(ours)
		p.Faults = append(p.Faults, f)
	}
	slices.SortStableFunc(p.Faults, func(a, b Fault) int { return int(a.At - b.At) })
	return p
}

// ballot is a message as our key signs it.
func ballot(m casper.Message) casper.Ballot {
	b, _ := casper.BallotOf(m)
	b.Signature = casper.Signature(ed25519.Sign(key, m.SignBytes()))
	return b
}

// farRound is one that nobody asks for, though an instance may have as many.
const farRound = 7000

// tellFault has a node tell of a fault in the era that is open to it.
func (w *World) tellFault(f Fault) {
	v := w.nodes[f.Host]
	open := v.node.Status().Open
	v.fault = shown{era: open.Era}
	w.stats[Told]++
	switch f.Kind {
	case Evidence:
		open.ID, open.Validator = farRound, ourValidator
		v.fault.evidence.Ballots = [2]casper.Ballot{ballot(casper.Vote{Round: open, Value: true}),
			ballot(casper.Vote{Round: open})}
		w.referee.proofs = true
		w.holdUntilResumed(f.For)
	case Faked:
		v.fault.evidence.Ballots = w.replayed()
	case Unread:
		v.fault.evidence.Error = "nobody may read it here"
	}
}

// replayed is what a peer can show of our validator without its key: what we signed, once as it was
// and once as if it were of another slot.
func (w *World) replayed() (b [2]casper.Ballot) {
	c := w.leader()
	if c == nil || !c.state.Started() {
		return b
	}
	for _, claim := range c.state.Table().All() {
		if _, ok := casper.BallotOf(claim.Message); !ok {
			continue
		}
		b[1] = ballot(claim.Message)
		if b[0] == (casper.Ballot{}) {
			b[0] = b[1]
		}
	}
	if w.rng.IntN(2) == 0 {
		b[1].Round, b[1].Value = b[0].Round, casper.Hash{1}
	}
	return b
}

// lie has the hostile standby's agent tell of a fault, in an era of its choice, with whatever can
// be shown without our key.
func (a *agent) lie(open casper.Round) {
	w := a.w
	a.node.Fault, a.node.FaultEra, a.node.Evidence = w.now, open.Era+uint64(w.rng.IntN(3))-1, failover.Evidence{}
	switch w.rng.IntN(3) {
	case 0:
		a.node.Evidence.Ballots = w.replayed()
	case 1:
		open.Validator = ourValidator
		a.node.Evidence.Ballots[0], _ = casper.BallotOf(casper.Vote{Round: open, Value: true})
		a.node.Evidence.Ballots[1], _ = casper.BallotOf(casper.Vote{Round: open})
	}
}

// proves reports whether the leader can see by its log that what the node shows is nobody's but a
// thief's.
func (d *demand) proves(a *agent) bool {
	if d.by == nil || !d.by.state.Started() {
		return false
	}
	_, held, known := d.by.state.Table().Find(a.node.Evidence.Ballots[0])
	return d.w.referee.proofs && !d.w.plan.hostile(a.id) && a.node.Evidence.Ballots[0].Round == farRound && known && !held
}

// awaitRelease demands that a hold which rests on a node's word ends with its era.
func (d *demand) awaitRelease() {
	w := d.w
	over := false
	if h := w.roles.History; d.by != nil && w.roles.HoldUntil > d.by.wall().UnixMilli() && len(h) > 0 {
		last := h[len(h)-1] // any change since then resets the leader's patience
		over = last.What == failover.EventHold && last.Cause == failover.Unread && d.by.state.Bound().Era > eraOf(last.Reason)
	}
	since(&d.releasing, over && d.lasts(d.signer, signerSettle), w.now)
	if limit := 3*w.plan.Ping + 2*time.Second; d.lasts(d.releasing, limit) {
		w.fail("roles are held by a node's word of an era that has been over for %v", limit)
	}
}

// eraOf reads the era out of a hold's reason.
func eraOf(reason string) (era uint64) {
	if _, err := fmt.Sscanf(reason[max(0, strings.Index(reason, "in era ")):], "in era %d,", &era); err != nil {
		return 0
	}
	return era
}
