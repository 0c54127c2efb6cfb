package world

import (
	"slices"
	"time"

	"casper-cosigner/rule/machine"
)

// The log's timing.
const (
	heartbeat   = 400 * time.Millisecond
	leaseFor    = 1200 * time.Millisecond // without a majority's word, a leader steps down
	electEvery  = 200 * time.Millisecond
	electAfter  = 1200 * time.Millisecond // a leader is missed
	electSpread = 800 * time.Millisecond
)

// appendEntries is a leader's word to a follower.
type appendEntries struct {
	from, prev     int
	term, prevTerm uint64
	entries        []entry
	commit         int
}

// appended is the follower's answer: how far its log is the leader's, or for a refusal
// how far it may be.
type appended struct {
	from, match int
	term        uint64
	ok          bool
}

// propose appends a command to the leader's log. then is called when it is applied here, never if
// leadership is lost.
func (c *cosigner) propose(command machine.Command, then func(machine.Result)) {
	c.log = append(c.log, entry{term: c.term, command: command})
	index := len(c.log)
	if then != nil {
		c.asking[index] = then
	}
	if c.w.step(c, stepProposed) {
		return
	}
	c.sync(index, func() { c.commitMajority() })
	c.replicate()
	c.w.step(c, stepSent)
}

// sync calls then once the entry is past fsync, if it still is in the log.
func (c *cosigner) sync(index int, then func()) {
	term := c.log[index-1].term
	c.flush(func() {
		if index > len(c.log) || c.log[index-1].term != term {
			return
		}
		c.synced = max(c.synced, index)
		then()
	})
}

func (c *cosigner) replicate() {
	for peer := range cosigners {
		if peer != c.id {
			c.replicateTo(peer)
		}
	}
}

func (c *cosigner) replicateTo(peer int) {
	prev := c.next[peer] - 1
	m := appendEntries{from: c.id, prev: prev, term: c.term, entries: slices.Clone(c.log[prev:]), commit: c.commit}
	if prev > 0 {
		m.prevTerm = c.log[prev-1].term
	}
	c.next[peer] = len(c.log) + 1
	to := c.w.cosigners[peer]
	c.w.post(&c.process, &to.process, func() { to.take(m) }, nil)
}

// beat is the leader's heartbeat, and where it notices that nobody follows.
func (c *cosigner) beat() {
	c.after(heartbeat, c.beat)
	if !c.leads {
		return
	}
	near := 1
	for peer := range cosigners {
		if peer != c.id && c.w.now.Sub(c.heard[peer]) <= leaseFor {
			near++
		}
	}
	if near < threshold {
		c.w.note("%s steps down: nobody follows", c.name)
		c.yield()
		c.leader = -1
		return
	}
	for peer := range cosigners {
		if peer != c.id {
			c.next[peer] = min(c.next[peer], c.match[peer]+1)
			c.replicateTo(peer)
		}
	}
}

// take is the follower's part.
func (c *cosigner) take(m appendEntries) {
	if !c.partakes() {
		return
	}
	if m.term < c.term {
		c.reply(m.from, appended{term: c.term})
		return
	}
	c.follow(m.term)
	c.leader, c.leaderAt, c.heard[m.from] = m.from, c.w.now, c.w.now
	if m.prev > len(c.log) || m.prev > 0 && c.log[m.prev-1].term != m.prevTerm {
		c.reply(m.from, appended{term: c.term, match: min(len(c.log), m.prev-1)})
		return
	}
	for i, e := range m.entries {
		index := m.prev + 1 + i
		if index <= len(c.log) {
			if c.log[index-1].term == e.term {
				continue
			}
			if index <= c.commit {
				c.w.fail("the model log is broken: %s gives up entry %d, which is committed", c.name, index)
				return
			}
			c.log, c.synced = c.log[:index-1], min(c.synced, index-1)
		}
		if c.objects(e.command) {
			return
		}
		c.w.referee.stores(c, e)
		c.log = append(c.log, e)
	}
	match := m.prev + len(m.entries)
	answer := func() { c.reply(m.from, appended{term: m.term, match: match, ok: true}) }
	if match > c.synced {
		c.sync(match, answer)
	} else {
		answer()
	}
	c.apply(min(m.commit, match))
	if !c.filled && c.applied >= m.commit {
		c.filled = true
		if c.reread && c.up {
			c.reread = false
			c.snapshot()
		}
	}
}

