package report

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// Hold is until when no role changes by itself.
type Hold struct {
	Until *time.Time `json:"until,omitempty"` // absent: until failover resume
}

// endOfTime is the last second of a protobuf Timestamp, in Unix time; who holds until then holds
// for good.
const endOfTime = 253402300799

// HoldOf returns until when automatic changes are stopped, nil if they are not.
func HoldOf(until *timestamppb.Timestamp) *Hold {
	switch {
	case until == nil:
		return nil
	case until.GetSeconds() >= endOfTime:
		return &Hold{}
	}
	return &Hold{Until: timeOf(until)}
}

// ForGood reports whether nothing changes by itself until an operator allows it again.
func (h *Hold) ForGood() bool { return h != nil && h.Until == nil }

// Outlasts reports whether nothing changes by itself until then, and still not after it.
func (h *Hold) Outlasts(then time.Time) bool {
	return h != nil && (h.Until == nil || h.Until.After(then))
}

// Text says until when nothing changes by itself.
func (h *Hold) Text(at time.Time) string {
	switch {
	case h == nil:
		return "none"
	case h.Until == nil:
		return "until failover resume"
	}
	return fmt.Sprintf("until %s, %s", h.Until.UTC().Format(time.RFC3339), In(at, *h.Until))
}
