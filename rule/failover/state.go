package failover

import "slices"

// Mode is who gets Zug slots.
type Mode uint8

// The modes. Their numbers are part of the log.
const (
	Hot    Mode = 1 // every node; the active one is preferred
	Fenced Mode = 2 // the active node only; finality signatures still go to all
)

// String returns the mode as operators write it.
func (m Mode) String() string {
	switch m {
	case Hot:
		return "hot"
	case Fenced:
		return "fenced"
	}
	return "unknown"
}

// ForGood is the end of a hold that lasts until an operator resumes automatic changes.
const ForGood int64 = 1<<63 - 1

// KeptEvents is how many changes State.History keeps. It belongs to the version of the
// state machine.
const KeptEvents = 64

// State is the replicated part: mode and roles. Its zero value holds no active node.
type State struct {
	Mode      Mode
	Active    string
	Epoch     uint64   // changes so far
	Since     int64    // of the last change, Unix milliseconds
	Cause     string   // of the last change: Operator, or the code of a rule
	Reason    string   // for the last change, in words
	Suspended []string // sorted
	HoldUntil int64    // automatic changes are stopped until then: Unix milliseconds, or ForGood; 0 if they are not
	History   []Event  // the last KeptEvents changes, oldest first
}

// Event is one change of the state.
type Event struct {
	Epoch   uint64 // that it made
	At      int64  // Unix milliseconds
	What    string
	Subject string // the node or the mode that it is about, empty for a hold
	Era     uint64 // of a restart: in which the node is to vote; else 0
	Cause   string
	Reason  string
}

// What an Event was. These words are part of the log's snapshots.
const (
	EventActivate  = "activate"
	EventMode      = "mode"
	EventSuspend   = "suspend"
	EventUnsuspend = "unsuspend"
	EventHold      = "hold"
	EventResume    = "resume"
	EventRestart   = "restart"
)

// Change says who asks for a change of the state, against which epoch, and why.
type Change struct {
	Epoch  uint64 // that the asker saw
	Cause  string // Operator, or the code of a rule
	Reason string
	At     int64 // Unix milliseconds
}

// Activate makes the node the active one. Like the other changes it reports false, and does
// nothing, unless the epoch is still the one that the asker saw; and copies of the state made
// before keep their lists.
func (s *State) Activate(node string, c Change) bool {
	return s.change(Event{What: EventActivate, Subject: node}, c, func() { s.Active = node })
}

// SetMode switches the mode.
func (s *State) SetMode(m Mode, c Change) bool {
	return s.change(Event{What: EventMode, Subject: m.String()}, c, func() { s.Mode = m })
}

// Suspend takes the node's rights away, or gives them back.
func (s *State) Suspend(node string, suspended bool, c Change) bool {
	what := EventUnsuspend
	if suspended {
		what = EventSuspend
	}
	return s.change(Event{What: what, Subject: node}, c, func() {
		i, found := slices.BinarySearch(s.Suspended, node)
		switch {
		case suspended && !found:
			s.Suspended = slices.Insert(slices.Clone(s.Suspended), i, node)
		case !suspended && found:
			s.Suspended = slices.Delete(slices.Clone(s.Suspended), i, i+1)
		}
	})
}

// Hold stops automatic changes of roles until that time, in Unix milliseconds; 0 allows them again.
// Operators may always change roles.
func (s *State) Hold(until int64, c Change) bool {
	what := EventHold
	if until == 0 {
		what = EventResume
	}
	return s.change(Event{What: what}, c, func() { s.HoldUntil = until })
}

// Restart orders a restart of the stock node, so that it votes in that era. Nothing else changes
// but the epoch, so whoever leads next knows of it.
func (s *State) Restart(node string, era uint64, c Change) bool {
	return s.change(Event{What: EventRestart, Subject: node, Era: era}, c, func() {})
}

// MayRestart reports whether another restart of the node may be ordered in that era, by those that
// are in the history.
func (s *State) MayRestart(node string, era uint64) bool {
	last, orders := s.ordered(node)
	return last.Era < era || last.Era == era && orders < ordersInEra
}

// moved returns the epoch of the last change of mode or roles, and when that was: a restart that is
// ordered makes an epoch as well, and puts off no change of roles.
func (s *State) moved() (epoch uint64, at int64) {
	epoch, at = s.Epoch, s.Since
	for _, e := range slices.Backward(s.History) {
		switch {
		case e.What == EventRestart:
			epoch, at = e.Epoch-1, 0 // long ago, unless one before is remembered
		case epoch < s.Epoch:
			return e.Epoch, e.At
		default:
			return epoch, at
		}
	}
	return epoch, at
}

// ordered returns the last restart of the node that is in the history, zero if there is none, and
// how many there are in its era.
func (s *State) ordered(node string) (last Event, orders uint32) {
	for _, e := range slices.Backward(s.History) {
		switch {
		case e.What != EventRestart || e.Subject != node:
		case orders == 0:
			last, orders = e, 1
		case e.Era == last.Era:
			orders++
		}
	}
	return last, orders
}

func (s *State) change(e Event, c Change, do func()) bool {
	if c.Epoch != s.Epoch || c.Epoch == ^uint64(0) { // only a made-up snapshot comes there
		return false
	}
	do()
	s.Epoch, s.Since, s.Cause, s.Reason = s.Epoch+1, c.At, c.Cause, c.Reason
	kept := s.History[max(0, len(s.History)-KeptEvents+1):]
	e.Epoch, e.At, e.Cause, e.Reason = s.Epoch, c.At, c.Cause, c.Reason
	s.History = append(slices.Clone(kept), e)
	return true
}

// IsSuspended reports whether an operator suspended the node.
func (s *State) IsSuspended(node string) bool {
	_, found := slices.BinarySearch(s.Suspended, node)
	return found
}

// last returns the latest event of that kind, and whether the history has one.
func (s *State) last(what string) (Event, bool) {
	for _, e := range slices.Backward(s.History) {
		if e.What == what {
			return e, true
		}
	}
	return Event{}, false
}
