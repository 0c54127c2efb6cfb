package world

import (
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/call"
	"casper-cosigner/rule/founding"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/presence"
	"casper-cosigner/rule/witness"
)

// look is a process of another cosigner that was held against what that one stated, and how much
// was stated by then.
type look struct {
	directory, session presence.ID
	boot               uint64
	known              int
}

// shown is what a cosigner shows of its state.
func (c *cosigner) shown() presence.Presence {
	p := presence.Presence{Cluster: presence.ID(clusterID), Directory: presence.ID(c.record.directory),
		Session: presence.ID(c.memory.session), Boot: c.record.boot, LastIndex: c.w.index(len(c.log)),
		AppliedIndex: c.w.index(c.stored()), First: firstMark, Written: c.written()}
	if c.mayFound() {
		p.Pinned = uint32(len(c.record.seen))
	}
	return p
}

// admits reports whether what another cosigner shows may follow what was seen of it, and be of one
// that has lost nothing which it stated, and notes it then. Asked is what was seen of it before it
// was asked; zero if it was not.
func (c *cosigner) admits(o *cosigner, p presence.Presence, asked presence.Sighting) bool {
	own := presence.Own{Cluster: presence.ID(clusterID), Name: c.name, Directory: presence.ID(c.record.directory)}
	if c.w.rules.Trusting || c.usurps() {
		c.record.seen[o.name] = presence.Sighting{Presence: p, At: c.w.now}
		return true
	}
	if c.estranged(o, p) && c.record.seen.Judge(own, o.name, p) == nil {
		return false
	}
	have, met := c.record.seen[o.name]
	next, known, refused := have.Continue(o.name, p, asked, c.w.now)
	if !known {
		next, refused = c.record.seen.Meet(own, o.name, p, c.w.now)
	}
	if met || refused == nil {
		c.record.seen[o.name] = next
	}
	return refused == nil
}

// estranged reports whether another cosigner is refused for what it stated itself.
func (c *cosigner) estranged(o *cosigner, p presence.Presence) bool {
	at := look{p.Directory, p.Session, p.Boot, c.memory.known}
	if c.w.rules.Unheld || c.memory.looked[o.id] == at {
		return false
	}
	if p.Against(o.name, c.w.members, c.memory.told.Current()) != nil {
		return true
	}
	c.memory.looked[o.id] = at
	return false
}

// meets reports whether each of two cosigners takes the state of the other one.
func (w *World) meets(a, b *cosigner) bool {
	if !w.plan.Witnessed {
		return true
	}
	taken := a.admits(b, b.shown(), presence.Sighting{})
	return b.admits(a, a.shown(), presence.Sighting{}) && taken
}

// open is what is done with a message as it comes, on whatever state it was sent.
func open() bool { return true }

// admitted returns what decides, as a message comes, whether it is taken: between cosigners, by the
// state of its sender as it was sent.
func (w *World) admitted(from, to *process, asked presence.Sighting) func() bool {
	if !w.plan.Witnessed || from.host < nodeCount || to.host < nodeCount || from == to {
		return open
	}
	sender, c := w.cosigners[from.host-nodeCount], w.cosigners[to.host-nodeCount]
	p := sender.shown()
	return func() bool { return c.admits(sender, p, asked) }
}

// call carries a call, or its answer, from one cosigner to another by the terms of its method.
func (w *World) call(method string, from, to *process, what func()) {
	taken := open
	if t, known := call.Of(method); !known || t.Compares() || w.rules.Aloof {
		taken = w.admitted(from, to, presence.Sighting{})
	}
	w.send(from, to, taken, what, nil)
}

// tell exchanges what was stated with each other cosigner, over and over.
func (c *cosigner) tell() {
	const method = cosignerv1.PeerService_Tell_FullMethodName
	c.after(c.w.plan.Ping, c.tell)
	for _, o := range c.w.cosigners {
		if o == c {
			continue
		}
		told := c.statements()
		c.w.call(method, &c.process, &o.process, func() {
			answer := o.statements()
			o.learn(c.name, told)
			c.w.call(method, &o.process, &c.process, func() { c.learn(o.name, answer) })
		})
	}
}

// knows is what may stand against a founding, as far as the cosigner knows. What agents show of
// other clusters is left out.
func (c *cosigner) knows() founding.Look {
	l := founding.Look{First: firstMark, Waited: c.w.now.Sub(c.memory.since), Wait: c.w.plan.Wait, Told: c.memory.told,
		Bringer: func(s witness.Signed) string { return s.Name },
		Words:   founding.Words{Stopped: true}} // no world has anybody else who signs
	if c.record.lost {
		l.Lost = "its state is lost"
	}
	for i, name := range names {
		l.Agents = append(l.Agents, founding.Agent{Node: name, Heard: c.memory.heard[i]})
	}
	return l
}

// mayFound reports whether the cosigner itself knows of nothing that stands against founding the
// cluster.
func (c *cosigner) mayFound() bool {
	return !c.w.plan.Witnessed || c.state.Started() || c.knows().Against() == nil
}

// found writes the log's first entry, once all others have shown lately that they have met all and
// know of nothing against it. A compromised cosigner does so as it likes.
func (c *cosigner) found() {
	if !c.leads || len(c.log) > 0 {
		return
	}
	if c.w.plan.Witnessed && !c.usurps() {
		for _, o := range c.w.cosigners {
			s, met := c.record.seen[o.name]
			if o != c && (!met || c.w.now.Sub(s.At) > 3*time.Second || s.Pinned < cosigners-1) {
				return
			}
		}
		if !c.mayFound() {
			return
		}
	}
	c.propose(genesis(c), nil)
}

// objects reports whether the cosigner stores no such first entry.
func (c *cosigner) objects(first machine.Command) bool {
	if _, founds := first.(machine.Genesis); !founds || len(c.log) > 0 || !c.w.plan.Witnessed || c.usurps() {
		return false
	}
	return !c.w.rules.Follows && c.knows().AgainstFollowing() != nil
}

// usurps reports whether the cosigner is compromised, and founds the cluster anew.
func (c *cosigner) usurps() bool { return c.w.usurper == c }
