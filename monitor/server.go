package monitor

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
)

// Server serves PingService to the agents. It answers what this cosigner's copy of the log
// says of the roles and of restarts of the caller's node, and whom this cosigner takes for the
// leader.
type Server struct {
	cosignerv1.UnimplementedPingServiceServer
	Monitor *Monitor
	// Caller returns the member at the other end of a call.
	Caller func(context.Context) (cluster.Member, bool)
	// Witness takes what the agents show of the cosigners' statements, and has the newest to tell.
	Witness Witness
	// Lead must return who leads, empty if nobody is known to, and the term, both of one moment.
	Lead func() (name string, term uint64)
}

// Witness is what cosigners state of their memory. Nil: nothing is stated.
type Witness interface {
	// HeardChain is told the era and height of the last block of an agent's node, before HeardAgent.
	HeardChain(node string, last watermark.Mark)
	// HeardAgent is told of each ping of a node's agent, and what came with it, unverified.
	HeardAgent(node string, all []*cosignerv1.SignedStatement)
	// Shown must return the own statement and the newest known of each other cosigner.
	Shown() []*cosignerv1.SignedStatement
}

// Ping notes the caller's account of its node. Who pings is settled by its certificate alone: an
// agent speaks for no other node than its own.
func (s *Server) Ping(ctx context.Context, r *cosignerv1.PingRequest) (*cosignerv1.PingResponse, error) {
	caller, ok := s.Caller(ctx)
	if !ok || caller.Role != cluster.Node {
		return nil, status.Error(codes.PermissionDenied, "only agents ping a cosigner")
	}
	agent := proto.Size(r) > 0 // else a program beside it that only wants to know how far the log is
	shown := r.GetStatements()
	r.Statements = nil // they say nothing of the node, and are bounded for themselves
	if agent {
		if err := s.Monitor.Ping(caller.Name, r); err != nil {
			return nil, status.Error(codes.InvalidArgument, err.Error())
		}
	}
	out := &cosignerv1.PingResponse{Roles: &cosignerv1.Roles{}}
	if s.Witness != nil {
		if agent {
			if last := r.GetHealth().GetBlock(); last != nil {
				s.Witness.HeardChain(caller.Name, watermark.Mark{Era: last.GetEra(), Height: last.GetHeight()})
			}
			s.Witness.HeardAgent(caller.Name, shown)
		}
		out.Statements = s.Witness.Shown()
	}
	out.Leader, out.Term = s.Lead()
	out.Restart = wire.Order(s.Monitor.Order(caller.Name), s.Monitor.Now())
	s.Monitor.Log.View(func(m *machine.State) {
		roles := m.Roles()
		out.Roles.Mode, out.Roles.Active, out.Roles.Epoch = cosignerv1.Mode(roles.Mode), roles.Active, roles.Epoch
	})
	return out, nil
}
