package world

import (
	"math/rand/v2"
	"slices"
	"time"

	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/witness"
)

// drawUndone draws a plan in which states of cosigners are undone, or statements made up, and one
// agent is honest, alive and heard all the time.
func drawUndone(r *rand.Rand) Plan {
	p := drawPlan(r)
	p.Sites, p.Steady, p.Rest = Sites{}, 0, 0
	p.Witnessed, p.Wait, p.Witness = true, 3*p.Ping, r.IntN(ours)
	if p.Hostile = r.IntN(2) == 0; p.Hostile {
		p.Witness = mainHost
	}
	p.Faults = slices.DeleteFunc(p.Faults, func(f Fault) bool { return f.hinders(p.Witness) })
	f := Fault{Kind: pick(r, Undo, Undo, UndoTail, Remake, Boast, Usurp, Strand),
		At:   settleIn + 2*p.Block + time.Duration(r.Int64N(int64(2*p.Block))),
		Host: r.IntN(cosigners), Count: 1 + r.IntN(cosigners), For: p.Ping, Keep: r.IntN(2) == 0}
	f.Jump = 2*p.Block + 2*p.Ping + time.Duration(r.Int64N(int64(2*p.Block)))
	switch f.Kind {
	case Usurp:
		f.Count = cosigners
	case Strand:
		f.Count = cosigners
		p.Hostile, p.Witness, p.Flood = true, mainHost, f.At+f.Jump
	}
	p.Faults = append(p.Faults, f)
	// What is kept is of rounds ahead: beside a thief it would count for main. Nor is the log of
	// one that is cut off longer than the others' when theirs goes on by thousands.
	if r.IntN(2) == 0 && !p.Hostile && f.Kind != UndoTail {
		p.Faults = append(p.Faults, Fault{Kind: Hoard, At: settleIn + time.Duration(r.Int64N(int64(4*p.Block))),
			Host: r.IntN(cosigners), For: p.Block})
	}
	return p
}

// hinders reports whether a fault may keep the node's agent from seeing, showing or being heard.
func (f Fault) hinders(node int) bool {
	switch f.Kind {
	case KillAgent, KillHost, PauseAgent, PauseHost, CutCosigners, CutHost:
		return f.Host == node || f.Host >= nodeCount
	case CutOneWay, Lossy, Slow:
		return true
	}
	return false
}

// undo puts the states of some cosigners back to what they are now, later, or has them made anew
// then. That is done once an agent knows better, of each of them: what nobody who is up has seen,
// nobody can recognise.
func (w *World) undo(f Fault) {
	copies := make([]disk, f.Count)
	for i := range copies {
		if f.Kind == Undo {
			copies[i] = w.undoes(f, i).copyDisk()
		}
	}
	w.after(f.Jump, func() { w.putBack(f, copies) })
}

// strand is as undo, of all. The first one's copy is older, of before a start that the others saw:
// so they refuse it. It alone still hears the agent that knows what was signed.
func (w *World) strand(f Fault) {
	first := w.undoes(f, 0)
	copies := []disk{first.copyDisk()}
	w.killCosigner(first, again)
	w.after(f.Jump/2, func() {
		for i := 1; i < f.Count; i++ {
			copies = append(copies, w.undoes(f, i).copyDisk())
		}
		w.after(f.Jump/2, func() { w.putBack(f, copies) })
	})
}

// part cuts the agent that can be relied on off from all but the first of those that are put back.
func (w *World) part(f Fault) {
	for i := 1; i < f.Count; i++ {
		host := w.undoes(f, i).host
		w.cut[w.plan.Witness][host]++
		w.cut[host][w.plan.Witness]++
	}
}

// usurp has a compromised cosigner stand for the lead until it has it, over a log that is empty.
func (w *World) usurp(c *cosigner) {
	if c.up && !c.leads && len(c.log) == 0 && !w.win(c) {
		w.after(hurry, func() { w.usurp(c) })
	}
}

// hurry is how often one that is compromised stands for the lead.
const hurry = 20 * time.Millisecond

