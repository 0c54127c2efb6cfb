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
// they say of theirs: that is for the cosigners to judge.
type PingServer struct {
	cosignerv1.UnimplementedPingServiceServer
	// Caller returns the member at the other end of a call.
	Caller func(context.Context) (cluster.Member, bool)
	// Health says how the own node is. It must not block, and what it returned it must not
	// change any more.
	Health func(now time.Time) *cosignerv1.NodeHealth
	// Hearsay is what agents tell each other that cosigners stated. Nil: nothing.
	Hearsay Hearsay
	// Chain is what agents tell each other of the chain. Nil: nothing.
	Chain Chain
}

// Ping answers a node's agent, and PermissionDenied to anybody else.
func (s *PingServer) Ping(ctx context.Context, r *cosignerv1.PingRequest) (*cosignerv1.PingResponse, error) {
	m, ok := s.Caller(ctx)
	if !ok || m.Role != cluster.Node {
		return nil, status.Error(codes.PermissionDenied, "an agent answers the pings of agents only")
	}
	answer := &cosignerv1.PingResponse{Health: s.Health(time.Now())}
	if s.Hearsay != nil {
		s.Hearsay.HeardAgent(m.Name, r.GetStatements())
		answer.Statements = s.Hearsay.ShownToAgents()
	}
	if s.Chain != nil {
		s.Chain.Heard(m.Name, r.GetChain())
		answer.Chain = s.Chain.Facts(m.Name)
	}
	return answer, nil
}
