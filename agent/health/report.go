package health

import (
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

// What a report tells of errors and paths is cut to these sizes, in bytes: it travels in every ping.
const (
	errorSize = 256
	pathSize  = 1024
)

// lateAnswer is how long after a node's end the answer to a request that it made before may come to light: no longer than
// the agent lets a request take.
const lateAnswer = 2 * time.Second

// Report is all that is known of a node. Its times are readings of the watcher's clock; a zero time means never, or not so.
type Report struct {
	Status      Status    // the last good answer of /status
	StatusAt    time.Time // when that came
	StatusError string    // why the last attempt failed, empty if it did not
	Rounds      Asked     // its requests for rounds, with Era and Round
	Heights     Asked     // its requests for heights, with Height
	Blocked     time.Time // since when no request of it was answered by any cosigner
	Shutdown    time.Time // when it said that it shuts down; zero again once it has started anew
	Fault       time.Time // when it first reported an equivocation of our validator in FaultEra
	FaultEra    uint64
	EventsError string // why its events are not heard, empty if they are
	LeftoverKey string // path of a secret key of the validator on this host
	// LostLeads are the ends of the last rounds that our validator led in vain, newest first: another of its nodes had
	// proposed, and no block came of it. It is zero again from the first round on of which one came.
	LostLeads [failover.Leads]time.Time

	led  casper.Slot // the newest echo that this node asked for when another proposal of ours was bound
	open bool        // what became of that round is not known yet
}

// Asked is how far a node has asked for signatures of one kind.
type Asked struct {
	At       time.Time // of the last request
	Advanced time.Time // when it first asked for what is its newest
	Era      uint64    // of the newest round
	Round    uint32
	Height   uint64 // the newest height
}

// note notes a request for the slot. A place only moves up: a restarted node asks for old slots again.
func (a *Asked) note(s casper.Slot, now time.Time) {
	if a.At.IsZero() || s.Height > a.Height || s.Era > a.Era || s.Era == a.Era && s.Round > a.Round {
		a.Advanced = now
		a.Era, a.Round, a.Height = s.Era, s.Round, s.Height
	}
	a.At = now
}

// asked notes a request of the node, and the answer of the cosigners, nil for none.
func (r *Report) asked(m casper.Message, answer *cosignerv1.SignResponse, now time.Time) {
	if s, ok := casper.SlotOf(m); ok && s.OfHeight() {
		r.Heights.note(s, now)
	} else if ok {
		r.Rounds.note(s, now)
		r.lead(s, m, answer, now)
	}
	switch {
	case answer != nil:
		r.Blocked = time.Time{}
	case r.Blocked.IsZero():
		r.Blocked = now
	}
	if now.Sub(r.Shutdown) > lateAnswer {
		r.Shutdown = time.Time{}
	}
}

// lead notes what becomes of the rounds that our validator leads. All its nodes propose in those, so the proposal of one
// that is not preferred finds another one bound; in no other round does that happen.
func (r *Report) lead(s casper.Slot, m casper.Message, answer *cosignerv1.SignResponse, now time.Time) {
	bound := answer.GetBound() != nil
	later := s.Era > r.led.Era || s.Era == r.led.Era && s.Round > r.led.Round
	switch vote, votes := m.(casper.Vote); {
	case !votes && bound && (later || r.led == casper.Slot{}):
		r.led, r.open = s, true
	case !votes || !r.open || s.Era != r.led.Era || s.Round != r.led.Round:
	case !bound && answer.GetSigned() == nil:
	case vote.Value != bound: // what is bound is the other value: the round has its block
		r.LostLeads, r.open = [failover.Leads]time.Time{}, false
	default:
		copy(r.LostLeads[1:], r.LostLeads[:])
		r.LostLeads[0], r.open = now, false
	}
}

// answered notes an answer of /status.
func (r *Report) answered(s Status, now time.Time) {
	r.Status, r.StatusAt, r.StatusError = s, now, ""
	// The process that said so was up before it did.
	if s.Uptime <= now.Sub(r.Shutdown) {
		r.Shutdown = time.Time{}
	}
}

// fault notes that the node reported an equivocation of our validator, and returns false if that was known. Nodes tell the
// same fault again after a restart, and to everyone who listens anew.
func (r *Report) fault(era uint64, now time.Time) bool {
	if !r.Fault.IsZero() && era <= r.FaultEra {
		return false
	}
	r.Fault, r.FaultEra = now, era
	return true
}

// Health returns the report with ages instead of times.
func (r Report) Health(now time.Time) *cosignerv1.NodeHealth {
	h := &cosignerv1.NodeHealth{
		StatusAgoMs: ago(r.StatusAt, now), StatusError: r.StatusError, ReactorState: r.Status.State,
		PublicKey: r.Status.Key, LowestHeight: r.Status.Lowest, Peers: uint32(r.Status.Peers),
		UpgradeEra: r.Status.UpgradeEra, Version: r.Status.Build,
		Rounds: r.Rounds.health(now), Heights: r.Heights.health(now), BlockedMs: ago(r.Blocked, now),
		ShutdownAgoMs: ago(r.Shutdown, now), FaultAgoMs: ago(r.Fault, now), FaultEra: r.FaultEra,
		EventsError: r.EventsError, LeftoverKey: r.LeftoverKey,
	}
	for _, at := range r.LostLeads {
		if !at.IsZero() {
			h.LostLeadsAgoMs = append(h.LostLeadsAgoMs, *ago(at, now))
		}
	}
	if b := r.Status.LastBlock; b != nil {
		h.Block = &cosignerv1.Block{Era: b.Era, Height: b.Height}
	}
	if d := r.Status.RoundLength; d != nil {
		h.RoundLengthMs = uint64(d.Milliseconds())
	}
	return h
}

// health returns nil before the first request.
func (a Asked) health(now time.Time) *cosignerv1.Asked {
	if a.At.IsZero() {
		return nil
	}
	return &cosignerv1.Asked{AgoMs: ago(a.At, now), AdvancedAgoMs: *ago(a.Advanced, now), Era: a.Era, Round: a.Round, Height: a.Height}
}

// ago is the age in milliseconds, nil of what never was. A reading that was taken before the other is no age.
func ago(then, now time.Time) *uint64 {
	if then.IsZero() {
		return nil
	}
	ms := uint64(max(now.Sub(then), 0).Milliseconds())
	return &ms
}