// undoTail puts the states of some cosigners back to copies that were made while the leader among
// them was cut off, with entries at the end of its log that nobody committed. It goes on without
// those, and is not past that end yet when an agent knows of what it signed since.
func (w *World) undoTail(f Fault) {
	const tail = 30
	l := w.leader()
	if l == nil || !l.ready {
		w.after(again, func() { w.undoTail(f) })
		return
	}
	f.Host = l.id
	w.cutLinks(Fault{Kind: CutHost, Host: l.host, For: 3 * electAfter})
	for range tail {
		if l.leads {
			l.propose(nil, nil)
		}
	}
	w.after(leaseFor/2, func() {
		copies := make([]disk, f.Count)
		for i := range copies {
			copies[i] = w.undoes(f, i).copyDisk()
		}
		w.after(f.Jump/4, func() { w.putBack(f, copies) })
	})
}

// undoes is the i-th cosigner that a fault is about.
func (w *World) undoes(f Fault, i int) *cosigner { return w.cosigners[(f.Host+i)%cosigners] }

func (w *World) putBack(f Fault, copies []disk) {
	for i, d := range copies {
		if c := w.undoes(f, i); !c.up || !w.seenBeyond(c, d) {
			w.after(again, func() { w.putBack(f, copies) })
			return
		}
	}
	if f.Keep { // the power went, for all
		for id := range ours {
			w.killAgent(id, again)
		}
	}
	for i, d := range copies {
		c := w.undoes(f, i)
		c.crash()
		c.putBack(d)
		if s := c.memory.stated; f.Kind != Remake && s.Applied <= w.index(len(d.log)) {
			w.stats[Unindexed]++
		}
		w.note("%s: %s, %d entries, %d records", f.Kind, c.name, len(d.log), len(d.given))
		w.stats[Undone]++
		w.spoiled[c.id], w.undone[c.id] = true, true
		w.after(f.For, c.restart)
	}
	switch c := w.undoes(f, 0); f.Kind {
	case Strand:
		w.part(f)
	case Usurp:
		w.usurper = c
		w.after(f.For, func() { w.usurp(c) })
	}
}

// seenBeyond reports whether the agent that can be relied on has a statement of the cosigner's own
// that is beyond the copy.
func (w *World) seenBeyond(c *cosigner, d disk) bool {
	a := w.agents[w.plan.Witness]
	return a.up && slices.ContainsFunc(a.book.Current(), func(s witness.Signed) bool {
		return s.Name == c.name && s.Directory == c.record.directory &&
			(s.Applied > w.index(len(d.log)) || s.Written > uint64(len(d.given))+1)
	})
}

// boast has statements shown that no honest member made, by the agent that cannot be relied on: by
// a cosigner whose key was stolen, of itself and in the name of the others, and by strangers.
func (w *World) boast(f Fault) {
	const far = 1 << 40
	w.spoiled[f.Host] = true // it obeys what its own key signed
	thief, stranger := w.keys[f.Host], w.keys[cosigners]
	s := w.cosigners[f.Host].holding().Statement
	s.Boot, s.Applied, s.Term, s.Resets = s.Boot+far, far, far, far
	s.Newest, s.Round = watermark.Mark{Era: far, Height: far}, far>>20
	for _, s.Name = range cosignerNames {
		w.boasts = append(w.boasts, witness.Sign(thief, s), witness.Sign(stranger, s))
	}
	s.Cluster = witness.ID{2}
	w.boasts = append(w.boasts, witness.Sign(stranger, s))
	w.stats[Undone]++
	w.note("%s: the key of %s is stolen", f.Kind, cosignerNames[f.Host])
}

// dead reports whether too few cosigners are left that nothing befell from which there is no way
// back.
func (w *World) dead() bool {
	left := 0
	for _, spoiled := range w.spoiled {
		if !spoiled {
			left++
		}
	}
	return left < threshold
}

// shows is what an agent shows of what was stated.
func (a *agent) shows() []witness.Signed {
	if !a.w.plan.Witnessed {
		return nil
	}
	if a.w.plan.has(Strand) && a.id != a.w.plan.Witness {
		return nil // it hides what it knows
	}
	all := a.book.All()
	if a.id != a.w.plan.Witness {
		all = slices.Concat(all, a.w.boasts)
	}
	return all
}
