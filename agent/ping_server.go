package agent

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// PingServer answers the other agents' pings with how the own node is. It keeps nothing of what
// they say: that is for the cosigners to judge.
type PingServer struct {
	cosignerv1.UnimplementedPingServiceServer
	// Caller returns the member at the other end of a call.
	Caller func(context.Context) (cluster.Member, bool)
	// Health says how the own node is. It must not block, and what it returned it must not
	// change any more.
	Health func(now time.Time) *cosignerv1.NodeHealth
}

// Ping answers a node's agent, and PermissionDenied to anybody else.
func (s *PingServer) Ping(ctx context.Context, _ *cosignerv1.PingRequest) (*cosignerv1.PingResponse, error) {
	if m, ok := s.Caller(ctx); !ok || m.Role != cluster.Node {
		return nil, status.Error(codes.PermissionDenied, "an agent answers the pings of agents only")
	}
	return &cosignerv1.PingResponse{Health: s.Health(time.Now())}, nil
}
