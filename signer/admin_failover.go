package signer

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
)

// longestHold is the longest time to hold for; whoever wants more says so and resumes by hand.
const longestHold = 30 * 24 * time.Hour

// Activate makes a node the active one. One that is suspended is refused, since it would be given
// nothing; one that may not have the role by failover.Condition.May is refused unless the request
// forces it.
func (a *Admin) Activate(ctx context.Context, r *cosignerv1.ActivateRequest) (*cosignerv1.ActivateResponse, error) {
	if err := a.known(r.GetNode()); err != nil {
		return nil, err
	}
	if err := a.unsuspended(r.GetNode()); err != nil {
		return nil, err
	}
	if !r.GetForce() {
		if err := a.mayActivate(r.GetNode()); err != nil {
			return nil, err
		}
	}
	epoch, err := a.change(ctx, machine.Activate{Node: r.GetNode(), Change: a.by(ctx, r)})
	return &cosignerv1.ActivateResponse{Epoch: epoch}, err
}

// unsuspended refuses a node that is suspended. Only the leader is sure to know.
func (a *Admin) unsuspended(node string) error {
	if err := a.leads(); err != nil {
		return err
	}
	suspended := false
	a.Signer.Log.View(func(m *machine.State) {
		roles := m.Roles()
		suspended = roles.IsSuspended(node)
	})
	if suspended {
		return status.Errorf(codes.FailedPrecondition, "%s is suspended: end that first (failover suspend %s --end)",
			node, node)
	}
	return nil
}

// mayActivate refuses a node that is known to be no good as the active one. Before the first
// judgement nothing is known.
func (a *Admin) mayActivate(node string) error {
	judgement, _ := a.Judgement()
	if judgement.Code == "" {
		return nil
	}
	var mode failover.Mode
	a.Signer.Log.View(func(m *machine.State) { mode = m.Roles().Mode })
	if c := judgement.Conditions[node]; !c.May(mode) {
		return status.Errorf(codes.FailedPrecondition, "%s is not ready (%s: %s)", node, c.Code, c.Why)
	}
	return nil
}

// SetMode switches between hot and fenced. To fence to a node that is gone is refused:
// nobody would sign.
func (a *Admin) SetMode(ctx context.Context, r *cosignerv1.SetModeRequest) (*cosignerv1.SetModeResponse, error) {
	mode := failover.Mode(r.GetMode())
	if mode != failover.Hot && mode != failover.Fenced {
		return nil, status.Errorf(codes.InvalidArgument, "mode %v is unknown; it is hot or fenced", r.GetMode())
	}
	if mode == failover.Fenced {
		if err := a.mayFence(); err != nil {
			return nil, err
		}
	}
	epoch, err := a.change(ctx, machine.SetMode{Mode: mode, Change: a.by(ctx, r)})
	return &cosignerv1.SetModeResponse{Epoch: epoch}, err
}

// mayFence refuses while the active node is gone. Cosigners that have not listened for long
// enough do not know.
func (a *Admin) mayFence() error {
	if err := a.leads(); err != nil {
		return err
	}
	var active string
	a.Signer.Log.View(func(m *machine.State) { active = m.Roles().Active })
	judgement, seen := a.Judgement()
	listened := a.Signer.Now().Sub(seen.Listening) >= a.Settings.After
	if seen.Reporting < a.Settings.Threshold || !listened {
		return nil
	}
	switch c := judgement.Conditions[active]; c.Code {
	case failover.Silent, failover.CutOff, failover.NodeDown, failover.Suspended:
		return status.Errorf(codes.FailedPrecondition, "the active node is gone (%s: %s), and in fenced mode "+
			"nobody else gets rounds; promote a node that is ready first", c.Code, c.Why)
	}
	return nil
}

// Suspend takes a node's rights away, or gives them back.
func (a *Admin) Suspend(ctx context.Context, r *cosignerv1.SuspendRequest) (*cosignerv1.SuspendResponse, error) {
	if err := a.known(r.GetNode()); err != nil {
		return nil, err
	}
	epoch, err := a.change(ctx, machine.Suspend{Node: r.GetNode(), Suspended: r.GetSuspended(), Change: a.by(ctx, r)})
	return &cosignerv1.SuspendResponse{Epoch: epoch}, err
}

// Hold stops automatic changes of roles, for at most 30 days or until Resume.
func (a *Admin) Hold(ctx context.Context, r *cosignerv1.HoldRequest) (*cosignerv1.HoldResponse, error) {
	until := failover.ForGood
	if ms := r.GetForMs(); ms > uint64(longestHold.Milliseconds()) {
		return nil, status.Errorf(codes.InvalidArgument, "a hold of %d days; it is at most %d, or until `failover resume`",
			ms/uint64((24*time.Hour).Milliseconds()), longestHold/(24*time.Hour))
	} else if ms > 0 {
		until = a.now() + int64(ms)
	}
	epoch, err := a.change(ctx, machine.Hold{Until: until, Change: a.by(ctx, r)})
	return &cosignerv1.HoldResponse{Epoch: epoch}, err
}

// Resume allows automatic changes of roles again.
func (a *Admin) Resume(ctx context.Context, r *cosignerv1.ResumeRequest) (*cosignerv1.ResumeResponse, error) {
	epoch, err := a.change(ctx, machine.Hold{Change: a.by(ctx, r)})
	return &cosignerv1.ResumeResponse{Epoch: epoch}, err
}

// by is what the requests for a change of roles have in common: the epoch that the
// operator saw, and why.
func (a *Admin) by(ctx context.Context, r interface {
	GetEpoch() uint64
	GetReason() string
}) failover.Change {
	return failover.Change{Epoch: r.GetEpoch(), Cause: failover.Operator, Reason: a.reason(ctx, r.GetReason()),
		At: a.now()}
}

// History tells the last changes of mode, roles and marks, as this cosigner has applied them.
func (a *Admin) History(context.Context, *cosignerv1.HistoryRequest) (*cosignerv1.HistoryResponse, error) {
	r := &cosignerv1.HistoryResponse{}
	var marks []machine.MarkChange
	a.Signer.Log.View(func(m *machine.State) {
		for _, e := range m.Roles().History {
			r.Changes = append(r.Changes, &cosignerv1.RoleChange{Epoch: e.Epoch, At: e.At, What: e.What, Subject: e.Subject,
				Era: e.Era, Cause: e.Cause, Reason: e.Reason})
		}
		marks = m.MarkChanges()
	})
	for _, c := range marks { // epochs stay in order, whatever the leaders' clocks said
		i := slices.IndexFunc(r.Changes, func(have *cosignerv1.RoleChange) bool { return have.At > c.At })
		if i < 0 {
			i = len(r.Changes)
		}
		r.Changes = slices.Insert(r.Changes, i, &cosignerv1.RoleChange{At: c.At, What: c.What, Subject: c.Subject,
			Cause: failover.Operator, Reason: c.Reason})
	}
	return r, nil
}
