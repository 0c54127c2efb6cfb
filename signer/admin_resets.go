package signer

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
)

// longestReason is how many bytes of a reason the log keeps for good.
const longestReason = 1000

// ResetHeights frees heights that the network took back. It is the caller's own signature that
// counts, here and at every ledger; that it came over the caller's connection is not enough.
func (a *Admin) ResetHeights(ctx context.Context,
	r *cosignerv1.ResetHeightsRequest) (*cosignerv1.ResetHeightsResponse, error) {
	if err := checkReason(r.GetReason()); err != nil {
		return nil, err
	}
	m, _ := a.Caller(ctx)
	reset, err := wire.Reset(r, m.Name)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	if err := a.VerifyReset(reset); err != nil {
		return nil, status.Error(codes.PermissionDenied, err.Error())
	}
	if err := a.followed(ctx, r.GetWithout()); err != nil {
		return nil, status.Errorf(codes.FailedPrecondition, "nothing was changed: %v", err)
	}
	_, err = a.changeWithout(ctx, machine.ResetHeights{Reset: reset, At: a.now()}, r.GetWithout())
	return &cosignerv1.ResetHeightsResponse{}, err
}

const (
	// followWithin is how long is waited for the others to state that they made the last reset: who
	// asked saw that they have, and they state it a second later. It is less than an operator waits.
	followWithin = 2 * time.Second
	followEvery  = 100 * time.Millisecond
)

// followed returns an error while a ledger is known here not to have made the last reset. The
// operator's command looks, too, but not everybody who has an operator's key need use that one; and
// it knows nothing of a cosigner that does not answer it.
func (a *Admin) followed(ctx context.Context, without []string) error {
	ctx, cancel := context.WithTimeout(ctx, followWithin)
	defer cancel()
	for {
		var resets uint64
		a.Signer.Log.View(func(m *machine.State) { resets = m.LastReset().Count })
		err := watermark.Followed(resets, a.Followed(), without)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(followEvery):
		case <-ctx.Done():
			return err
		}
	}
}

// SetInstance lets nodes vote in an era that runs again under another chainspec.
func (a *Admin) SetInstance(ctx context.Context,
	r *cosignerv1.SetInstanceRequest) (*cosignerv1.SetInstanceResponse, error) {
	if len(r.GetChainspec()) != len(casper.Hash{}) {
		return nil, status.Errorf(codes.InvalidArgument, "a chainspec hash of %d bytes, want 32", len(r.GetChainspec()))
	}
	if err := checkReason(r.GetReason()); err != nil {
		return nil, err
	}
	_, err := a.changeWithout(ctx, machine.SetInstance{Era: r.GetEra(), Chainspec: casper.Hash(r.GetChainspec()),
		Reason: a.reason(ctx, r.GetReason()), At: a.now()}, r.GetWithout())
	return &cosignerv1.SetInstanceResponse{}, err
}

func checkReason(reason string) error {
	if len(reason) > longestReason {
		return status.Errorf(codes.InvalidArgument, "a reason of %d bytes, at most %d are kept", len(reason), longestReason)
	}
	return nil
}

// resets fills in what was reset and named.
func resets(r *cosignerv1.StatusResponse, m *machine.State) {
	if last := m.LastReset(); last.Count > 0 {
		r.Resets = last.Count
		r.LastReset = &cosignerv1.HeightReset{Height: last.Height, Until: last.Until,
			Network: wire.NetworkVersionToProto(last.Network), Operator: last.Operator, Reason: last.Reason,
			SeenAt: last.SeenAt}
	}
	for era, chainspec := range m.Table().Reruns() {
		r.Reruns = append(r.Reruns, &cosignerv1.Rerun{Era: era, Chainspec: chainspec[:]})
	}
}
