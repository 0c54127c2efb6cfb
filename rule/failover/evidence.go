package failover

import (
	"fmt"

	"casper-cosigner/rule/casper"
)

// Evidence is what a node holds for the proof of an equivocation, as far as its agent could read
// it: two ballots that are to be of one slot. Its zero value is that nothing was read.
type Evidence struct {
	Ballots [2]casper.Ballot
	Error   string // why it was not read
}

// Proof is what a fault that a node tells of comes to.
type Proof string

// The proofs, from none to one.
const (
	Unseen Proof = "unread"  // its evidence is not there, or could not be read
	TooOld Proof = "too_old" // two values of one slot under our key, in an era of which the log knows nothing
	False  Proof = "false"   // nobody signed two values of a slot with our key
	Proven Proof = "proven"  // our key signed what no cosigner was ever asked for: somebody else has it
)

// Finding is what was found of a node's evidence, when it was held against the log.
type Finding struct {
	Proof Proof
	Why   string // in words, without the node's name
	Era   uint64 // of what is Proven, by the log and not by the node's word
}

// String returns the finding in words.
func (f Finding) String() string {
	switch f.Proof {
	case TooOld:
		return "nobody can tell any more whether it is true: " + f.Why
	case False:
		return "it was looked into, and is none: " + f.Why
	case Proven:
		return "it is true: " + f.Why
	}
	return "nobody could look into it: " + f.Why
}

// Slots is the log's slots.
type Slots interface {
	// Find must say whether the ballot's era is known, and if so which it is, and whether the
	// ballot's slot holds exactly that.
	Find(b casper.Ballot) (era uint64, held, known bool)
}

// Examine looks into the evidence of every fault that a node tells of. A node's word is worth
// nothing here: what counts is signed by our key, the validator's as Casper writes it, and compared
// with the log. The log must be that of a cosigner that has caught up, or what it lacks yet seems
// to be somebody else's.
func (o *Observation) Examine(validator string, log Slots) {
	o.Findings = map[string]Finding{}
	key, err := casper.ParsePublicKey(validator)
	for name, n := range o.Nodes {
		if !n.Fault.IsZero() && err == nil {
			o.Findings[name] = n.Evidence.examine(key, log)
		}
	}
}

// examine holds two ballots against the log. Each that is ours and that the log does not hold is
// proof by itself, whatever the other one is: a peer can have casper-node 2.0.3 to 2.2.1 take a
// message of another era for one of this era, and what contradicts it then is sound.
func (e Evidence) examine(key casper.PublicKey, log Slots) Finding {
	a, b := e.Ballots[0], e.Ballots[1]
	if (a == casper.Ballot{} && b == casper.Ballot{}) {
		if e.Error == "" {
			e.Error = "its agent tells of no evidence; is unit_files set in agent.toml?"
		}
		return Finding{Proof: Unseen, Why: e.Error}
	}
	ours := 0
	for _, ballot := range e.Ballots {
		if !ballot.SignedBy(key) {
			continue
		}
		ours++
		if era, held, known := log.Find(ballot); known && !held {
			return Finding{Proof: Proven, Era: era,
				Why: fmt.Sprintf("the key signed this in era %d, and no cosigner was ever asked for it: %s", era, ballot)}
		}
	}
	switch {
	case ours < 2:
		return Finding{Proof: False, Why: fmt.Sprintf("our key signed %d of the two messages", ours)}
	case !a.Contradicts(b):
		return Finding{Proof: False, Why: "our key signed both messages, and they are not of one slot"}
	}
	return Finding{Proof: TooOld,
		Why: "our key signed two values of a slot, in an era of which the log holds nothing to compare them with"}
}

// finding is what was found of the named node's evidence.
func (l *look) finding(name string) Finding {
	if f := l.seen.Findings[name]; f.Proof != "" {
		return f
	}
	return Finding{Proof: Unseen, Why: "its evidence was not looked into yet"}
}

// open reports whether nobody can say what the fault is.
func (f Finding) open() bool { return f.Proof == Unseen || f.Proof == TooOld }