// follow takes up a newer term.
func (c *cosigner) follow(term uint64) {
	if term > c.term {
		c.term = term
		if c.leads {
			c.yield()
		}
	}
}

func (c *cosigner) reply(to int, a appended) {
	a.from = c.id
	leader := c.w.cosigners[to]
	c.w.post(&c.process, &leader.process, func() { leader.took(a) }, nil)
}

// took is the leader's part of the answer.
func (c *cosigner) took(a appended) {
	if a.term > c.term {
		c.follow(a.term)
		c.leader = -1
		return
	}
	if !c.leads || a.term < c.term {
		return
	}
	c.heard[a.from] = c.w.now
	if !a.ok {
		c.match[a.from] = min(c.match[a.from], a.match)
		c.next[a.from] = a.match + 1
		c.replicateTo(a.from)
		return
	}
	c.match[a.from] = max(c.match[a.from], a.match)
	c.commitMajority()
}

func (c *cosigner) commitMajority() {
	if !c.leads {
		return
	}
	c.match[c.id] = c.synced
	sorted := slices.Sorted(slices.Values(c.match[:]))
	index := sorted[cosigners-threshold]
	if index <= c.commit || c.log[index-1].term != c.term {
		return
	}
	if c.w.step(c, stepCommitted) {
		return
	}
	c.apply(index)
}

// election stands for the votes of Raft: who may lead is decided by terms and logs as there, when
// by an oracle that sees who is missed.
type election struct {
	missed time.Time // since when no leader serves a majority
	wait   time.Duration
}

func (w *World) election() {
	w.after(electEvery, w.election)
	l := w.leader()
	if l != nil && w.majority(l) != nil {
		w.elect.missed = time.Time{}
		return
	}
	if w.elect.missed.IsZero() {
		w.elect.missed = w.now
		w.elect.wait = electAfter + time.Duration(w.rng.Int64N(int64(electSpread)))
	}
	if w.now.Sub(w.elect.missed) >= w.elect.wait {
		w.elect.missed = time.Time{}
		w.vote()
	}
}

// leader returns the leader of the highest term that runs, nil if there is none.
func (w *World) leader() (l *cosigner) {
	for _, c := range w.cosigners {
		if c.runs() && c.leads && (l == nil || c.term > l.term) {
			l = c
		}
	}
	return l
}

// majority returns c and those that it can talk to, nil if they are too few.
func (w *World) majority(c *cosigner) []*cosigner {
	near := []*cosigner{c}
	for _, o := range w.cosigners {
		if o != c && o.runs() && o.partakes() && w.linked(c.host, o.host) && w.meets(c, o) {
			near = append(near, o)
		}
	}
	if len(near) < threshold {
		return nil
	}
	return near
}

// vote makes one of those that may lead the leader of a new term, drawn at random.
func (w *World) vote() {
	first := w.rng.IntN(cosigners)
	for i := range cosigners {
		c := w.cosigners[(first+i)%cosigners]
		if c.runs() && c.partakes() && w.win(c) {
			return
		}
	}
}

// win makes c leader if a majority that it can talk to votes for it: each grants only a log as
// new as its own.
func (w *World) win(c *cosigner) bool {
	near := w.majority(c)
	voters := slices.DeleteFunc(slices.Clone(near), func(o *cosigner) bool { return o.newer(c) })
	if near == nil || len(voters) < threshold {
		return false
	}
	term := uint64(0)
	for _, v := range voters {
		term = max(term, v.term)
	}
	for _, v := range voters {
		v.follow(term + 1)
		v.leader, v.leaderAt = c.id, w.now
	}
	w.stats[Elections]++
	w.note("%s leads in term %d, log of %d", c.name, c.term, len(c.log))
	c.leads, c.ready, c.match = true, false, [cosigners]int{}
	for peer := range cosigners {
		c.next[peer], c.heard[peer] = len(c.log)+1, w.now
	}
	c.desk.Preference.Lead(w.now)
	if len(c.log) == 0 {
		c.found()
		return true
	}
	c.propose(nil, nil)
	return true
}

// newer reports whether c's log is newer than o's.
func (c *cosigner) newer(o *cosigner) bool {
	mine, theirs := c.lastTerm(), o.lastTerm()
	return mine > theirs || mine == theirs && len(c.log) > len(o.log)
}

func (c *cosigner) lastTerm() uint64 {
	if len(c.log) == 0 {
		return 0
	}
	return c.log[len(c.log)-1].term
}
