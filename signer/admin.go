package signer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/watermark"
)

// Admin serves AdminService. Its listener takes operators only. Changes go through the log, so only
// the leader makes them; the others say who that is.
type Admin struct {
	cosignerv1.UnimplementedAdminServiceServer
	Signer   *Signer
	Recent   *Recent
	Settings failover.Settings // by which the nodes are judged
	// Caller returns the operator at the other end of a call.
	Caller func(context.Context) (cluster.Member, bool)
	// VerifyReset must fail unless an operator signed the reset of the heights.
	VerifyReset func(watermark.Reset) error
	// Followed must return how many resets of the heights each cosigner's ledger has made, of those of
	// which that is known. It may know less than is so by now.
	Followed func() map[string]uint64
	// Held must return which heights this cosigner's ledger holds, from one on, with all that its log
	// has applied.
	Held func(from uint64) watermark.Seen
	// Cosigners are the names of all, Versions how far they can read.
	Cosigners []string
	Versions  Versions
	// Host fills in what the signer does not know: this host, its cluster file, peers and ledger.
	Host func(*cosignerv1.StatusResponse)
	// Judgement returns the last judgement of the nodes and what it was made of, both zero
	// before the first.
	Judgement func() (failover.Judgement, failover.Observation)
	// Report returns what was heard last of a node, nil if nothing. It is only read.
	Report func(node string) *cosignerv1.NodeReport
}

// Versions is what cosigners have shown of the versions of the log that they can read.
type Versions interface {
	// Unshown must return the cosigners that did not show that they can read the newest.
	Unshown() []string
	// ApplyWithout must be Log's Apply, whatever the named ones have shown.
	ApplyWithout(ctx context.Context, c machine.Command, names []string) (machine.Result, error)
}

// SetFloor refuses everything below an era and a height.
func (a *Admin) SetFloor(ctx context.Context, r *cosignerv1.SetFloorRequest) (*cosignerv1.SetFloorResponse, error) {
	if r.GetFloor() == nil {
		return nil, status.Error(codes.InvalidArgument, "no floor given")
	}
	if err := checkReason(r.GetReason()); err != nil {
		return nil, err
	}
	floor := watermark.Mark{Era: r.GetFloor().GetEra(), Height: r.GetFloor().GetHeight()}
	_, err := a.change(ctx, machine.SetFloor{Floor: floor, Reason: a.reason(ctx, r.GetReason()), At: a.now()})
	return &cosignerv1.SetFloorResponse{Floor: r.GetFloor()}, err
}

// ExportWatermark streams every slot that is held, oldest first within its kind.
func (a *Admin) ExportWatermark(_ *cosignerv1.ExportWatermarkRequest,
	out grpc.ServerStreamingServer[cosignerv1.ExportWatermarkResponse]) error {
	var held []watermark.Claim
	a.Signer.Log.View(func(m *machine.State) {
		if !m.Started() {
			return
		}
		for _, c := range m.Table().All() {
			held = append(held, c)
		}
	})
	for _, c := range held {
		b, err := c.Message.AppendBinary(nil)
		if err != nil {
			return status.Errorf(codes.Internal, "encoding %s: %v", describe(c.Message), err)
		}
		if err := out.Send(&cosignerv1.ExportWatermarkResponse{Slot: describe(c.Message), Message: b,
			Node: c.Node}); err != nil {
			return err
		}
	}
	return nil
}

// change makes a change at the leader, and returns the epoch that holds then.
func (a *Admin) change(ctx context.Context, c machine.Command) (uint64, error) {
	return a.changeWithout(ctx, c, nil)
}

