package failover

import (
	"time"

	"casper-cosigner/rule/casper"
)

// Node is what is known of one node. It is the one form of that: an agent fills it (agent/health),
// rule/wire tells it in ages, since clocks may differ, and a cosigner that hears of it has it
// again, on its own clock. A zero time means never.
type Node struct {
	Heard        time.Time // last ping of its agent to any cosigner; its agent leaves it out
	HeardByAgent time.Time // last time that another agent reached its agent; its agent leaves it out
	Asks
	Status      Status    // what its /status says
	Blocked     time.Time // since when the cosigners leave all that it asks unanswered
	Refused     time.Time // since when they refuse all of it that they answer
	Shutdown    time.Time // when it said that it shuts down; zero again once it is back
	Fault       time.Time // when it first reported that our validator equivocated in FaultEra
	FaultEra    uint64
	Evidence    Evidence // what the node holds for the proof of it, to be examined
	EventsError string   // why its events are not heard, so that no fault would be noticed; empty if they are
	LeftoverKey string   // path of a secret key of the validator on its host
	Undrilled   string   // which of a stock node's programs, the staged ones too, would get no key
	Unknown     string   // why its agent cannot claim for a stock node: what an instance is made of is not known
	// LostLeads are the ends of our validator's last rounds as the leader, in a row, that had no block
	// though another node of ours had proposed one; newest first. It is zero again from the first
	// round on of which one came.
	LostLeads [Leads]time.Time
	Gate      Gate // of a stock node
	// Finals are the newest finality signatures of our validator that the node's events told of, by
	// height; zero where there are no more.
	Finals [Finals]Final
}

// Leads is how many rounds in a row a node must lead in vain before its peers are taken
// not to hear it.
const Leads = 3

// Served notes whether the cosigners answered a request of the node; a refusal is an answer too.
func (n *Node) Served(answered bool, now time.Time) {
	switch {
	case answered:
		n.Blocked = time.Time{}
	case n.Blocked.IsZero():
		n.Blocked = now
	}
}

// Denied notes whether the cosigners refused a request of the node that they answered.
func (n *Node) Denied(refused bool, now time.Time) {
	switch {
	case !refused:
		n.Refused = time.Time{}
	case n.Refused.IsZero():
		n.Refused = now
	}
}

// Accuses notes that the node reported an equivocation of our validator, and returns false if that
// was known. Nodes tell the same fault again after a restart, and to everyone who listens anew.
func (n *Node) Accuses(era uint64, now time.Time) bool {
	if !n.Fault.IsZero() && era <= n.FaultEra {
		return false
	}
	n.Fault, n.FaultEra, n.Evidence = now, era, Evidence{}
	return true
}

// Asks is how far a node has asked for signatures, and when. Rounds and heights are apart: a node
// may vote and never ask for finality signatures, or the other way round.
type Asks struct {
	Place   Place
	Rounds  Progress
	Heights Progress
}

// Progress is when a node asked last, and when it first asked for what is its newest. It is
// zero until it asks.
type Progress struct {
	Asked    time.Time
	Advanced time.Time
}

// Asked notes a request for the slot, and reports whether it is the newest of its kind. A place
// only moves up: a restarted node asks for old slots again.
func (a *Asks) Asked(s casper.Slot, now time.Time) (advanced bool) {
	did := &a.Rounds
	if s.OfHeight() {
		did = &a.Heights
	}
	if advanced = a.Place.reach(s) || did.Asked.IsZero(); advanced {
		did.Advanced = now
	}
	did.Asked = now
	return advanced
}

// Last returns when the node asked for anything last.
func (a Asks) Last() time.Time { return latest(a.Rounds.Asked, a.Heights.Asked) }

// Status is what casper-node's /status says. It is a hint and a reason to show: a node says
// Validate well before its consensus state has caught up.
type Status struct {
	At         time.Time     // of the last good answer
	Error      string        // of the last attempt, empty if it was good
	Reactor    string        // Validate, CatchUp and so on
	Era        uint64        // of the last block
	EraAt      time.Time     // when the first block of that era was seen; zero if none was seen before it
	Height     uint64        // of the last block
	Lowest     uint64        // of the blocks that it has without a gap
	Round      time.Duration // zero while no era is open to it
	Key        string        // that it signs with, as Casper writes it; empty if none
	Peers      uint32
	Version    string // of the program that runs
	UpgradeEra uint64 // at which the next version begins, 0 if none is staged
}

// Validates reports whether a node that says so takes part in consensus, and an era is open to it.
func (s Status) Validates() bool { return s.Error == "" && s.Reactor == validating && s.Round > 0 }
