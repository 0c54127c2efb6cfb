package main

import "time"

// Costs is what one validator's cosigners, 2 of 3, take and hosts have.
type Costs struct {
	Cores int           // of each host
	Sync  time.Duration // one durable write
	Lanes int           // files that a host's disk syncs at a time as fast as one

	CPU  time.Duration // of a signature, over all three cosigners
	Idle float64       // share of a core that a cosigner takes which only waits
	// Timers is how much of Idle is Raft's and the calls' timers, connections and heartbeats: what
	// validators that share a process and its connections pay once.
	Timers float64

	Memory int64 // of a process with one validator, bytes
	State  int64 // of one more validator in it, bytes

	Beats  float64       // messages a second between three cosigners that wait, both ways
	Hop    time.Duration // a round trip between two hosts
	Spread time.Duration // between the first node that asks for a vote and the last
}

// measured are the costs as make bench printed them on two slow cores, and assumptions where
// nothing was measured: Cores, Lanes, Timers, State, Hop and Spread.
func measured() Costs {
	return Costs{
		Cores: 8, Sync: 160 * time.Microsecond, Lanes: 4,
		CPU: 2050 * time.Microsecond, Idle: 0.032, Timers: 0.8,
		Memory: 50 << 20, State: 3 << 20,
		Beats: 100, Hop: time.Millisecond, Spread: 100 * time.Millisecond,
	}
}

// Shares of a signature's processor time: the leader verifies, derives and sums up, the cosigner
// that gives the other share verifies and derives, the third only stores the entry.
const (
	ofAdmit  = 0.20 // at the leader, before the claim
	ofAppend = 0.05 // at each that stores the entry
	ofShare  = 0.25 // at each that gives a share
	ofSum    = 0.15 // at the leader, at the end
)

// Shape is how validators share a host.
type Shape struct {
	Name   string
	Shared bool // one process, its connections and heartbeats are for all validators
	Merged bool // and one log file and one ledger file, so that one sync serves all that wait
}

func shapes() []Shape {
	return []Shape{
		{Name: "a process for each validator"},
		{Name: "one process, connections and heartbeats shared", Shared: true},
		{Name: "one process, and one log and one ledger for all", Shared: true, Merged: true},
	}
}

// idle returns how many cores a host spends on n validators that wait.
func (c Costs) idle(s Shape, n int) float64 {
	if !s.Shared {
		return c.Idle * float64(n)
	}
	return c.Idle * (c.Timers + (1-c.Timers)*float64(n))
}

func (c Costs) memory(s Shape, n int) int64 {
	if !s.Shared {
		return c.Memory * int64(n)
	}
	return c.Memory + c.State*int64(n-1)
}

func (c Costs) messages(s Shape, n int) float64 {
	if !s.Shared {
		return c.Beats * float64(n)
	}
	return c.Beats
}