// changeWithout is change, whatever the named cosigners can read.
func (a *Admin) changeWithout(ctx context.Context, c machine.Command, names []string) (uint64, error) {
	if err := a.leads(); err != nil {
		return 0, err
	}
	apply := a.Signer.Log.Apply
	if len(names) > 0 {
		if err := a.mayLeaveOut(names); err != nil {
			return 0, err
		}
		apply = func(ctx context.Context, c machine.Command) (machine.Result, error) {
			return a.Versions.ApplyWithout(ctx, c, names)
		}
	}
	result, err := apply(ctx, c)
	if errors.Is(err, machine.ErrVersion) {
		return 0, status.Errorf(codes.FailedPrecondition, "nothing was changed: %v: %s did not show that it does. Run this "+
			"release there, and ask again once it was heard; if it is lost, or broken, --without leaves it out, and it "+
			"never starts again with an older release", machine.ErrVersion, strings.Join(a.Versions.Unshown(), ", "))
	}
	if err != nil {
		return 0, status.Errorf(codes.Unavailable, "whether the change was made is not known, see `status`: %v", err)
	}
	switch {
	case result.Outcome == machine.Done:
		a.Signer.Logger.Info().Interface("change", c).Uint64("epoch", result.Epoch).Msg("changed by an operator")
		return result.Epoch, nil
	case result.Why == refusal.EpochMoved:
		return 0, status.Errorf(codes.Aborted,
			"another change came first, the epoch is %d now; look at `status` and ask again", result.Epoch)
	case result.Why == refusal.ResetMoved || result.Why == refusal.PrunedSince:
		return 0, status.Error(codes.Aborted, result.Why.String())
	case result.Why == refusal.Stale:
		return 0, status.Error(codes.Aborted, "the log has gone on too far since the operator looked, so this reset cannot "+
			"be made any more: let the chain pass these heights")
	case result.Why == refusal.BelowPruned:
		return 0, status.Error(codes.InvalidArgument, result.Why.String())
	}
	return 0, status.Errorf(codes.FailedPrecondition, "nothing was changed: %v", result.Why)
}

// mayLeaveOut refuses names of nobody, and more than the others can do without.
func (a *Admin) mayLeaveOut(names []string) error {
	left := len(a.Cosigners)
	for _, name := range a.Cosigners {
		if slices.Contains(names, name) {
			left--
		}
	}
	for _, name := range names {
		if !slices.Contains(a.Cosigners, name) {
			return status.Errorf(codes.NotFound, "no cosigner %q in the cluster file", name)
		}
	}
	if left < a.Settings.Threshold {
		return status.Errorf(codes.InvalidArgument, "without these %d cosigners are left, and %d sign", left,
			a.Settings.Threshold)
	}
	return nil
}

// leads refuses what only the leader can do.
func (a *Admin) leads() error {
	if lead := a.Signer.Log.Leader(); !lead.Self {
		return status.Errorf(codes.FailedPrecondition, "this cosigner does not lead; ask %q", lead.Name)
	}
	return nil
}

// reason puts the operator's name before the reason, so that both are in the log for good.
func (a *Admin) reason(ctx context.Context, given string) string {
	m, _ := a.Caller(ctx)
	return m.Name + ": " + given
}

func (a *Admin) known(node string) error {
	if slices.Contains(a.Settings.Nodes, node) {
		return nil
	}
	return status.Errorf(codes.NotFound, "no node %q in the cluster file: it has %s", node,
		strings.Join(a.Settings.Nodes, ", "))
}

func (a *Admin) now() int64 { return a.Signer.Now().UnixMilli() }

// recentRefusals is how many refusals status shows.
const recentRefusals = 20

// Recent keeps the last refusals for status. Its zero value is empty.
type Recent struct {
	mu   sync.Mutex
	last []*cosignerv1.RecentRefusal // newest first
}

// Add notes a refused request.
func (r *Recent) Add(e Event, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = slices.Insert(r.last, 0, &cosignerv1.RecentRefusal{
		At: timestamppb.New(at), Node: e.Node, Slot: e.Slot, Reason: fmt.Sprint(e.Err)})
	r.last = r.last[:min(len(r.last), recentRefusals)]
}

func (r *Recent) list() []*cosignerv1.RecentRefusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.last)
}
