package machine

import (
	"fmt"
	"slices"
	"strings"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/watermark"
)

// What an operator changed of the marks. These words are part of the log's snapshots.
const (
	markFloor    = "floor"
	markReset    = "reset-heights"
	markInstance = "instance"
)

// How many changes of the marks are kept, and how much of a reason. They belong to the version of
// the state machine.
const (
	KeptMarkChanges = 16
	keptReason      = 1000 // bytes
)

// MarkChange is a change of the marks by an operator, for whoever asks later why.
type MarkChange struct {
	At      int64  // leader's wall clock, Unix milliseconds
	What    string // floor, reset-heights or instance
	Subject string // what it was set to
	Reason  string // operator's name and words, the end of a long one cut off
}

// MarkChanges returns the last changes of the marks, oldest first; none of before the version that
// keeps them.
func (s *State) MarkChanges() []MarkChange { return slices.Clone(s.marks) }

// changedMarks keeps a change that was made. Copies of the state made before keep their list.
func (s *State) changedMarks(c MarkChange) Result {
	if s.version >= withResets {
		c.Reason = strings.ToValidUTF8(c.Reason[:min(len(c.Reason), keptReason)], "") // a letter may be cut in two
		kept := s.marks[max(0, len(s.marks)-KeptMarkChanges+1):]
		s.marks = append(slices.Clone(kept), c)
	}
	return Result{Outcome: Done}
}

func floorChange(c SetFloor) MarkChange {
	return MarkChange{At: c.At, What: markFloor, Subject: fmt.Sprintf("era %d height %d", c.Floor.Era, c.Floor.Height),
		Reason: c.Reason}
}

func resetChange(r watermark.Reset, at int64) MarkChange {
	return MarkChange{At: at, What: markReset,
		Subject: fmt.Sprintf("height %d to %d, for protocol version %v", r.Height, r.Until, r.Network),
		Reason:  r.Operator + ": " + r.Reason}
}

func instanceChange(i SetInstance) MarkChange {
	return MarkChange{At: i.At, What: markInstance, Subject: fmt.Sprintf("era %d chainspec %v", i.Era, i.Chainspec),
		Reason: i.Reason}
}

func marksToProto(marks []MarkChange) (out []*cosignerv1.RoleChange) {
	for _, c := range marks {
		out = append(out, &cosignerv1.RoleChange{At: c.At, What: c.What, Subject: c.Subject, Reason: c.Reason})
	}
	return out
}

// marksFromProto returns what a snapshot's header says of changes of the marks.
func marksFromProto(h *cosignerv1.SnapshotHeader) (marks []MarkChange, err error) {
	if h.Version < withResets && len(h.Marks) > 0 || len(h.Marks) > KeptMarkChanges {
		return nil, fmt.Errorf("%d changes of marks in a snapshot of version %d", len(h.Marks), h.Version)
	}
	for _, c := range h.Marks {
		switch c.What {
		case markFloor, markReset, markInstance:
		default:
			return nil, fmt.Errorf("a change of the marks of the kind %q", c.What)
		}
		if len(c.Reason) > keptReason {
			return nil, fmt.Errorf("a reason of %d bytes", len(c.Reason))
		}
		marks = append(marks, MarkChange{At: c.At, What: c.What, Subject: c.Subject, Reason: c.Reason})
	}
	return marks, nil
}
