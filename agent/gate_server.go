package agent

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/wire"
)

// GateServer takes in what the gate of the node, and its watch, tell of it. The pings carry it on.
type GateServer struct {
	cosignerv1.UnimplementedGateServiceServer
	Node Watched
	// Waits must return how long the gate may wait for a grant. It must not block.
	Waits func(now time.Time) failover.Waits
	// Signed is told of each message that the node was granted, as its gate says. It verifies what it
	// keeps, and must not block.
	Signed func(casper.Ballot)
	Boot   uint64 // another one after each start of the agent
}

// mostStored is how many messages one call tells of.
const mostStored = 256

// Stored takes what the gate stored. Who reads it believes nobody: a gate claims it again.
func (s *GateServer) Stored(_ context.Context, r *cosignerv1.StoredRequest) (*cosignerv1.StoredResponse, error) {
	for _, told := range r.GetBallots()[:min(len(r.GetBallots()), mostStored)] {
		if b, ok := wire.Ballot(told); ok {
			s.Signed(b)
		}
	}
	return &cosignerv1.StoredResponse{}, nil
}

// Report notes what is told, and answers how long the gate may wait.
func (s *GateServer) Report(_ context.Context, r *cosignerv1.ReportRequest) (*cosignerv1.ReportResponse, error) {
	var err error
	var at time.Time
	s.Node.Gated(func(g *failover.Gate, now time.Time) { at, err = now, wire.Tell(g, r, now) })
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	waits := s.Waits(at)
	waits.Boot = s.Boot
	return wire.Waits(waits), nil
}
