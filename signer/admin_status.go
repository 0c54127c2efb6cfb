package signer

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// endOfTime is the last second that a protobuf Timestamp can tell, in Unix milliseconds: that of a
// hold without an end.
const endOfTime = 253402300799000

// Status tells what this cosigner sees.
func (a *Admin) Status(_ context.Context, asked *cosignerv1.StatusRequest) (*cosignerv1.StatusResponse, error) {
	s := a.Signer
	lead := s.Log.Leader()
	r := &cosignerv1.StatusResponse{Leader: lead.Name, Term: lead.Term, Validator: s.Validator.String()}
	s.Log.View(func(m *machine.State) {
		roles := m.Roles()
		r.Mode, r.Active, r.Epoch = cosignerv1.Mode(roles.Mode), roles.Active, roles.Epoch
		r.Since, r.Reason, r.Cause = timestamppb.New(time.UnixMilli(roles.Since)), roles.Reason, roles.Cause
		r.Suspended = slices.Clone(roles.Suspended)
		if roles.HoldUntil > s.Now().UnixMilli() {
			r.HoldUntil = timestamppb.New(time.UnixMilli(min(roles.HoldUntil, endOfTime)))
		}
		if m.Started() {
			r.Pruned, r.Floor, r.Newest = mark(m.Table().Pruned()), mark(m.Table().Floor()), mark(m.Table().Newest())
			r.NewestRound, _ = m.Table().NewestRound()
			resets(r, m)
		}
	})
	judgement, seen := a.Judgement()
	if lead.Self {
		r.Judgement = judgementToProto(judgement)
	}
	for _, name := range a.Settings.Nodes {
		n := a.node(name, judgement.Conditions[name], seen.Nodes[name])
		if f, ok := seen.Findings[name]; ok {
			n.Fault = &cosignerv1.FaultFinding{Proof: string(f.Proof), Why: f.Why, Era: f.Era}
		}
		r.Nodes = append(r.Nodes, n)
	}
	r.Refusals = a.Recent.list()
	a.Host(r)
	// The ledger is asked, and not the log, which whoever leads writes; and after its resets were
	// counted: what it had before a reset must not count as what it holds after it.
	if asked != nil && asked.HeightsFrom != nil && r.Newest != nil {
		held := a.Held(asked.GetHeightsFrom())
		r.Seen = &cosignerv1.HeightsSeen{From: held.From, Bits: []byte(held.Bits)}
	}
	return r, nil
}

// node tells what is known of a node: its requests to this cosigner if there were any, else those
// that its agent tells of.
func (a *Admin) node(name string, c failover.Condition, seen failover.Node) *cosignerv1.NodeStatus {
	report := a.Report(name)
	n := &cosignerv1.NodeStatus{Name: name, LastPing: timestamp(seen.Heard), Ready: c.Ready, Condition: c.Code, Why: c.Why,
		Health: report.GetHealth(), Reach: report.GetReach()}
	a.Signer.mu.Lock()
	place, asked, ok := a.Signer.desk.Preference.Node(name)
	a.Signer.mu.Unlock()
	if !ok || seen.Last().After(asked) {
		place, asked = seen.Place, seen.Last()
	}
	n.LastRequest, n.Era, n.Round, n.Height = timestamp(asked), place.Era, place.Round, place.Height
	return n
}

func judgementToProto(j failover.Judgement) *cosignerv1.Judgement {
	told := &cosignerv1.Judgement{Code: j.Code, Why: j.Why, Node: j.Node, Due: timestamp(j.Due), Confirm: j.Confirm}
	if r := j.Rearm; r.Code != "" {
		told.Rearm = &cosignerv1.Rearm{Code: r.Code, Why: r.Why, Node: r.Node, Due: timestamp(r.Due)}
	}
	return told
}

// timestamp returns nil for the zero time.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func mark(m watermark.Mark) *cosignerv1.Mark { return &cosignerv1.Mark{Era: m.Era, Height: m.Height} }
