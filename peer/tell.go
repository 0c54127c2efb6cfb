package peer

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// Telling exchanges what cosigners stated with each other cosigner, over and over. Whoever of two
// can call the other tells both: so what one of them heard of an agent, or of a third, reaches any
// that is connected to it, also one whose state it refuses, and one that refuses its own.
type Telling struct {
	Others     map[string]cosignerv1.PeerServiceClient
	Statements Statements
	Every      time.Duration // between two calls of one cosigner, and how long each may take
}

// Run tells until ctx ends. One that is gone is told as soon as it is back.
func (t *Telling) Run(ctx context.Context) error {
	var g errgroup.Group
	for name, client := range t.Others {
		g.Go(func() error { t.run(ctx, name, client); return nil })
	}
	return g.Wait()
}

func (t *Telling) run(ctx context.Context, name string, client cosignerv1.PeerServiceClient) {
	tick := time.NewTicker(t.Every)
	defer tick.Stop()
	for {
		t.tell(ctx, name, client)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (t *Telling) tell(ctx context.Context, name string, client cosignerv1.PeerServiceClient) {
	ctx, cancel := context.WithTimeout(ctx, t.Every)
	defer cancel()
	r, err := client.Tell(ctx, &cosignerv1.TellRequest{Statements: t.Statements.Shown()}, grpc.WaitForReady(true))
	if err == nil { // else it is told again
		t.Statements.HeardCosigner(name, r.GetStatements())
	}
}
