package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
	"casper-cosigner/report/reporttest"
	"casper-cosigner/rule/wire"
)

// fakeAdmin is one cosigner's AdminService.
type fakeAdmin struct {
	cosignerv1.UnimplementedAdminServiceServer
	*fakes
	name string
	hash [32]byte
	file *cluster.File
}

func (a *fakeAdmin) Status(_ context.Context, r *cosignerv1.StatusRequest) (*cosignerv1.StatusResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.name == a.leader {
		a.looked()
	}
	v := proto.Clone(a.view).(*cosignerv1.StatusResponse)
	v.Name, v.ClusterFileHash, v.Leader = a.name, a.hash[:], a.leader
	if a.name != a.leader {
		v.Judgement = nil
	}
	if newest := v.GetNewest().GetHeight(); r.HeightsFrom != nil && r.GetHeightsFrom() <= newest {
		v.Seen = &cosignerv1.HeightsSeen{From: r.GetHeightsFrom(), Bits: []byte{0b101}}
	}
	a.edit(v)
	return v, nil
}

// change makes a change at the leader, on top of the epoch that the caller saw.
func (a *fakeAdmin) change(epoch uint64, c *cosignerv1.RoleChange, do func(v *cosignerv1.StatusResponse)) (uint64,
	error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.name != a.leader {
		return 0, status.Error(codes.FailedPrecondition, "this cosigner does not lead")
	}
	if epoch != a.view.Epoch {
		return 0, status.Error(codes.Aborted, "another change came first")
	}
	do(a.view)
	a.view.Epoch++
	a.view.Reason, a.view.Cause = c.Reason, "operator"
	c.Epoch, c.Cause, c.At = a.view.Epoch, "operator", reporttest.Noon.UnixMilli()
	a.history = append(a.history, c)
	return a.view.Epoch, a.fail(c.What)
}

func (a *fakeAdmin) Activate(_ context.Context, r *cosignerv1.ActivateRequest) (*cosignerv1.ActivateResponse, error) {
	n := a.node(r.GetNode())
	switch {
	case n == nil:
		return nil, status.Errorf(codes.NotFound, "no node %q in the cluster file", r.GetNode())
	case a.suspended(n.Name):
		return nil, status.Errorf(codes.FailedPrecondition, "%s is suspended: end that first (failover suspend %s --end)",
			n.Name, n.Name)
	case !n.Ready && !r.GetForce():
		return nil, status.Errorf(codes.FailedPrecondition, "%s is not ready: %s", n.Name, n.Why)
	}
	epoch, err := a.change(r.GetEpoch(), &cosignerv1.RoleChange{What: "activate",
		Subject: r.GetNode(), Reason: r.GetReason()},
		func(v *cosignerv1.StatusResponse) { v.Active = r.GetNode() })
	return &cosignerv1.ActivateResponse{Epoch: epoch}, err
}

func (a *fakeAdmin) suspended(node string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.view.Suspended, node)
}

