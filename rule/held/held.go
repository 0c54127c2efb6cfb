// Package held is the rule by which a cosigner gives a share: only for what its own copy of the log
// holds, whatever whoever asks for it says.
//
// A share may leave for a message if
//
//   - applied: the state that is applied here holds the message for its slot; or
//   - stored: the newest entry here is of the own term, was stored in it, and whoever asks leads
//     that term; and the machine, run over the applied state and all that is stored after it, holds
//     the message for its slot; and this cosigner did not stand for election in that term.
//
// It promises that such a share rests on what Raft cannot take back, as long as who leads keeps to
// Raft. What is applied was committed. As for what is only stored: the leader of a term stores an
// entry before it sends it, so that one cosigner which gives a share for a stored entry makes two
// that hold it, and t-1 make t, which is more than half of all: the entry is committed, whether or
// not anybody has noticed. That holds also when the cosigner that completes the signature gives
// shares for anything. The leader itself is not one more that holds the entry, so it waits until it
// is applied; whether it led is told by its own vote, which Raft keeps on disk before it leads.
//
// The machine is the real one, not an approximation: a claim before it in the same tail can suspend
// a node, use up its one instance of an era, or prune the slot away, and then an entry that is
// going to be committed binds nothing.
//
// It leaves to others that what it is told is on disk (raftstore), that a cosigner which gave a
// share for a slot gives none for another value even when who leads does not keep to Raft (the
// ledger, in cosigner), and what a message and a request may be (cosigner, cluster).
package held

import (
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
)

// Claim is what a share is asked for.
type Claim struct {
	Term    uint64 // in which whoever asks leads, as it says
	Index   uint64 // of an entry by which its log holds the claim; 0 if it does not say
	Slot    casper.Slot
	Message casper.Message // that fills the slot
}

// Answer is what the own log says to a claim.
type Answer uint8

// The answers. Only Waits may become another one later.
const (
	Waits  Answer = iota // not yet: the entry may come, or be applied
	Holds                // a share may leave
	Other                // the slot holds another message
	Absent               // the log goes further than Index, and the slot holds nothing
	Over                 // this cosigner is in a later term
)

// Entry is an entry of the log.
type Entry struct {
	Index, Term uint64
	Command     machine.Command // nil for one that commands nothing, as what a leader begins with
}

// Log is the end of this cosigner's own log, and what it amounts to. Its zero value is that of a
// new directory. It is not safe for concurrent use.
type Log struct {
	state *machine.State // after all that is stored; nil while that is not known

	term  uint64 // own
	stood uint64 // the last in which this cosigner voted for itself

	last uint64 // index of the newest entry
	of   uint64 // the newest entry's term, if it was stored in that very term; else 0
}

// Enter notes that the own term, which is on disk, is this one.
func (l *Log) Enter(term uint64) { l.term = max(l.term, term) }

// Stand notes that this cosigner stands for election in the term.
func (l *Log) Stand(term uint64) { l.stood = max(l.stood, term) }

// Last returns the index of the newest entry.
func (l *Log) Last() uint64 { return l.last }

// Store notes an entry that is on disk, after which there is none.
func (l *Log) Store(e Entry) {
	if e.Index != l.last+1 {
		l.state = nil
	}
	l.last, l.of = e.Index, 0
	// One that comes with another term is not the word of that term's leader, as far as can be
	// told.
	if e.Term == l.term {
		l.of = e.Term
	}
	if l.state != nil && e.Command != nil {
		l.state.Apply(e.Command)
	}
}

// Cut notes that the entries from first on are no more. They may have changed anything, so Rerun
// has to follow.
func (l *Log) Cut(first uint64) {
	if first > l.last {
		return
	}
	l.last, l.of = first-1, 0
	l.state = nil
}

// Lose notes that what the log amounts to is not known any more; Rerun has to follow.
func (l *Log) Lose() { l.state = nil }

// Known reports whether it is known what the log amounts to. If not, only what is applied counts.
func (l *Log) Known() bool { return l.state != nil }

// Rerun begins anew with a copy of the applied state, and the entries stored after it.
func (l *Log) Rerun(applied *machine.State, tail []Entry) {
	l.state = applied.Clone()
	for _, e := range tail {
		if e.Command != nil {
			l.state.Apply(e.Command)
		}
	}
}

// Judge says whether a share may leave for the claim. Applied is the state that is applied here.
func (l *Log) Judge(applied *machine.State, c Claim) Answer {
	if m, ok := lookup(applied, c.Slot); ok {
		return same(m, c.Message)
	}
	switch {
	case c.Term < l.term:
		return Over
	case !l.speaks(c.Term):
		return Waits
	}
	if m, ok := lookup(l.state, c.Slot); ok {
		return same(m, c.Message)
	}
	if c.Index > 0 && c.Index <= l.last {
		return Absent
	}
	return Waits
}

// speaks reports whether the whole log is as the leader of the term had it, and stays so while
// the term lasts.
func (l *Log) speaks(term uint64) bool {
	return l.term == term && l.of == term && l.stood != term && l.Known()
}

func lookup(s *machine.State, slot casper.Slot) (casper.Message, bool) {
	if !s.Started() {
		return nil, false
	}
	held, ok := s.Table().Lookup(slot)
	return held.Message, ok
}

func same(held, asked casper.Message) Answer {
	if held == asked {
		return Holds
	}
	return Other
}
