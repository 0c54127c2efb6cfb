package report

import (
	"fmt"
	"strings"
	"time"

	"casper-cosigner/rule/failover"
)

// refusedLong is how long an active node may be refused before an operator is told: one that
// catches up asks for what is too old.
const refusedLong = time.Minute

// problem notes one thing that is wrong.
type problem func(format string, args ...any)

// conclude lists the problems and says what they come to. Without a leader, or with fewer ready
// cosigners than the threshold, which is more than half, nothing is signed.
func (s *Status) conclude() {
	note := func(format string, args ...any) { s.Problems = append(s.Problems, fmt.Sprintf(format, args...)) }
	s.cosignerProblems(note)
	ready := s.together()
	s.splitProblem(note)
	s.problems(note)
	silent := 0 // on purpose
	for _, c := range s.Cosigners {
		if c.Refused || c.Foreign {
			silent++
		}
	}
	switch {
	case silent > 0 && ready+silent >= s.Threshold && (s.Leader == "" || s.Started && ready < s.Threshold):
		note("%s not to be asked with this certificate: whether anything is signed is not known", areOf(silent))
		s.State = Unknown
	case s.Leader == "":
		note("no cosigner leads: nothing is signed")
		if s.From != "" && !s.Started {
			note("if the cluster is new, it is not started: waiting for %s", s.awaited())
		}
		s.State = NoQuorum
	case !s.Started:
		note("not started: waiting for %s; nothing is signed", s.awaited())
		s.State = NoQuorum
	case ready < s.Threshold:
		note("%d ready cosigners, %d are needed: nothing is signed", ready, s.Threshold)
		s.State = NoQuorum
	case len(s.Problems) > 0:
		s.State = Degraded
	default:
		s.State = OK
	}
}

// cosignerProblems lists what is wrong with the cosigners. Before the start none is ready, and none
// has commitments of another, which is not worth a line.
func (s *Status) cosignerProblems(note problem) {
	row := map[string]Cosigner{}
	for _, c := range s.Cosigners {
		row[c.Name] = c
	}
	for _, c := range s.Cosigners {
		switch {
		case c.Refused:
			note("cosigner %s does not take this operator's certificate: %s", c.Name, c.Error)
			continue
		case c.Foreign:
			note("cosigner %s shows a certificate that this operator's cluster file does not know, as if of another cluster: %s",
				c.Name, c.Error)
			continue
		case !c.Reachable:
			note("cosigner %s does not answer: %s", c.Name, c.Error)
			continue
		case !c.Ready && s.Started && c.HeldBack == "":
			note("cosigner %s is not ready to give %s", c.Name, c.gives())
		}
		if c.HeldBack != "" {
			note("cosigner %s: %s", c.Name, c.HeldBack)
		} else if len(c.UnheardAgents) > 0 {
			note("cosigner %s has not heard yet what the agents of %s remember", c.Name, strings.Join(c.UnheardAgents, ", "))
		}
		if !c.SameFile {
			note("cosigner %s has another cluster file than this host", c.Name)
		}
		if c.DifferingSlots > 0 {
			note("cosigner %s gives no share for %s: its ledger and the log differ",
				c.Name, Count(int(c.DifferingSlots), "slot"))
		}
		if c.LedgerBehind {
			note("cosigner %s did not follow the reset of the heights, and signs none of those: its log says whose signature "+
				"it misses; is its cluster file the same?", c.Name)
		}
		for _, p := range c.Peers {
			if p.Refuses != "" {
				note("cosigner %s is refused by %s: %s", c.Name, p.Name, p.Refuses)
			} else if other := row[p.Name]; s.Started && !p.Reachable && other.Reachable && !c.apart(other) {
				// Else it is listed once already.
				note("cosigner %s does not reach %s: %s", c.Name, p.Name, p.LastError)
			}
			if p.BadShares > 0 {
				note("cosigner %s got %s from %s", c.Name, Count(int(p.BadShares), "bad share"), p.Name)
			}
		}
	}
}

// gives is what a cosigner has to give.
func (c Cosigner) gives() string {
	if c.AttestsOnly {
		return "attestations"
	}
	return "shares"
}

func areOf(n int) string {
	if n == 1 {
		return "1 cosigner is"
	}
	return fmt.Sprintf("%d cosigners are", n)
}

// awaited says whom a cluster waits for that has not started: every cosigner must have met every
// other one.
func (s *Status) awaited() string {
	var silent []string
	for _, c := range s.Cosigners {
		if c.NotStarted != "" {
			return "an operator: " + c.NotStarted
		}
		if !c.Reachable {
			silent = append(silent, c.Name)
		}
	}
	if silent == nil {
		return "the cosigners to have met each other"
	}
	return strings.Join(silent, ", ")
}

// problems lists what is wrong with the nodes, and what waits for an operator.
func (v *Roles) problems(note problem) {
	for _, n := range v.Nodes {
		switch {
		case n.Active && n.Suspended:
			note("node %s is active and suspended", n.Name)
		case n.passive():
		case v.Judgement != nil && !n.Ready:
			note("node %s is not ready%s", n.Name, n.Because())
		case v.Judgement != nil && n.Condition != "":
			note("node %s is not well%s", n.Name, n.Because())
		}
		if n.Active && n.Health != nil && n.Health.RefusedFor != nil && *n.Health.RefusedFor > refusedLong.Seconds() {
			note("node %s is active, and all that it asks for has been refused for %v: its agent's metrics and the "+
				"cosigners' logs say why", n.Name, Span(*n.Health.RefusedFor))
		}
		n.Health.problems(n.Name, note)
		if f := n.Fault; f != nil {
			note("node %s tells that the validator equivocated in era %d: %s, %s; see `casper-cosigner failover fault show`",
				n.Name, f.Era, f.Proof, f.Why)
		}
	}
	if v.Hold != nil && (v.Cause == failover.Fault || v.Cause == failover.Unread) {
		note("roles do not change by themselves since a fault was told: %s", v.Reason)
	}
	if j := v.Judgement; j != nil && j.Confirm {
		note("node %s is to become active and waits for an operator: %s", j.Node, j.Why)
	} else if j != nil && j.Code == failover.NobodyReady {
		note("no node can take over from %s", v.Active)
	}
	if v.Judgement != nil {
		v.Judgement.Rearm.problems(note)
	}
}

// problems lists what the node's agent complains of.
func (h *Health) problems(node string, note problem) {
	if h == nil {
		return
	}
	if h.EventsError != "" {
		note("node %s: its events are not heard, so no fault of the validator would be noticed: %s", node, h.EventsError)
	}
	if h.LeftoverKey != "" {
		note("node %s: a secret key of the validator lies on its host, %s; what it signs is in nobody's record",
			node, h.LeftoverKey)
	}
	if h.Undrilled != "" {
		note("node %s: its next start may get no key: %s; `casper-cosigner gate drill` on its host", node, h.Undrilled)
	}
	if h.Unknown != "" {
		note("node %s cannot vote in this era: %s", node, h.Unknown)
	}
}
