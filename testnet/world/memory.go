package world

import (
	"crypto/ed25519"
	"maps"
	"slices"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/presence"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/witness"
)

// later is how long after it came a statement is held against a state whose gate is open: a
// follower learns of a commit later than others.
const later = 500 * time.Millisecond

// record is what tells one state of a cosigner from another one, on its disk.
type record struct {
	directory witness.ID
	boot      uint64 // starts on that directory
	seen      presence.Seen
	lost      bool            // this one was found to have lost something
	starts    []witness.Start // on that directory, with what the log had then
}

// memory is what a process knows of its own state, and of what others know of it.
type memory struct {
	session witness.ID
	since   time.Time       // when it started
	heard   [ours]bool      // the agents
	looked  [cosigners]look // at the others, by what they stated
	known   int             // statements that were new to it
	book    *witness.Book   // what is held against the state
	fresh   []fresh         // what is not yet
	told    *witness.Book   // what is told
	telling []witness.Signed
	stated  witness.Signed // last
	open    bool           // the gate has been open
}

// fresh is a statement that came while the gate was open.
type fresh struct {
	witness.Signed
	at time.Time
}

var clusterID = witness.ID{1}

// newID draws an id that nobody else has.
func (w *World) newID() (id witness.ID) {
	w.ids++
	id[0], id[1] = byte(w.ids), byte(w.ids>>8)
	return id
}

// keyOf is the key of a cosigner, or of the stranger, who comes last.
func keyOf(n int) ed25519.PrivateKey {
	seed := [ed25519.SeedSize]byte{byte(n + 1)}
	return ed25519.NewKeyFromSeed(seed[:])
}

// meet makes the members' keys.
func (w *World) meet() {
	w.members = witness.Members{Validator: casper.PublicKey{1}, Cluster: clusterID, Threshold: threshold,
		Keys: map[string]witness.Key{}}
	for i := range w.keys {
		w.keys[i] = keyOf(i)
	}
	for i, name := range cosignerNames {
		w.members.Keys[name] = witness.Key(w.keys[i].Public().(ed25519.PublicKey))
	}
}

// wake begins the memory of a process.
func (c *cosigner) wake() {
	if !c.w.plan.Witnessed {
		return
	}
	if c.record.directory == (witness.ID{}) {
		c.record = record{directory: c.w.newID(), seen: presence.Seen{}}
	}
	c.record.boot++
	c.memory = memory{session: c.w.newID(), since: c.w.now,
		book: witness.NewBook(c.w.members), told: witness.NewBook(c.w.members)}
	c.record.starts = append(slices.Clip(c.record.starts), // a copy of the directory goes on by itself
		witness.Start{Boot: c.record.boot, Session: c.memory.session, Opened: c.w.index(len(c.log)),
			Written: c.written()})
}

// stored is how far the log is applied and on disk. The model applies before a follower's own write
// is past fsync, which the product does not.
func (c *cosigner) stored() int { return min(c.applied, c.synced) }

func (c *cosigner) holding() witness.Holding {
	s := witness.Statement{Validator: casper.PublicKey{1}, Cluster: clusterID, Name: c.name, Directory: c.record.directory,
		Boot: c.record.boot, Session: c.memory.session, Term: c.term, Applied: c.w.index(c.stored()),
		Pruned: firstMark, Written: c.written()}
	s.Link, _ = c.linkAt(s.Written)
	if c.state.Started() {
		bound := c.state.Remembers()
		s.Newest, s.Round = watermark.Mark{Era: bound.Era, Height: bound.Height}, bound.Round
		s.Pruned = c.state.Table().Pruned()
	}
	return witness.Holding{Statement: s, Starts: c.record.starts, LinkAt: c.linkAt}
}

// testify signs how far the log has come, once it has begun and while nothing of it is lost.
func (c *cosigner) testify() {
	c.proven()
	s := c.holding().Statement
	if !c.memory.open || c.record.lost || !c.state.Started() {
		return
	}
	if s != c.memory.stated.Statement {
		c.memory.stated, c.memory.telling = witness.Sign(c.w.keys[c.id], s), nil
		_ = c.memory.told.Keep(c.memory.stated) || c.memory.told.Begin(c.memory.stated)
	}
}

// statements are what a cosigner tells agents: its own newest, and what it has of the others.
func (c *cosigner) statements() []witness.Signed {
	if !c.w.plan.Witnessed {
		return nil
	}
	if c.testify(); c.memory.telling == nil {
		own := c.memory.stated
		if c.record.lost {
			own = witness.Signed{}
		}
		c.memory.telling = c.memory.told.Shown(own)
	}
	return c.memory.telling
}

// learn takes in what was stated, and is shown by from. What comes while the gate is open counts
// later, but for what the cosigner signed itself.
func (c *cosigner) learn(from string, all []witness.Signed) {
	if !c.w.plan.Witnessed {
		return
	}
	for i, s := range all {
		m := &c.memory
		if !m.told.KeepAs(s, !witness.FirstHand(from, i, s)) {
			continue
		}
		m.telling = nil
		m.known++
		switch {
		case m.open && s.Name != c.name:
			m.fresh = append(m.fresh, fresh{s, c.w.now})
		default:
			m.book.Keep(s)
		}
	}
	c.proven()
}

// hears notes that an agent was heard: then the log may begin.
func (c *cosigner) hears(agent int, shown []witness.Signed) {
	if !c.w.plan.Witnessed {
		return
	}
	c.memory.heard[agent] = true
	c.learn("", shown)
	c.found()
}

// proven reports whether the cosigner may give shares: it has heard who may know more than it does,
// or has waited for them, and nothing that it obeys shows more than it holds. Once it has lost what
// it signed it never may.
func (c *cosigner) proven() bool {
	if !c.w.plan.Witnessed || c.usurps() {
		return true
	}
	m := &c.memory
	for len(m.fresh) > 0 && (!m.open || c.w.now.Sub(m.fresh[0].at) >= later) {
		m.book.Keep(m.fresh[0].Signed)
		m.fresh = m.fresh[1:]
	}
	verdict := c.w.rules.Witness(c.holding(), c.w.members, m.book.Current())
	if verdict.Finding == witness.Lost && !c.record.lost {
		c.record.lost, m.telling = true, nil
	}
	waits := slices.Contains(m.heard[:], false) && c.w.now.Sub(m.since) < c.w.plan.Wait
	if c.record.lost || verdict.Finding != witness.Sound || !m.open && waits {
		return false
	}
	m.open = m.open || c.state.Started()
	return true
}

// partakes reports whether the cosigner takes part in the log: not once it has lost what it signed.
func (c *cosigner) partakes() bool {
	c.proven()
	return !c.record.lost
}

// disk is all that a cosigner has on disk, at one moment.
type disk struct {
	term   uint64
	log    []entry
	ledger map[slotKey]casper.Hash
	given  []witness.ID
	record record
}

// copyDisk copies what is past fsync.
func (c *cosigner) copyDisk() disk {
	r := c.record
	r.seen = maps.Clone(r.seen)
	return disk{term: c.term, log: slices.Clone(c.log[:c.synced]), ledger: maps.Clone(c.ledger), given: c.given, record: r}
}

// putBack has the cosigner, which is down, start on another state than the one that it had.
func (c *cosigner) putBack(d disk) {
	c.term, c.log, c.synced, c.ledger, c.record = d.term, slices.Clone(d.log), len(d.log), maps.Clone(d.ledger), d.record
	c.given = d.given
	if c.ledger == nil {
		c.ledger = map[slotKey]casper.Hash{}
	}
	c.state = machine.New()
}
