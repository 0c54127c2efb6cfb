// Package lead decides which cosigner an agent asks first, and which next.
//
// It promises that an agent follows a leader within a ping of its election, that one late answer of
// a leader which lives turns nobody away from it, and that a cosigner which hangs is asked no more
// once others answer pings and it does not. No single cosigner's word moves an agent for longer
// than a ping: who leads is what more than half of all cosigners say alike, whatever term anybody
// else names, so one that is compromised cannot hold an agent by claiming to lead. What it says in
// an answer is believed only while pings name nobody, and until they do.
//
// Whoever is asked passes a request on to the leader, or says no. That no is final only from the
// leader (Leads): else a compromised follower could leave a node without signatures.
//
// Belief is a function of what came of pings and requests, and of the time; to make both is its
// callers'.
package lead

import (
	"slices"
	"time"
)

const (
	// Brisk is the time between two pings of a cosigner while there is doubt about the leader.
	Brisk = 100 * time.Millisecond
	// Long is how long an answer takes at most when all is well: the shortest deadline of a node.
	Long = 250 * time.Millisecond

	slack    = 50 * time.Millisecond // that a busy host may take longer than usual to answer a ping
	doubtFor = 2 * time.Second       // after the last failure; no node pauses for longer between two requests
)

// Ping is what came of one ping of a cosigner.
type Ping struct {
	Lost   bool
	RTT    time.Duration // usual time to the answer
	Leader string        // whom it takes for the leader, empty for nobody
	Term   uint64
}

// Belief is what an agent believes of the cosigners, which are numbered from 0. New makes one. It
// is not safe for concurrent use.
type Belief struct {
	cosigners []cosigner
	first     int       // to be asked first
	since     time.Time // of a request that showed it; words from before say nothing against that
	row       int       // how many requests in a row the first was late with
	rowSince  time.Time // when it was with the first of them
	failed    time.Time // the failure that there is doubt for, zero for none
}

// cosigner is what is known of one.
type cosigner struct {
	name string
	rtt  time.Duration
	lost bool      // its last ping
	says word      // in answer to it
	seen time.Time // its last sign of life
	late time.Time // when it was last late with a request
}

// word is whom a cosigner takes for the leader.
type word struct {
	leader int // number of a cosigner, -1 for nobody
	term   uint64
	at     time.Time
}

// New returns the belief of one who knows nothing yet about the cosigners of these names.
func New(names []string) Belief {
	b := Belief{cosigners: make([]cosigner, len(names))}
	for i, name := range names {
		b.cosigners[i] = cosigner{name: name, says: word{leader: -1}}
	}
	return b
}

// First returns the number of the cosigner that a request begins with, as far as is known by now.
func (b *Belief) First() int { return b.first }

// Number returns the number of the cosigner of that name, -1 if there is none.
func (b *Belief) Number(name string) int {
	return slices.IndexFunc(b.cosigners, func(c cosigner) bool { return c.name == name })
}

// Next returns whom to ask next for a request that so much time is left for, and that those were
// asked for already which are marked as tried; ok is false when nobody else could answer it in
// time. Each is tried once: when none leads, the node is better served by a quick no than by a late
// one. Who is silent is not tried at all, since others are there that pass requests on.
func (b *Belief) Next(tried []bool, left time.Duration, now time.Time) (next int, ok bool) {
	if b.silent(b.first, now) {
		b.turn(now)
	}
	again := slices.Contains(tried, true)
	for k := range b.cosigners {
		i := (b.first + k) % len(b.cosigners)
		if late := again && left <= b.cosigners[i].rtt; !tried[i] && !late && !b.silent(i, now) {
			return i, true
		}
	}
	return 0, false
}

// Pinged notes what came of a ping of cosigner i.
func (b *Belief) Pinged(i int, p Ping, now time.Time) {
	c := &b.cosigners[i]
	if p.Lost {
		if !c.lost && i == b.first {
			b.failed = now
		}
		c.lost, c.says = true, word{leader: -1}
		return
	}
	c.lost, c.seen, c.rtt = false, now, p.RTT
	c.says = word{leader: b.Number(p.Leader), term: p.Term, at: now}
	named := b.named(b.since)
	if named < 0 || b.silent(named, now) {
		return
	}
	if named != b.first {
		b.first, b.row = named, 0
	}
	if b.confirmed(b.failed) {
		b.failed = time.Time{}
	}
}

