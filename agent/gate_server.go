package agent

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/wire"
)

// GateServer takes in what the gate of the node, and its watch, tell of it. The pings carry it on.
type GateServer struct {
	cosignerv1.UnimplementedGateServiceServer
	Node Watched
}

// Report notes what is told.
func (s *GateServer) Report(_ context.Context, r *cosignerv1.ReportRequest) (*cosignerv1.ReportResponse, error) {
	var err error
	s.Node.Gated(func(g *failover.Gate, now time.Time) { err = wire.Tell(g, r, now) })
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return &cosignerv1.ReportResponse{}, nil
}
