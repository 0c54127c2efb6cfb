package report

import (
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/wire"
)

// Fault is an equivocation of the validator that a node tells of, and what was found of it.
type Fault struct {
	Node      string     `json:"node"`
	At        *time.Time `json:"at,omitempty"` // when its agent heard of it first
	Era       uint64     `json:"era"`          // that the node names
	Proof     string     `json:"proof"`        // unread, too_old, false or proven
	Why       string     `json:"why"`
	ProvenEra *uint64    `json:"proven_era,omitempty"` // of the message that no cosigner was asked for, by the log
	Messages  []Message  `json:"messages"`             // that are to contradict each other, as the node's agent shows them
}

// Message is an echo or a vote that a node holds.
type Message struct {
	Instance  string `json:"instance"`
	Round     uint32 `json:"round"`
	Validator uint32 `json:"validator_index"`
	Content   string `json:"content"`
	Signature string `json:"signature"`
}

// Faults is all that the nodes tell of, and until when roles are held. Except for From, which names
// the cosigner whose view it is, it is that of a status.
type Faults struct {
	Schema string    `json:"schema"`
	At     time.Time `json:"at"`
	From   string    `json:"from"`
	Hold   *Hold     `json:"hold,omitempty"` // absent: roles may change by themselves
	Cause  string    `json:"cause"`          // of the last change of roles, which the hold may be
	Reason string    `json:"reason"`
	Faults []Fault   `json:"faults"`
}

// NewFaults is the part of a status that is about faults.
func NewFaults(s Status) Faults {
	v := Faults{Schema: Schema, At: s.At, From: s.From, Hold: s.Hold, Cause: s.Cause, Reason: s.Reason, Faults: []Fault{}}
	for _, n := range s.Nodes {
		if n.Fault != nil {
			v.Faults = append(v.Faults, *n.Fault)
		}
	}
	return v
}

// newFault returns nil if the node tells of none. A cosigner of an older release finds nothing out.
func newFault(n *cosignerv1.NodeStatus, told *time.Time) *Fault {
	h := n.GetHealth()
	if h == nil || h.FaultAgoMs == nil {
		return nil
	}
	f := &Fault{Node: n.GetName(), Era: h.GetFaultEra(), Proof: n.GetFault().GetProof(), Why: n.GetFault().GetWhy(),
		Messages: []Message{}}
	if told != nil {
		f.At = before(*told, h.FaultAgoMs)
	}
	if f.Proof == "" {
		f.Proof, f.Why = string(failover.Unseen), "this cosigner did not look into it"
	}
	if era := n.GetFault().GetEra(); f.Proof == string(failover.Proven) {
		f.ProvenEra = &era
	}
	for _, told := range h.GetFaultEvidence().GetBallots() {
		if b, ok := wire.Ballot(told); ok {
			f.Messages = append(f.Messages, Message{Instance: b.Instance.String(), Round: b.Round, Validator: b.Validator,
				Content: b.Content(), Signature: b.Signature.String()})
		}
	}
	return f
}

// Advice says what an operator is to do.
func (f Fault) Advice() string {
	switch failover.Proof(f.Proof) {
	case failover.Proven:
		return "somebody else signs with the validator's key, and a hold keeps roles, not signatures: stop all our nodes, " +
			"find out who holds the key and end that, set the floor with casper-cosigner watermark floor --from-node " +
			"(docs/recovery.md, \"The floor\"), start the nodes once the chain is in the floor's era, and then " +
			"casper-cosigner failover resume. The era's end evicts the validator: activate the bid again"
	case failover.False:
		return "nothing is held. A peer showed the node something false, or the node lies: casper-node 2.2.2 does not " +
			"believe it any more; if it is the node that lies, casper-cosigner failover suspend " + f.Node
	case failover.TooOld:
		return "the log knows nothing of that era: compare the messages with what your nodes' unit files hold of it, and " +
			"find out whether anybody else held the key then"
	}
	return "let the agent of " + f.Node + " read the node's unit files (unit_files in agent.toml, docs/operating.md); " +
		"until then look for yourself whether anybody else has the key"
}
