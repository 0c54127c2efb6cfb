package peer

import (
	"context"
	"errors"
	"fmt"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// Barriers gets barriers from whoever leads, this cosigner or another.
type Barriers struct {
	Name   string        // this cosigner
	Log    Log           // its copy of the log
	Leader func() string // who leads, empty if nobody is known to
	Others map[string]cosignerv1.PeerServiceClient
}

// Barrier returns an index by which the log holds every claim made so far.
func (b *Barriers) Barrier(ctx context.Context) (uint64, error) {
	leader := b.Leader()
	if leader == b.Name {
		return b.Log.Barrier(ctx)
	}
	client, ok := b.Others[leader]
	if !ok {
		return 0, errors.New("no leader")
	}
	r, err := client.Barrier(ctx, &cosignerv1.BarrierRequest{})
	if err != nil {
		return 0, fmt.Errorf("asking %q for a barrier: %w", leader, err)
	}
	return r.GetIndex(), nil
}
