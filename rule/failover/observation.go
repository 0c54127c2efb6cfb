package failover

import "time"

// Policy is how much a change of roles is left to itself.
type Policy string

// The policies. A return to main knows Auto and Manual only.
const (
	Auto    Policy = "auto"
	Confirm Policy = "confirm" // propose; an operator promotes
	Manual  Policy = "manual"  // only tell
)

// Settings are the cluster file's settings of failover.
type Settings struct {
	Main          string
	Validator     string        // public key as Casper writes it; what a node's /status says is held against it
	Nodes         []string      // by preference, if main cannot be had
	Threshold     int           // cosigners that must have reported
	Round         time.Duration // least time between blocks
	PingInterval  time.Duration
	After         time.Duration // how long the active node must be unresponsive, stuck or behind
	FailbackAfter time.Duration // how long main must be ready; each return within an hour doubles it
	Failover      Policy
	Failback      Policy
}

// Observation is what the cosigners know together at one instant. Its times are on the observing host's monotonic clock;
// what others told in ages was taken off the time at which they told it.
type Observation struct {
	Reporting int             // cosigners whose reports are in, this one among them
	Listening time.Time       // since when those have listened without a break; nobody was silent before
	Signing   time.Time       // since when signatures could be made without a break; zero: now they cannot
	Bound     Place           // how far slots are bound
	BoundAt   time.Time       // when its round was so first
	Wall      time.Time       // wall clock, for what the log dates
	Nodes     map[string]Node // by name; one that was never heard of is absent
}

// Node is what is known of one node. A zero time means never.
type Node struct {
	Heard        time.Time // last ping of its agent to any cosigner
	HeardByAgent time.Time // last time that another agent reached its agent
	Rounds       Progress
	Heights      Progress
	Place        Place     // how far it has asked
	Status       Status    // what its /status says
	Blocked      time.Time // since when the cosigners leave all that it asks unanswered
	Shutdown     time.Time // when it said that it shuts down; zero again once it is back
	Fault        time.Time // when it reported that our validator equivocated
	FaultEra     uint64
	LeftoverKey  string // path of a secret key of the validator on its host
	// LostLeads are the ends of our validator's last rounds as the leader, in a row, that had no block though another node
	// of ours had proposed one; newest first.
	LostLeads [Leads]time.Time
}

// Leads is how many rounds in a row a node must lead in vain before its peers are taken not to hear it.
const Leads = 3

// asked returns when the node asked for anything last.
func (n Node) asked() time.Time { return latest(n.Rounds.Asked, n.Heights.Asked) }

// Progress is when a node asked last, and when it first asked for what is its newest. It is zero until it asks.
type Progress struct {
	Asked    time.Time
	Advanced time.Time
}

// Status is what casper-node's /status says. It is a hint and a reason to show: a node says Validate well before its
// consensus state has caught up.
type Status struct {
	At         time.Time // of the last good answer
	Error      string    // of the last attempt, empty if it was good
	Reactor    string    // Validate, CatchUp and so on
	Height     uint64    // of the last block
	Lowest     uint64    // of the blocks that it has without a gap
	Round      time.Duration
	Key        string // that it signs with, as Casper writes it; empty if none
	Peers      uint32
	Version    string
	UpgradeEra uint64 // at which the next version begins, 0 if none is staged
}
