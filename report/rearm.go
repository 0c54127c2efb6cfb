package report

import (
	"fmt"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
)

// Rearm is whether the active stock node is to be restarted so that it votes again: the rule's code
// and why.
type Rearm struct {
	Code string     `json:"code"`
	Why  string     `json:"why"`
	Node string     `json:"node,omitempty"`
	Due  *time.Time `json:"due,omitempty"`
}

func newRearm(r *cosignerv1.Rearm) *Rearm {
	if r.GetCode() == "" {
		return nil
	}
	return &Rearm{Code: r.GetCode(), Why: r.GetWhy(), Node: r.GetNode(), Due: timeOf(r.GetDue())}
}

// Text says what is to be done, the rule's code, and why.
func (r *Rearm) Text(at time.Time) string {
	what := "no restart"
	switch {
	case r.Node != "" && r.Due != nil:
		what = fmt.Sprintf("%s is to be restarted %s", r.Node, In(at, *r.Due))
	case r.Node != "":
		what = r.Node + " is to be restarted by an operator"
	}
	return fmt.Sprintf("%s (%s): %s", what, r.Code, r.Why)
}

// problems lists what keeps the validator from voting.
func (r *Rearm) problems(note problem) {
	if r == nil {
		return
	}
	switch r.Code {
	case failover.RearmSilent:
		note("the validator has no message in this era, and is evicted if none comes before it ends: %s", r.Why)
	case failover.RearmSpent, failover.RearmGone:
		note("no stock node votes, and none is restarted for that: %s", r.Why)
	default:
		if r.Node != "" && r.Due == nil {
			note("node %s casts no vote, and waits for an operator to restart it: %s", r.Node, r.Why)
		}
	}
}

// passive reports whether the node is as a stock node is that does not vote in this era, which is
// no problem beside one that does.
func (n Node) passive() bool { return !n.Active && n.Condition == failover.Out }
