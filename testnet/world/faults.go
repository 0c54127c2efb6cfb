package world

import (
	"math"
	"slices"
	"time"

	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
)

// Step is a place in the course of a claim where its leader may die.
type Step string

// The steps.
const (
	stepProposed  Step = "proposed"  // in the leader's log, on nobody's disk for sure
	stepSent      Step = "sent"      // and on its way to the followers
	stepCommitted Step = "committed" // a majority has it; nobody has applied it
	stepApplied   Step = "applied"   // the leader knows what the slot holds; no share was made
	stepShared    Step = "shared"    // a cosigner made a share, and dies before it leaves
	stepSigned    Step = "signed"    // the signature is finished; nobody was answered
)

// steps are drawn from alike. Only the first can lose a claim, and it does so every other time.
var steps = []Step{stepProposed, stepProposed, stepProposed, stepProposed, stepProposed, stepSent, stepCommitted,
	stepApplied, stepShared, stepSigned}

// trap kills a cosigner the next but so many times that it comes to a step.
type trap struct {
	fault Fault
	left  int
}

// step reports whether a trap closed on the cosigner: then it is dead, and does nothing more.
func (w *World) step(c *cosigner, s Step) bool {
	for i := range w.traps {
		t := &w.traps[i]
		if t.fault.Step != s || t.left == 0 {
			continue
		}
		if t.left--; t.left > 0 {
			continue
		}
		w.note("%s dies at the step %q", c.name, s)
		f := t.fault
		for _, o := range w.cosigners {
			if o == c || f.All {
				w.killCosigner(o, f.For)
			}
		}
		if f.Keep {
			w.killActive(f)
		}
		return true
	}
	return false
}

// killActive kills the node that most likely asked, so that only the other one asks again,
// with another value.
func (w *World) killActive(f Fault) {
	for i, name := range names {
		if name == w.roles.Active && !w.plan.hostile(i) {
			w.killNode(i, false, f.For)
		}
	}
}

func (w *World) killNode(id int, keep bool, d time.Duration) {
	v := w.nodes[id]
	if !v.up || w.plan.hostile(id) {
		return
	}
	w.referee.disturbed(id)
	v.crash()
	w.note("%s is killed", v.name)
	keep = keep || id >= firstForeign // who signs by himself must not forget
	w.after(d, func() {
		if !v.up {
			w.note("%s starts, log kept: %v", v.name, keep)
			v.restart(keep)
			w.referee.disturbed(id)
		}
	})
}

// relapse ends the node, and again some blocks after each start, as casper-node 2.0.3 does in some
// eras, until it stays up.
func (w *World) relapse(id int, until time.Time) {
	w.referee.disturbed(id)
	if !w.now.Before(until) {
		w.relapses[id]--
		return
	}
	w.killNode(id, true, stopFor)
	lives := startUp + time.Duration(w.rng.Int64N(int64(2*w.plan.Block)))
	w.after(stopFor+lives, func() { w.relapse(id, until) })
}

func (w *World) killAgent(id int, d time.Duration) {
	a := w.agents[id]
	if !a.up {
		return
	}
	w.referee.disturbed(id)
	a.kill()
	w.after(d, func() {
		if !a.up {
			a.start()
			a.begin()
		}
	})
}

