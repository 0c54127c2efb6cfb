package health

import (
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

// What a report tells of errors and paths is cut to these sizes, in bytes: it travels in
// every ping.
const (
	errorSize = 256
	pathSize  = 1024
)

// lateAnswer is how long after a node's end the answer to a request that it made before may come to
// light: no longer than the agent lets a request take.
const lateAnswer = 2 * time.Second

// account is what is known of the node, on the watcher's clock, and what its leads are counted by.
type account struct {
	failover.Node
	led  casper.Slot // the newest echo that this node asked for when another proposal of ours was bound
	open bool        // what became of that round is not known yet
	eras [knownEras]eraName

	stock bool // the node is
	start failover.Start
}

// asked notes a request of the node, and the answer of the cosigners, nil for none.
func (a *account) asked(m casper.Message, answer *cosignerv1.SignResponse, now time.Time) {
	if s, ok := casper.SlotOf(m); ok {
		a.Asked(s, now)
		if answer != nil { // what was not answered was not refused
			a.Denied(answer.GetRefused() != nil, now)
		}
		if !s.OfHeight() {
			a.lead(s, m, answer, now)
			a.named(m)
		}
	}
	a.Served(answer != nil, now)
	if now.Sub(a.Shutdown) > lateAnswer {
		a.Shutdown = time.Time{}
	}
}

// lead notes what becomes of the rounds that our validator leads. All its nodes propose in
// those, so the proposal of one that is not preferred finds another one bound; in no other round
// does that happen.
func (a *account) lead(s casper.Slot, m casper.Message, answer *cosignerv1.SignResponse, now time.Time) {
	bound := answer.GetBound() != nil
	later := s.Era > a.led.Era || s.Era == a.led.Era && s.Round > a.led.Round
	switch vote, votes := m.(casper.Vote); {
	case !votes && bound && (later || a.led == casper.Slot{}):
		a.led, a.open = s, true
	case !votes || !a.open || s.Era != a.led.Era || s.Round != a.led.Round:
	case !bound && answer.GetSigned() == nil:
	case vote.Value != bound: // what is bound is the other value: the round has its block
		a.LostLeads, a.open = [failover.Leads]time.Time{}, false
	default:
		copy(a.LostLeads[1:], a.LostLeads[:])
		a.LostLeads[0], a.open = now, false
	}
}

// answered notes an answer of /status, and when that was asked.
func (a *account) answered(s Status, asked, now time.Time) {
	was := a.Status
	a.Status = s.known(now)
	a.began(was, now)
	if a.stock {
		a.start.Seen(&a.Gate, a.Status, s.Uptime, asked)
	}
	// The process that said so was up before it did.
	if s.Uptime <= asked.Sub(a.Shutdown) {
		a.Shutdown = time.Time{}
	}
}
