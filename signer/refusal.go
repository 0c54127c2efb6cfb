package signer

import (
	"errors"
	"fmt"
	"strings"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
)

// ErrUnavailable says that nothing is known: no leader, no quorum, or an outcome that did not come in time. What was
// asked for may or may not be bound; asking again finds out.
var ErrUnavailable = errors.New("unavailable")

// ErrDisputed says that other cosigners refuse a claim that the log holds. Somebody must look; see their logs.
var ErrDisputed = errors.New("other cosigners refuse to sign what the log holds")

// Refusal is a definite no. It never leaves a signature of the refused message behind.
type Refusal struct {
	Reason cosignerv1.RefusalReason
	Detail string // for people: what happened and what to do
}

// Error returns reason and detail.
func (r *Refusal) Error() string { return fmt.Sprintf("refused, %v: %s", r.Reason, r.Detail) }

func refuse(reason cosignerv1.RefusalReason, format string, args ...any) error {
	return &Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// refuseOutcome is the table from what the state machine said to what the asker is told.
func refuseOutcome(o machine.Outcome) error {
	switch o {
	case machine.BelowFloor:
		return refuse(cosignerv1.RefusalReason_REFUSAL_REASON_BELOW_FLOOR,
			"the era or height is below the floor, so it may have been signed already; nothing to do")
	case machine.RoundTooHigh:
		return refuse(cosignerv1.RefusalReason_REFUSAL_REASON_UNSUPPORTED, "an era has at most 7200 rounds")
	case machine.OtherInstance:
		return refuse(cosignerv1.RefusalReason_REFUSAL_REASON_OTHER_INSTANCE,
			"this node asked under another instance or validator index in this era; is its chain data sound?")
	case machine.NotActive:
		return refuseVerdict(failover.NotActive)
	case machine.Suspended:
		return refuse(cosignerv1.RefusalReason_REFUSAL_REASON_SUSPENDED,
			"an operator suspended this node; `failover suspend --end` gives its rights back")
	case machine.PointTaken:
		return refuse(cosignerv1.RefusalReason_REFUSAL_REASON_TLS_POINT, "another node has this TLS key")
	case machine.TooSoon:
		return refuse(cosignerv1.RefusalReason_REFUSAL_REASON_TOO_MANY,
			"this node has registered other TLS keys within the last minute, too many; wait and try again")
	}
	return fmt.Errorf("the log answered %v: %w", o, ErrUnavailable)
}

// refuseVerdict is the same table for what the preference said.
func refuseVerdict(v failover.Verdict) error {
	if v == failover.NotActive {
		return refuse(cosignerv1.RefusalReason_REFUSAL_REASON_NOT_ACTIVE,
			"fenced mode, and another node is active; `failover promote` makes this one active")
	}
	return refuse(cosignerv1.RefusalReason_REFUSAL_REASON_NOT_PREFERRED,
		"the active node is well and has not asked this far yet; try again")
}

// Label is the reason in lower case, as metrics and the CLI write it: "refused_below_floor".
func (r *Refusal) Label() string {
	return "refused_" + strings.ToLower(strings.TrimPrefix(r.Reason.String(), "REFUSAL_REASON_"))
}
