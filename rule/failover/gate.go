package failover

import "time"

// Gate is what the agent of a stock node knows by its gate. A stock node is casper-node as it is
// published: it holds the validator's key, and writes each message of its own to a file before it
// sends it. The gate refuses that write unless the log granted the message. Its zero value is that
// there is no gate, as beside a remote-key node.
type Gate struct {
	At     time.Time // of its last answer; zero while nothing is told of it
	Error  string    // of the last attempt, empty if it was good
	Passed time.Time // when it was seen to let pass what it must refuse; zero if it was not since the node's start

	// When it last refused a message of the node's own, and of which era. A refused node votes no more
	// in that era, until it is started anew, which makes this zero again.
	Refused    time.Time
	RefusedEra uint64
	// When it last saw a message of our validator in a unit file, whichever node it came from, and of
	// which era: what is there is sent, or was received.
	Voted    time.Time
	VotedEra uint64

	Started time.Time     // when the node was last started
	Took    time.Duration // that it last needed then until it validated; zero: not known
	Failing time.Time     // since when its starts fail, by Start.Seen; zero: the last one has not
	// When the agent last restarted the node because it was told to, in which era, and how often in
	// that one.
	Ordered    time.Time
	OrderedEra uint64
	Orders     uint32
	OrderError string // why the last order was not carried out, empty if it was
}

// GateWord is what a gate knows of its node, as far as that has the files open. A zero time means
// never.
type GateWord struct {
	Refused    time.Time
	RefusedEra uint64
	Voted      time.Time
	VotedEra   uint64
}

// Tells notes what the gate itself tells: it stands, as far as it can know, which is nothing
// against what its watch sees. Of before the node was last started nothing that was refused counts
// any more.
func (g *Gate) Tells(w GateWord, now time.Time) {
	if g.Error == "" {
		g.At = now
	}
	if !w.Voted.IsZero() {
		g.Saw(w.VotedEra, w.Voted)
	}
	if !w.Refused.IsZero() && w.Refused.After(g.Started) {
		g.Refuses(w.RefusedEra, w.Refused)
	}
}

// GateSight is how a gate looks to the process that watches it.
type GateSight string

// The sights.
const (
	GateStands GateSight = "stands" // it answers, and refuses what it must
	GateHangs  GateSight = "hangs"
	GatePasses GateSight = "passes" // what it must refuse was written: it is not in the way
	GateGone   GateSight = "gone"
)

// Seen notes what the watch sees. That a gate let something pass stays so, whatever stands then,
// until the node is started anew: what it wrote past the gate may be sent, and it may go on.
func (g *Gate) Seen(s GateSight, now time.Time) {
	switch s {
	case GateStands:
		g.At, g.Error = now, ""
	case GateHangs:
		g.Error = "it does not answer its watch"
	case GateGone:
		g.Error = "none stands"
	case GatePasses:
		g.Error = "it lets pass what it must refuse"
		if g.Passed.IsZero() {
			g.Passed = now
		}
	}
}

// Refuses notes that the gate refused the node's own message of the era.
func (g *Gate) Refuses(era uint64, now time.Time) {
	if g.Refused.IsZero() || era >= g.RefusedEra {
		g.Refused, g.RefusedEra = now, era
	}
}

// Saw notes a message of our validator in a unit file of the era.
func (g *Gate) Saw(era uint64, now time.Time) {
	if era >= g.VotedEra {
		g.Voted, g.VotedEra = now, era
	}
}

// Starts notes when the node was last started: with that it forgets that it was refused before, and
// has nothing open any more that passes by the gate.
func (g *Gate) Starts(at time.Time) {
	g.Started = at
	if !g.Refused.After(at) {
		g.Refused, g.RefusedEra = time.Time{}, 0
	}
	if !g.Passed.After(at) {
		g.Passed = time.Time{}
	}
}

// Obeyed notes that the agent restarts the node, in that era, because it was told to.
func (g *Gate) Obeyed(era uint64, now time.Time) {
	if era != g.OrderedEra {
		g.OrderedEra, g.Orders = era, 0
	}
	g.Ordered, g.Orders = now, g.Orders+1
}

// Out reports whether the node was refused in the era that it is in: it casts no vote until that
// era ends, or until it is started anew. It signs blocks all the same. A node tells of the era of
// its last block, so it may have been refused in the one after that.
func (n *Node) Out() bool { return !n.Gate.Refused.IsZero() && n.Gate.RefusedEra >= n.Status.Era }

// How long a gate may wait for a grant. The node stands still meanwhile, so that its blocks are
// signed late; but a refusal costs its votes of the whole era. Nodes of one key must not wait
// equally long: an outage of the cosigners would take all of them out at once, and a validator
// without any message in an era is evicted.
const (
	firstWait = 8 * time.Second        // for the voter's first message in an era: nothing else keeps it from being evicted
	laterWait = 4 * time.Second        // for its others: a leader's death several times over
	otherWait = 250 * time.Millisecond // for another node, as long as a remote-key node waits
)

// Known is what an agent knows of who votes.
type Known struct {
	Active  bool // its node is: by the cosigners' last word, by the cluster file before there was one
	Passive bool // Settings.Passive
	Granted bool // its node was granted a message in the era in hand
}

// Wait returns how long the gate may wait for a grant of the node's own message. Where those that
// are not active cast no vote, a node that was granted one in this era goes on to its end, whoever
// is active by now.
func (k Known) Wait() time.Duration {
	switch {
	case k.Active && !k.Granted:
		return firstWait
	case k.Active, k.Passive && k.Granted:
		return laterWait
	}
	return otherWait
}
