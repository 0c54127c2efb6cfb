package failover

import "time"

// keptWaits is for how long a gate goes by what its agent told last: an agent that is started anew
// is back in a second or two. By one that is gone nothing is granted, however long is waited.
const keptWaits = 10 * time.Second

// Waits is for how long a gate may wait for grants, as its agent told when it was last asked. Its
// zero value is that nothing was told yet.
type Waits struct {
	First time.Duration // for the node's first message of an era
	Later time.Duration // for its others
	At    time.Time     // when that was told
	Boot  uint64        // of the agent that told: another one after each of its starts; 0 is not known
}

// Waits returns what a gate is told, whichever era it asks for.
func (k Known) Waits(now time.Time) Waits {
	first, later := k, k
	first.Granted, later.Granted = false, true
	return Waits{First: first.Wait(), Later: later.Wait(), At: now}
}

// For returns how long a message may wait whose era's file has one that was granted, or none.
// Nobody has the node stand still for longer than a voter does, and a gate whose agent is gone does
// not have it stand still in vain: its host may be cut off, and the other one's gate waits long.
func (w Waits) For(granted bool, now time.Time) time.Duration {
	wait := w.First
	if granted {
		wait = w.Later
	}
	if w.At.IsZero() || now.Sub(w.At) > keptWaits || wait <= 0 {
		return otherWait
	}
	return min(wait, firstWait)
}

// ActiveTold is who is active, as the cosigners tell an agent with their answers to its pings.
// NewActiveTold makes one. It is not safe for concurrent use.
type ActiveTold struct {
	threshold int
	lasts     time.Duration
	told      map[string]named
	active    string
}

// named is the node that one cosigner named last.
type named struct {
	node  string
	heard time.Time
}

// NewActiveTold returns what an agent knows that nobody told anything yet: main is active. A node
// is, once so many cosigners name it, each less than three ping intervals ago. One alone cannot
// have the gates of both nodes wait long, or none.
func NewActiveTold(main string, threshold int, ping time.Duration) ActiveTold {
	return ActiveTold{threshold: threshold, lasts: lostPings * ping, told: map[string]named{}, active: main}
}

// Heard notes whom a cosigner names, which is nobody before the log has begun.
func (a *ActiveTold) Heard(cosigner, node string, now time.Time) {
	if node == "" {
		return
	}
	a.told[cosigner] = named{node: node, heard: now}
	alike := 0
	for _, n := range a.told {
		if n.node == node && now.Sub(n.heard) <= a.lasts {
			alike++
		}
	}
	if alike >= a.threshold {
		a.active = node
	}
}

// Active returns the node that a threshold named last.
func (a *ActiveTold) Active() string { return a.active }
