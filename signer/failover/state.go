// Package failover is the main/standby rule: which node is active, in which mode, and whose claim of a free slot is
// served now.
//
// Safety never rests on it. It decides only whose value a free slot gets and when; what a slot may hold is
// watermark's. It promises that roles change by compare-and-set on an epoch, and that a preference ends by itself when
// the preferred node is silent or behind.
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

// State is the replicated part: mode and roles. Its zero value holds no active node.
type State struct {
	Mode      Mode
	Active    string
	Epoch     uint64   // changes so far
	Since     int64    // of the last change, Unix milliseconds
	Reason    string   // for the last change
	Suspended []string // sorted
}

// Change says who asks for a change of the state, against which epoch, and why.
type Change struct {
	Epoch  uint64 // that the asker saw
	Reason string
	At     int64 // Unix milliseconds
}

// Activate makes the node the active one. Like SetMode and Suspend it reports false, and does nothing, unless the epoch
// is still the one that the asker saw.
func (s *State) Activate(node string, c Change) bool {
	return s.change(c, func() { s.Active = node })
}

// SetMode switches the mode.
func (s *State) SetMode(m Mode, c Change) bool {
	return s.change(c, func() { s.Mode = m })
}

// Suspend takes the node's rights away, or gives them back. Copies of the state made before keep their list.
func (s *State) Suspend(node string, suspended bool, c Change) bool {
	return s.change(c, func() {
		i, found := slices.BinarySearch(s.Suspended, node)
		switch {
		case suspended && !found:
			s.Suspended = slices.Insert(slices.Clone(s.Suspended), i, node)
		case !suspended && found:
			s.Suspended = slices.Delete(slices.Clone(s.Suspended), i, i+1)
		}
	})
}

func (s *State) change(c Change, do func()) bool {
	if c.Epoch != s.Epoch {
		return false
	}
	do()
	s.Epoch, s.Since, s.Reason = s.Epoch+1, c.At, c.Reason
	return true
}

// IsSuspended reports whether an operator suspended the node.
func (s *State) IsSuspended(node string) bool {
	_, found := slices.BinarySearch(s.Suspended, node)
	return found
}
