package main

import (
	"cmp"
	"fmt"
	"time"
)

// because is why the roles are as they are.
func (v rolesJSON) because() string {
	why := cmp.Or(v.Reason, "-")
	if v.Cause != "" {
		return v.Cause + ", " + why
	}
	return why
}

// stateOf is whether a node could be made active, or what keeps it from that.
func (v rolesJSON) stateOf(n nodeRow) string {
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

func (n nodeRow) role() string {
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

// lag is how far a node is behind the one that has asked furthest.
func (n nodeRow) lag() string {
	switch {
	case n.LastRequest == nil:
		return "-"
	case n.LagRounds == nil:
		return "an era"
	case *n.LagRounds > 0:
		return plural(int(*n.LagRounds), "round")
	case n.LagHeights != nil && *n.LagHeights > 0:
		return plural(int(*n.LagHeights), "height")
	}
	return "none"
}

// text says until when nothing changes by itself.
func (h *holdJSON) text(at time.Time) string {
	switch {
	case h == nil:
		return "none"
	case h.Until == nil:
		return "until failover resume"
	}
	return fmt.Sprintf("until %s, %s", h.Until.UTC().Format(time.RFC3339), in(at, *h.Until))
}

// text says what comes next, the rule's code, and why.
func (j *judgementJSON) text(at time.Time) string {
	switch {
	case j == nil:
		return "not known"
	case j.Node == "":
		return "nothing" + j.because()
	case j.Confirm:
		return fmt.Sprintf("waiting for an operator to make %s active%s", j.Node, j.because())
	case j.Due == nil:
		return fmt.Sprintf("%s becomes active%s", j.Node, j.because())
	}
	return fmt.Sprintf("%s becomes active %s%s", j.Node, in(at, *j.Due), j.because())
}

// because writes the code and the reason after what comes of them.
func (j *judgementJSON) because() string {
	if j.Why == "" {
		return " (" + j.Code + ")"
	}
	return " (" + j.Code + "): " + j.Why
}

// in writes a time to come as how long after at it is, in whole seconds and never less than is left.
func in(at, then time.Time) string {
	left := then.Sub(at)
	if left <= 0 {
		return "now"
	}
	return fmt.Sprintf("in %v", (left + time.Second - 1).Truncate(time.Second))
}

// ago writes a time as how long before at it was.
func ago(at time.Time, then *time.Time) string {
	if then == nil {
		return "-"
	}
	return fmt.Sprintf("%v ago", max(0, at.Sub(*then)).Round(time.Second))
}