// strike makes a fault happen, and end.
func (w *World) strike(f Fault) {
	w.note("fault: %v", f)
	w.referee.sample() // who could do his part until now, if only since a moment ago
	defer w.referee.sample()
	switch f.Kind {
	case KillNode:
		w.killNode(f.Host, f.Keep, f.For)
	case Relapse:
		w.relapses[f.Host]++
		w.relapse(f.Host, w.now.Add(f.For))
	case KillAgent:
		w.killAgent(f.Host, f.For)
	case KillHost:
		w.killNode(f.Host, f.Keep, f.For)
		w.killAgent(f.Host, f.For)
	case KillCosigner:
		w.killCosigner(w.cosigners[f.Host], f.For)
	case KillLeader:
		w.killCosigner(w.leader(), f.For)
	case Trap:
		w.traps = append(w.traps, trap{fault: f, left: f.Count})
		w.after(f.For, func() { w.traps = slices.DeleteFunc(w.traps, func(t trap) bool { return t.fault == f }) })
	case PauseNode:
		w.pauseNode(f.Host, f.For)
	case PauseAgent:
		w.pauseAgent(f.Host, f.For)
	case PauseHost:
		w.pauseNode(f.Host, f.For)
		w.pauseAgent(f.Host, f.For)
	case PauseCosigner:
		c := w.cosigners[f.Host]
		w.pause(&c.process, f.For, c.resume)
	case PauseLeader:
		if c := w.leader(); c != nil {
			w.pause(&c.process, f.For, c.resume)
		}
	case KillAnswered:
		w.nodes[f.Host].doomed = &f
		w.after(f.For, func() { w.nodes[f.Host].doomed = nil })
	case SlipFence, SlipSuspend, SlipHold:
		w.slips = append(w.slips, f)
		w.after(f.For, func() { w.slips = slices.DeleteFunc(w.slips, func(s Fault) bool { return s == f }) })
	case Elect:
		w.elections(w.now.Add(f.For))
	case Evidence, Faked, Unread:
		w.tellFault(f)
	case SetMode, Promote, Hold, Suspend:
		w.operate(f)
	case Undo, Remake, Usurp:
		w.undo(f)
	case Strand:
		w.strand(f)
	case UndoTail:
		w.undoTail(f)
	case Boast:
		w.boast(f)
	case Hoard:
		w.hoard(f)
	default:
		w.impair(f)
	}
}

// impair makes a disk, a clock or links worse, for a while.
func (w *World) impair(f Fault) {
	switch f.Kind {
	case SlowDisk, HungDisk, DiskError:
		c := w.cosigners[f.Host]
		c.disk = f.Kind
		w.after(f.For, func() { c.disk = "" })
	case Lossy:
		w.loss = f.Share
		w.after(f.For, func() { w.loss = 0 })
	case Twice:
		w.dup = f.Share
		w.after(f.For, func() { w.dup = 0 })
	case Slow:
		w.slow = 8
		w.after(f.For, func() { w.slow = 1 })
	case Clock:
		w.cosigners[f.Host].offset += f.Jump
	default:
		w.cutLinks(f)
	}
}

func (w *World) killCosigner(c *cosigner, d time.Duration) {
	if c != nil && c.up {
		c.crash()
		w.after(d, c.restart)
	}
}

func (w *World) pauseNode(id int, d time.Duration) {
	v := w.nodes[id]
	w.referee.disturbed(id)
	w.pause(&v.process, d, v.cont)
}

func (w *World) pauseAgent(id int, d time.Duration) {
	a := w.agents[id]
	w.referee.disturbed(id)
	w.pause(&a.process, d, a.cont)
}

// elections has another leader elected again and again, faster than anybody can be called silent.
func (w *World) elections(until time.Time) {
	w.vote()
	if next := w.plan.After / 2; w.now.Add(next).Before(until) {
		w.after(next, func() { w.elections(until) })
	}
}

func (w *World) pause(p *process, d time.Duration, cont func()) {
	p.stop()
	w.after(d, func() {
		w.note("%s goes on", p.name)
		cont()
	})
}

// cutLinks cuts links between hosts and mends them later. Several cuts of one link add up.
func (w *World) cutLinks(f Fault) {
	var links [][2]int
	both := func(a, b int) {
		if a != b {
			links = append(links, [2]int{a, b}, [2]int{b, a})
		}
	}
	switch f.Kind {
	case CutPeers:
		for h := range nodeCount {
			both(f.Host, h)
		}
	case CutCosigners:
		for h := nodeCount; h < hosts; h++ {
			both(f.Host, h)
		}
	case CutHost:
		for h := range hosts {
			both(f.Host, h)
		}
	case CutOneWay:
		if f.Host != f.To {
			links = append(links, [2]int{f.Host, f.To})
		}
	case CutAgents:
		both(mainHost, standbyHost)
	}
	for _, l := range links {
		w.cut[l[0]][l[1]]++
	}
	w.referee.disturbed(f.Host)
	w.after(f.For, func() {
		w.note("%s: over", f.Kind)
		for _, l := range links {
			w.cut[l[0]][l[1]]--
		}
		w.referee.disturbed(f.Host)
	})
}

