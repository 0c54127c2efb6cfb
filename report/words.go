package report

import (
	"cmp"
	"fmt"
	"time"
)

// Because is why the roles are as they are.
func (v Roles) Because() string {
	why := cmp.Or(v.Reason, "-")
	if v.Cause != "" {
		return v.Cause + ", " + why
	}
	return why
}

// StateOf is whether a node could be made active, or what keeps it from that.
func (v Roles) StateOf(n Node) string {
	switch {
	case v.Judgement == nil:
		return "-"
	case !n.Ready:
		return cmp.Or(n.Condition, "not ready")
	case n.Condition != "":
		return "ready, " + n.Condition
	}
	return "ready"
}

// Role is what the node is among the nodes, in words.
func (n Node) Role() string {
	role := "standby"
	if n.Active {
		role = "active"
	}
	if n.Main {
		role += ", main"
	}
	if n.Suspended {
		role += ", SUSPENDED"
	}
	return role
}

// Because writes a node's condition after what it keeps the node from.
func (n Node) Because() string {
	switch {
	case n.Condition == "":
		return ""
	case n.Why == "":
		return ": " + n.Condition
	}
	return ": " + n.Condition + ", " + n.Why
}

// Lag is how far a node is behind the one that has asked furthest.
func (n Node) Lag() string {
	switch {
	case n.LastRequest == nil:
		return "-"
	case n.LagRounds == nil:
		return "an era"
	case *n.LagRounds > 0:
		return Count(int(*n.LagRounds), "round")
	case n.LagHeights != nil && *n.LagHeights > 0:
		return Count(int(*n.LagHeights), "height")
	}
	return "none"
}

// Text says what comes next, the rule's code, and why.
func (j *Judgement) Text(at time.Time) string {
	switch {
	case j == nil:
		return "not known"
	case j.Node == "":
		return "nothing" + j.Because()
	case j.Confirm:
		return fmt.Sprintf("waiting for an operator to make %s active%s", j.Node, j.Because())
	case j.Due == nil:
		return fmt.Sprintf("%s becomes active%s", j.Node, j.Because())
	}
	return fmt.Sprintf("%s becomes active %s%s", j.Node, In(at, *j.Due), j.Because())
}

// Because writes the code and the reason after what comes of them.
func (j *Judgement) Because() string {
	if j.Why == "" {
		return " (" + j.Code + ")"
	}
	return " (" + j.Code + "): " + j.Why
}

// In writes a time to come as how long after at it is, in whole seconds and never less than is
// left.
func In(at, then time.Time) string {
	left := then.Sub(at)
	if left <= 0 {
		return "now"
	}
	return fmt.Sprintf("in %v", (left + time.Second - 1).Truncate(time.Second))
}

// Ago writes a time as how long before at it was.
func Ago(at time.Time, then *time.Time) string {
	if then == nil {
		return "-"
	}
	return fmt.Sprintf("%v ago", max(0, at.Sub(*then)).Round(time.Second))
}

// Span is a number of seconds as a duration, to the millisecond.
func Span(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second)).Round(time.Millisecond)
}
