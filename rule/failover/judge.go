package failover

import (
	"slices"
	"time"
)

// Act is what the leader is to do.
type Act uint8

// The acts.
const (
	Nothing  Act = iota
	Activate     // make Judgement.Node the active one
	Hold         // stop automatic changes until Judgement.Until; if that is 0, allow them again
)

// Judgement is what the state and an observation come to.
type Judgement struct {
	Code       string // of the rule that decides
	Why        string // the same in words
	Act        Act
	Until      int64                // of Hold, as State.HoldUntil
	Node       string               // that is to become active: now, at Due, or once an operator confirms; empty if none
	Due        time.Time            // of the act, on the observation's clock; zero if none is in sight
	Confirm    bool                 // the change is due, and waits for an operator
	Conditions map[string]Condition // of each node
	Rearm      Rearm                // what is to be done so that a stock node votes again; zero if the settings name none
	Orders     map[string]Order     // last restart of each node that the state orders, if this judge calls for it as well
}

// Settled reports whether the roles stand: nobody is to become active, and nothing keeps that from
// being known. An active node that the cosigners answer too late is no reason for a change; it may
// be one to lead from elsewhere.
func (j Judgement) Settled() bool {
	switch j.Code {
	case Well, ByHand, FailbackManual, Stall:
		return true
	case Blocked:
		return j.Node == "" && j.Due.IsZero()
	}
	return false
}

// Judge decides when the active node is to be replaced, and when main is to be active again.
// Whoever gives it an observation each ping interval, and one when a judgement is due, has the
// change made on time. It is not safe for concurrent use.
//
// It remembers little, and only what makes it slower to act: since when a node is ready or behind,
// since when the state is what it is, and since when an upgrade is on. A new one may therefore take
// over at any time.
type Judge struct {
	settings Settings
	memory   memory
}

// NewJudge returns a Judge that has seen nothing yet.
func NewJudge(s Settings) *Judge { return &Judge{settings: s} }

// Judge applies the rules of failover to the state and the observation at the time now, which
// never goes back.
func (j *Judge) Judge(s State, o Observation, now time.Time) Judgement {
	l := j.memory.look(j.settings, s, o, now)
	l.troubles = each(l.concerned(), l.trouble)
	l.conditions = each(l.names, l.condition)
	d := l.decide()
	d.Conditions = l.conditions
	d.Rearm = l.rearm(d)
	j.memory = l.remember()
	d.Orders = each(l.names, func(name string) Order { return j.memory.nodes[name].named() })
	return d
}

// concerned are the nodes whose trouble is looked for. The active one is among them even if the
// settings no longer name it.
func (l *look) concerned() []string {
	if active := l.state.Active; active != "" && !slices.Contains(l.names, active) {
		return append(slices.Clone(l.names), active)
	}
	return l.names
}

// each returns what is so of each node.
func each[T any](names []string, of func(name string) T) map[string]T {
	all := make(map[string]T, len(names))
	for _, name := range names {
		all[name] = of(name)
	}
	return all
}
