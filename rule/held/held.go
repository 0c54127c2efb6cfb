// Package held is the rule by which a cosigner gives a share: only for what its own copy of the log
// holds, whatever whoever asks for it says.
//
// A share may leave for a message, as a node asked for it, if
//
//   - applied: the state that is applied here holds the message for its slot; or
//   - stored: whoever asks sent the newest entry that is stored here, as the leader of the term
//     that is the own one and the entry's; and the machine, run over the applied state and all that
//     is stored after it, holds the message for its slot. Nobody sends to itself.
//
// It promises that such a share rests on what Raft cannot take back, as long as who leads keeps to
// Raft. What is applied was committed. What is only stored is on two disks at least: a leader
// stores an entry before it sends it. So of 2 of 3 cosigners one share that is given so proves the
// entry committed, whoever completes the signature, be it one that gives shares for anything; and
// of t of n the t-1 shares that a leader is given by others do, with its own disk. The leader's own
// share proves nothing, so it waits until the entry is applied.
//
// A nonce is used only for whoever leads the own term (Lead.Heeds). That is of no concern to what
// is signed. It is because of a machine that is put back with its memory: it uses its nonces again,
// and whoever can ask it for other challenges each time computes its share.
//
// A height is judged only by a state in which the heights were reset as often as in this cosigner's
// ledger: the two are brought together one after the other.
//
// The machine is the real one, not an approximation: a claim before it in the same tail can suspend
// a node, use up its one instance of an era, or prune the slot away, and then an entry that is
// going to be committed binds nothing.
//
// It leaves to others that what it is told is on disk (raftstore), that a cosigner which gave a
// share for a slot gives none for another value even when who leads does not keep to Raft (the
// ledger, in cosigner), and what a message and a request may be, and that the node signed it with
// its date (cosigner, cluster).
package held

import (
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// Claim is what a share is asked for.
type Claim struct {
	Asker   string // who asks, as proven; the own name for the own share
	Term    uint64 // in which it leads, as it says
	Index   uint64 // of an entry by which its log holds the claim; 0 if it does not say
	Slot    casper.Slot
	Message casper.Message // that fills the slot
	Node    string         // that asked for it, as it signed
	AskedAt uint64         // when, as it signed
	Resets  uint64         // of the heights that this cosigner's ledger has made
}

// follows reports whether the ledger has made the resets of the heights that the state holds. Until
// then a height may hold one value in the state and another in the ledger, and what were claimed in
// the ledger now the reset would make it forget.
func (c Claim) follows(s *machine.State) bool {
	return !c.Slot.OfHeight() || s.LastReset().Count == c.Resets
}

// Answer is what the own log says to a claim.
type Answer uint8

// The answers. Only Waits may become another one later.
const (
	Waits    Answer = iota // not yet: the entry may come, or be applied
	Holds                  // a share may leave
	Other                  // the slot holds another message
	Absent                 // the log goes further than Index, and the slot holds nothing
	Over                   // this cosigner is in a later term
	Redated                // the slot holds this message, by a request of another node or date
	Stranger               // another one leads
)

// Entry is an entry of the log.
type Entry struct {
	Index, Term uint64
	From        string          // leader that sent it, or the own name; empty if that is not known
	Version     uint32          // of the state machine that it was written for
	Command     machine.Command // nil for one that commands nothing, as what a leader begins with
}

func (e Entry) apply(s *machine.State) {
	if e.Command != nil {
		s.ApplyAt(machine.Place{Index: e.Index, Version: e.Version}, e.Command)
	}
}

// Log is the end of this cosigner's own log, and what it amounts to. New makes one. It is not safe
// for concurrent use.
type Log struct {
	name  string         // of this cosigner
	state *machine.State // after all that is stored; nil while that is not known
	term  uint64         // own
	last  uint64         // index of the newest entry
	from  string         // leader of the own term that sent it; empty if it is of an earlier one
}

// New returns the empty log of the named cosigner.
func New(name string) *Log { return &Log{name: name} }

// Begin takes up a log as it is found on disk: the own term and the index of the newest entry. Who
// sent that is not known any more, and what the log amounts to not before Rerun.
func (l *Log) Begin(term, last uint64) {
	l.state, l.term, l.last, l.from = nil, term, last, ""
}

// Enter notes that the own term, which is on disk, is this one.
func (l *Log) Enter(term uint64) {
	if term > l.term {
		l.term, l.from = term, ""
	}
}

// Last returns the index of the newest entry.
func (l *Log) Last() uint64 { return l.last }

// Store notes an entry that is on disk, and after which there is none.
func (l *Log) Store(e Entry) {
	if e.Index != l.last+1 {
		l.state = nil
	}
	if l.state != nil {
		e.apply(l.state)
	}
	l.last, l.from = e.Index, ""
	if e.Term == l.term {
		l.from = e.From
	}
}

// Cut notes that the entries from first on are no more. They may have changed anything, so Rerun
// has to follow.
func (l *Log) Cut(first uint64) {
	if first <= l.last {
		l.state, l.last, l.from = nil, first-1, ""
	}
}

// Lose notes that what the log amounts to is not known any more; Rerun has to follow.
func (l *Log) Lose() { l.state = nil }

// Known reports whether it is known what the log amounts to. If not, only what is applied counts.
func (l *Log) Known() bool { return l.state != nil }

// Rerun begins anew with a copy of the applied state, and the entries stored after it.
func (l *Log) Rerun(applied *machine.State, tail []Entry) {
	l.state = applied.Clone()
	for _, e := range tail {
		e.apply(l.state)
	}
}

// Judge says whether a share may leave for the claim. Applied is the state that is applied here.
func (l *Log) Judge(applied *machine.State, c Claim) Answer {
	if !c.follows(applied) {
		return Waits
	}
	if has, ok := lookup(applied, c.Slot); ok {
		return c.same(has)
	}
	switch {
	case c.Term < l.term:
		return Over
	case !l.speaks(c) || !c.follows(l.state):
		return Waits
	}
	if has, ok := lookup(l.state, c.Slot); ok {
		return c.same(has)
	}
	if c.Index > 0 && c.Index <= l.last {
		return Absent
	}
	return Waits
}

// speaks reports whether whoever asks is the leader by whose word the whole log is as it is, and
// stays so while its term lasts.
func (l *Log) speaks(c Claim) bool {
	return l.Known() && c.Term == l.term && c.Asker == l.from && c.Asker != "" && c.Asker != l.name
}

func lookup(s *machine.State, slot casper.Slot) (watermark.Claim, bool) {
	if !s.Started() {
		return watermark.Claim{}, false
	}
	return s.Table().Lookup(slot)
}

// same compares what a slot holds with what is asked for. An honest leader asks for exactly what
// its log holds, whoever asked again since and whenever that was.
func (c Claim) same(has watermark.Claim) Answer {
	switch {
	case has.Message != c.Message:
		return Other
	case has.Node != c.Node || has.AskedAt != c.AskedAt:
		return Redated
	}
	return Holds
}