func (a *fakeAdmin) node(name string) *cosignerv1.NodeStatus {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range a.view.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

func (a *fakeAdmin) SetMode(_ context.Context, r *cosignerv1.SetModeRequest) (*cosignerv1.SetModeResponse, error) {
	epoch, err := a.change(r.GetEpoch(), &cosignerv1.RoleChange{What: "mode",
		Subject: report.ModeName(r.GetMode()), Reason: r.GetReason()},
		func(v *cosignerv1.StatusResponse) { v.Mode = r.GetMode() })
	return &cosignerv1.SetModeResponse{Epoch: epoch}, err
}

func (a *fakeAdmin) Suspend(_ context.Context, r *cosignerv1.SuspendRequest) (*cosignerv1.SuspendResponse, error) {
	epoch, err := a.change(r.GetEpoch(), &cosignerv1.RoleChange{What: "suspend",
		Subject: r.GetNode(), Reason: r.GetReason()},
		func(v *cosignerv1.StatusResponse) {
			v.Suspended = nil
			if r.GetSuspended() {
				v.Suspended = []string{r.GetNode()}
			}
		})
	return &cosignerv1.SuspendResponse{Epoch: epoch}, err
}

func (a *fakeAdmin) Hold(_ context.Context, r *cosignerv1.HoldRequest) (*cosignerv1.HoldResponse, error) {
	epoch, err := a.change(r.GetEpoch(), &cosignerv1.RoleChange{What: "hold", Reason: r.GetReason()},
		func(v *cosignerv1.StatusResponse) {
			v.HoldUntil = &timestamppb.Timestamp{Seconds: 253402300799}
			if r.GetForMs() > 0 {
				v.HoldUntil = timestamppb.New(time.Now().Add(time.Duration(r.GetForMs()) * time.Millisecond))
			}
		})
	return &cosignerv1.HoldResponse{Epoch: epoch}, err
}

func (a *fakeAdmin) Resume(_ context.Context, r *cosignerv1.ResumeRequest) (*cosignerv1.ResumeResponse, error) {
	epoch, err := a.change(r.GetEpoch(), &cosignerv1.RoleChange{What: "resume", Reason: r.GetReason()},
		func(v *cosignerv1.StatusResponse) { v.HoldUntil = nil })
	return &cosignerv1.ResumeResponse{Epoch: epoch}, err
}

func (a *fakeAdmin) History(context.Context, *cosignerv1.HistoryRequest) (*cosignerv1.HistoryResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return &cosignerv1.HistoryResponse{Changes: slices.Clone(a.history)}, nil
}

func (a *fakeAdmin) SetFloor(_ context.Context, r *cosignerv1.SetFloorRequest) (*cosignerv1.SetFloorResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.view.Floor = r.GetFloor()
	a.history = append(a.history, &cosignerv1.RoleChange{At: reporttest.Noon.UnixMilli(), What: "floor", Cause: "operator",
		Subject: fmt.Sprintf("era %d height %d", a.view.Floor.Era, a.view.Floor.Height), Reason: r.GetReason()})
	return &cosignerv1.SetFloorResponse{Floor: r.GetFloor()}, nil
}

func (a *fakeAdmin) ResetHeights(_ context.Context,
	r *cosignerv1.ResetHeightsRequest) (*cosignerv1.ResetHeightsResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	reset, err := wire.Reset(r, "operator")
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	if err := a.file.VerifyReset(reset); err != nil {
		return nil, status.Error(codes.PermissionDenied, err.Error())
	}
	if a.reset = reset; a.name != a.leader {
		return nil, status.Error(codes.FailedPrecondition, "this cosigner does not lead")
	}
	if a.keeps {
		return &cosignerv1.ResetHeightsResponse{}, nil
	}
	if slices.Contains(r.GetWithout(), "c4") {
		return nil, status.Error(codes.NotFound, "no cosigner \"c4\" in the cluster file")
	}
	if r.GetCount() != a.view.Resets+1 {
		return nil, status.Error(codes.Aborted, "another reset came first")
	}
	a.view.Resets, a.view.LedgerResets, a.view.Newest.Height = r.GetCount(), r.GetCount(), r.GetHeight()
	a.view.LastReset = &cosignerv1.HeightReset{Height: r.GetHeight(), Until: r.GetUntil(), Network: r.GetNetwork(),
		Operator: "operator", Reason: r.GetReason(), SeenAt: r.GetSeenAt()}
	return &cosignerv1.ResetHeightsResponse{}, nil
}

func (a *fakeAdmin) SetInstance(_ context.Context,
	r *cosignerv1.SetInstanceRequest) (*cosignerv1.SetInstanceResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if slices.Contains(r.GetWithout(), "c4") {
		return nil, status.Error(codes.NotFound, "no cosigner \"c4\" in the cluster file")
	}
	a.view.Reruns = append(a.view.Reruns, &cosignerv1.Rerun{Era: r.GetEra(), Chainspec: r.GetChainspec()})
	return &cosignerv1.SetInstanceResponse{}, nil
}

func (a *fakeAdmin) ExportWatermark(_ *cosignerv1.ExportWatermarkRequest,
	out grpc.ServerStreamingServer[cosignerv1.ExportWatermarkResponse]) error {
	a.mu.Lock()
	held := slices.Clone(a.held)
	a.mu.Unlock()
	for _, h := range held {
		b, err := h.AppendBinary(nil)
		if err != nil {
			return err
		}
		if err := out.Send(&cosignerv1.ExportWatermarkResponse{Slot: describe(h.Message), Message: b,
			Node: h.node}); err != nil {
			return err
		}
	}
	return nil
}
