// Package founding is what stands against founding a cluster on new state, as one cosigner knows.
//
// State that was made anew holds nothing, so nothing in it says whether this validator has signed
// already: agents and other cosigners do, with what was stated to them. [Look.Against] holds a
// founding by this cosigner, [Look.AgainstFollowing] one that another leads.
//
// It promises that a founding waits for every agent, unless an operator excused one by name, for
// every statement that says that as much was signed, unless an operator disregards it, and, once a
// node has blocks of what the cluster is to sign, for an operator's word that nobody else signed
// there. It leaves to others: who was heard, and what the founding's first entry is held against.
package founding

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/witness"
)

// named is how many things that stand against a founding are told at a time.
const named = 8

// Agent is what was heard of a node's agent.
type Agent struct {
	Node    string
	Heard   bool             // by this process
	Last    watermark.Mark   // era and height of its node's last block, as it says; zero if it does not
	Cut     int              // statements that it shows, if not all of them are looked at
	Partly  bool             // more was new in its last ping than may be verified in a second
	Unread  int              // statements in its last ping that this release cannot read
	Foreign []witness.Signed // that it shows of others than the members in this cluster
}

// Words are what an operator typed.
type Words struct {
	Without   []string // nodes as in Absent, and what they show of other clusters is not looked at
	Absent    []string // nodes whose agents are waited for no longer than at any start
	Disregard []string // short names of statements
	Stopped   bool     // lately: nothing that holds the whole key ran since this cosigner was made
}

// Look is what a cosigner knows that may stand against a founding.
type Look struct {
	First        watermark.Mark // era and height that this cosigner was made for
	Lost         string         // why its state is lost, empty if it is not
	Agents       []Agent        // all that are to be heard
	Waited, Wait time.Duration  // for them, and for how long any start waits
	Told         *witness.Book  // what the members stated
	Words        Words
	Most, Checks int // statements that are looked at of an agent, and verified in a second
	// Bringer says who showed a statement.
	Bringer func(witness.Signed) string
}

// AgainstFollowing returns nil unless something that this cosigner knows stands against a founding
// which another one leads: that one may be hostile, or know less. Once enough members state that
// their log bound something the cluster is founded, and who comes late takes part.
func (l Look) AgainstFollowing() error {
	if l.Lost == "" && l.Told.Began(l.First) {
		return nil
	}
	return l.Against()
}

// Against returns nil once nothing that this cosigner knows stands against founding the cluster.
func (l Look) Against() error {
	if l.Lost != "" {
		return errors.New(l.Lost)
	}
	faults := append(l.unheard(), l.unlooked()...)
	shown := false // by somebody: that this validator signed as far
	for _, a := range l.Agents {
		if slices.Contains(l.Words.Without, a.Node) {
			continue
		}
		faults = append(faults, l.inPart(a)...)
		faults = append(faults, l.late(a)...)
		for _, f := range witness.Hold(l.First, a.Foreign, l.Words.Disregard) {
			faults, shown = append(faults, objection("agent "+a.Node, f)), true
		}
	}
	for _, f := range witness.Hold(l.First, l.Told.Current(), l.Words.Disregard) {
		faults, shown = append(faults, objection(l.Bringer(f), f)), true
	}
	if more := len(faults) - named; more > 0 {
		faults = append(faults[:named], fmt.Sprintf("and %d more", more))
	}
	if shown {
		faults = append(faults, fmt.Sprintf("and this cosigner was made for era %d and height %d on. Stop all cosigners, "+
			"and `cosigner restate` each above all of that; or, for each statement that is false or of an abandoned network, "+
			"type `cosigner found --disregard ID` on this host", l.First.Era, l.First.Height))
	}
	if len(faults) > 0 {
		return fmt.Errorf("the cluster is not founded: %s", strings.Join(faults, "; "))
	}
	return nil
}

// unheard says of which agents it is not known what they remember. Who typed that one is not waited
// for may be mistaken, and it is up and pings in a moment: it is given the time that any start
// gives.
func (l Look) unheard() (faults []string) {
	for _, a := range l.Agents {
		excused := slices.Contains(l.Words.Without, a.Node) || slices.Contains(l.Words.Absent, a.Node)
		switch early := l.Waited < l.Wait; {
		case a.Heard:
		case early && excused:
			faults = append(faults, fmt.Sprintf("agent %s may yet be heard, for %v from this start: then what it shows that "+
				"cosigners of this cluster signed counts, though the cluster may be founded without it", a.Node, l.Wait))
		case a.Partly || a.Unread > 0: // which is told beside
		case !excused:
			faults = append(faults, fmt.Sprintf("agent %s is not heard: it may remember what was signed. Start it, or type "+
				"`cosigner found --without %s` on this host if it never served this validator", a.Node, a.Node))
		}
	}
	return faults
}

// late says that the chain has come as far as this cosigner was made for, before there is a
// cluster. Whoever holds the whole key may have signed there, and nothing but an operator's word
// tells that nobody did. One made for the chain's beginning was told that only cosigners ever sign.
func (l Look) late(a Agent) []string {
	began := a.Last.Era >= l.First.Era || a.Last.Height >= l.First.Height
	if l.First == (watermark.Mark{}) || a.Last == (watermark.Mark{}) || !began || l.Words.Stopped {
		return nil
	}
	return []string{fmt.Sprintf("the node %s is at era %d and height %d, and this cosigner was made for era %d and "+
		"height %d on: if anything that holds the whole key ran since `cosigner init` it may have signed there. If it did, "+
		"or you do not know: stop it, and `cosigner restate --from-node` each cosigner. If nothing did, type "+
		"`cosigner found --stopped` on this host; if another node shows no such blocks, `cosigner found --without %s`",
		a.Node, a.Last.Era, a.Last.Height, l.First.Era, l.First.Height, a.Node)}
}

// unlooked says that nobody told yet where the chain is, for as long as any start waits: an agent
// is often up some seconds before its node is. Then nothing speaks against the operator, who
// stopped whoever holds the whole key before he made the cosigners.
func (l Look) unlooked() []string {
	told := slices.ContainsFunc(l.Agents, func(a Agent) bool { return a.Last != (watermark.Mark{}) })
	if told || l.First == (watermark.Mark{}) || l.Words.Stopped || l.Waited >= l.Wait {
		return nil
	}
	return []string{fmt.Sprintf("no node has said yet how far the chain is; it may, for %v from this start", l.Wait)}
}

// inPart says what of an agent's statements is not looked at.
func (l Look) inPart(a Agent) (faults []string) {
	if a.Cut > 0 {
		faults = append(faults, fmt.Sprintf("agent %s shows %d statements, and %d are looked at: what is left out may say "+
			"that this validator signed. Remove those of given-up clusters from its witness.json that are below this one's "+
			"first era and height, and start it again", a.Node, a.Cut, l.Most))
	}
	if a.Unread > 0 {
		faults = append(faults, fmt.Sprintf("agent %s shows %d statements that this release cannot read: they may say that "+
			"this validator signed. Install the release that wrote its witness.json on this host, or, if it is hostile, type "+
			"`cosigner found --without %s`", a.Node, a.Unread, a.Node))
	}
	if a.Partly {
		faults = append(faults, fmt.Sprintf("agent %s shows more than %d new statements, and the rest is looked at as it "+
			"shows them again", a.Node, l.Checks))
	}
	return faults
}

func objection(from string, f witness.Signed) string {
	return fmt.Sprintf("%s shows that %v (ID %s, signed by the key %v)", from, f.Statement, f.ID(), f.Key)
}