// Leads reports whether more than half of the cosigners name cosigner i as the leader, by the last
// ping of each.
func (b *Belief) Leads(i int) bool { return b.named(time.Time{}) == i }

// Answered notes that cosigner i answered a request, and which cosigner it says has decided. If
// pings say otherwise that is no more than a reason to ping anew: it may lie.
func (b *Belief) Answered(i int, decider string, now time.Time) {
	c := &b.cosigners[i]
	c.lost, c.seen = false, now
	b.row, b.failed = 0, time.Time{}
	d, named := b.Number(decider), b.named(time.Time{})
	switch {
	case d < 0:
	case named >= 0 && d != named:
		b.failed = now
	case d != b.first:
		b.move(d, now)
	}
}

// Late notes that cosigner i has not answered a request for as long as a node waits, or that its
// time is over. If that was little, it says nothing; nor does it if the request was made before
// cosigner i was last late.
//
// A leader that is far away is late at times, and whoever turned away from it would be late with
// the next request too. So it is left after two in a row, or as soon as it is silent; not at all
// while it answers pings and more than half of the cosigners go on to name it: nobody else could do
// better then.
func (b *Belief) Late(i int, asked, now time.Time) {
	c := &b.cosigners[i]
	if now.Sub(asked) < Long/2 || !asked.After(c.late) {
		return
	}
	b.failed, c.late = now, now
	if i != b.first {
		return
	}
	if b.row++; b.row == 1 {
		b.rowSince = now
	}
	if b.row > 1 && !b.confirmed(b.rowSince) {
		b.turn(now)
	}
}

// Gone notes that cosigner i could do nothing for a request, and said so at once.
func (b *Belief) Gone(i int, now time.Time) {
	b.failed = now
	if i == b.first {
		b.turn(now)
	}
}

// Left reports whether a request that waits for cosigner i waits in vain: it has fallen silent.
func (b *Belief) Left(i int, now time.Time) bool { return b.silent(i, now) }

// Doubts reports whether pings are to be brisk, because requests failed and it is not known yet who
// leads instead.
func (b *Belief) Doubts(now time.Time) bool {
	return !b.failed.IsZero() && now.Sub(b.failed) < doubtFor
}

// turn turns from the first to the next.
func (b *Belief) turn(now time.Time) { b.move((b.first+1)%len(b.cosigners), now) }

// move makes another cosigner the first because a request showed that it should be. What was said
// before that is out of date; but once only until more than half have been heard anew, or those
// that name each other in their answers in turn would never let the others be heard.
func (b *Belief) move(to int, now time.Time) {
	if b.since.IsZero() || b.named(b.since) >= 0 {
		b.since = now
	}
	b.first, b.row = to, 0
}

// silent reports whether cosigner i does not answer pings, though another one does: its last ping
// was lost, or none was answered since it was late with a request, for as long as two take as a
// rule: one may have been under way.
func (b *Belief) silent(i int, now time.Time) bool {
	c := &b.cosigners[i]
	since := c.late
	switch {
	case c.lost:
		since = time.Time{}
	case since.IsZero() || !c.seen.Before(since) || now.Sub(since) < 2*c.rtt+slack:
		return false
	}
	return slices.ContainsFunc(b.cosigners, func(o cosigner) bool {
		return o.name != c.name && !o.says.at.IsZero() && !o.says.at.Before(since)
	})
}

// named returns whom more than half of all cosigners named after that time, as the leader of one
// and the same term; -1 if there is none. A term alone counts for nothing, however high it is.
func (b *Belief) named(after time.Time) int {
	for _, c := range b.cosigners {
		voices := 0
		for _, o := range b.cosigners {
			if o.says.leader == c.says.leader && o.says.term == c.says.term && o.says.at.After(after) {
				voices++
			}
		}
		if c.says.leader >= 0 && 2*voices > len(b.cosigners) {
			return c.says.leader
		}
	}
	return -1
}

// confirmed reports whether pings after that time say that the first lives, and leads.
func (b *Belief) confirmed(after time.Time) bool {
	return b.named(after) == b.first && b.cosigners[b.first].seen.After(after)
}
