package world

import (
	"fmt"
	"strings"
)

// Count is one thing that is counted in a run.
type Count int

// What is counted. Too little of any, and the worlds have become too tame.
const (
	Events     Count = iota // of the queue
	Rounds                  // that ended, as the others saw them
	Votes                   // rounds of which our vote was demanded
	Leads                   // rounds that were ours to lead, and had to end with a block
	Finalities              // blocks of which our finality signature was demanded
	Claims                  // slots bound
	Late                    // requests that no cosigner answered before the node's patience ended
	Adopted                 // requests answered with another value
	Reproposed              // echoes of ours that were answered with another block
	Shares                  // that left a cosigner
	Restarts                // of nodes that were ours
	Changes                 // of the active node, automatic ones
	Operations              // changes of roles that an operator asked for
	Elections               // of a leader
	Crashes                 // of cosigners
	LostClaims              // that went with their leader's tail, and were never committed
	Failovers               // that were demanded
	Holds                   // of the roles that were demanded for an equivocation
	Rests                   // worlds in which main had to be active at the end
	Returns                 // and had not been all the time
	Moves                   // of the lead, for nearness
	Undone                  // states put back or made anew, and keys stolen
	Unindexed               // states put back to what had applied as much
	Hoarded                 // requests that a cosigner kept, and passed on late
	Told                    // faults of ours that a node told of
	Sidelined               // messages that a gate refused
	Orders                  // restarts by order
	Eras                    // of which a message of ours was demanded
	counts
)

var countNames = [counts]string{"events", "rounds", "votes", "leads", "finalities", "claims", "late", "adopted",
	"reproposed", "shares", "restarts",
	"changes", "operations", "elections", "crashes", "lost claims", "failovers", "holds", "rests", "returns",
	"moves", "undone", "unindexed", "hoarded",
	"told", "sidelined", "orders", "eras"}

// String names the count.
func (c Count) String() string { return countNames[c] }

// Stats count what happened in a run.
type Stats [counts]int

func (s *Stats) add(o Stats) {
	for c, n := range o {
		s[c] += n
	}
}

// String lists all counts.
func (s Stats) String() string {
	var b strings.Builder
	for c, n := range s {
		fmt.Fprintf(&b, "%v %d, ", Count(c), n)
	}
	return strings.TrimSuffix(b.String(), ", ")
}