// byOperator is a change of roles that an operator asks the leader for now.
func (c *cosigner) byOperator() failover.Change {
	return failover.Change{Epoch: c.state.Roles().Epoch, Cause: failover.Operator, At: c.wall().UnixMilli()}
}

// operate does what an operator does, through whoever leads.
func (w *World) operate(f Fault) {
	c := w.leader()
	if c == nil || !c.ready {
		return
	}
	change := c.byOperator()
	switch f.Kind {
	case SetMode:
		c.propose(machine.SetMode{Mode: f.Mode, Change: change}, nil)
	case Promote:
		c.propose(machine.Activate{Node: names[f.Host], Change: change}, nil)
	case Hold:
		until := c.wall().Add(f.For).UnixMilli()
		if f.Keep {
			until = math.MaxInt64
			w.holdUntilResumed(f.For)
		}
		c.propose(machine.Hold{Until: until, Change: change}, nil)
	case Suspend:
		c.propose(machine.Suspend{Node: names[f.Host], Suspended: true, Change: change}, nil)
		w.suspends[f.Host]++
		w.after(f.For, func() {
			w.suspends[f.Host]--
			w.unsuspend(f.Host)
		})
	}
	w.stats[Operations]++
}

// slip lets an operator's command into the log just before one of the leader's own, which was
// decided without it.
func (w *World) slip(c *cosigner, before ...Kind) {
	for i, f := range w.slips {
		if !slices.Contains(before, f.Kind) {
			continue
		}
		w.slips = slices.Delete(w.slips, i, i+1)
		w.note("an operator comes first: %s", f.Kind)
		switch f.Kind {
		case SlipFence:
			f.Kind, f.Mode = SetMode, failover.Fenced
		case SlipSuspend:
			f.Kind, f.Host = Suspend, 1-w.activeNode()
		case SlipHold:
			f.Kind, f.Keep = Hold, true
		}
		w.operate(f)
		return
	}
}

// activeNode returns the number of the active node.
func (w *World) activeNode() int { return slices.Index(names[:], w.roles.Active) }

// again is how often an operator tries anew.
const again = 500 * time.Millisecond

// holdUntilResumed notes that there is, or will be, a hold without an end, which an
// operator ends later.
func (w *World) holdUntilResumed(d time.Duration) {
	w.holds++
	w.after(d, func() {
		w.holds--
		w.resumeRoles()
	})
}

// resumeRoles ends a hold, unless another one is wanted: whoever made that ends it. An operator
// does not give up when nobody leads, nor before the hold has come out of the log.
func (w *World) resumeRoles() {
	if w.holds > 0 {
		return
	}
	if c := w.settled(); c != nil {
		if c.state.Roles().HoldUntil != math.MaxInt64 {
			return
		}
		c.propose(machine.Hold{Change: c.byOperator()}, nil)
	}
	w.after(again, w.resumeRoles)
}

// unsuspend ends a suspension in the same way.
func (w *World) unsuspend(node int) {
	if w.suspends[node] > 0 {
		return
	}
	if c := w.settled(); c != nil {
		roles := c.state.Roles()
		if !roles.IsSuspended(names[node]) {
			return
		}
		c.propose(machine.Suspend{Node: names[node], Change: c.byOperator()}, nil)
	}
	w.after(again, func() { w.unsuspend(node) })
}

// settled returns the leader once it has applied its whole log, nil before. Then no entry that it
// has not seen can ever be committed.
func (w *World) settled() *cosigner {
	if c := w.leader(); c != nil && c.ready && c.applied == len(c.log) {
		return c
	}
	return nil
}

func genesis(c *cosigner) machine.Command {
	return machine.Genesis{First: firstMark, Active: names[0], At: c.wall().UnixMilli()}
}
