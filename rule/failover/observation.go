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
	Stock         []string      // nodes that hold the key and sign themselves, behind a gate
	Era           time.Duration // least duration of one
	Rearm         Policy        // of restarts of a stock node so that it votes again: Auto or Manual
	Passive       bool          // stock nodes that are not active cast no vote; else all do, until two differ
}

// Observation is what the cosigners know together at one instant. Its times are on the observing
// host's monotonic clock; what others told in ages was taken off the time at which they told it.
type Observation struct {
	Reporting int                // cosigners whose reports are in, this one among them
	Listening time.Time          // since when those have listened without a break; nobody was silent before
	Signing   time.Time          // since when signatures could be made without a break; zero: now they cannot
	Bound     Place              // how far slots are bound
	BoundAt   time.Time          // when its round was so first
	Wall      time.Time          // wall clock, for what the log dates
	Nodes     map[string]Node    // by name; one that was never heard of is absent
	Fork      Fork               // two blocks of one height that our key signed; Blocks.Take fills it
	Findings  map[string]Finding // of the evidence of those that tell of a fault; Examine fills it
}
