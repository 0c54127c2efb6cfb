package signer

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/turn"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
)

// Server serves SignerService, and ClaimService to nodes that sign themselves. A cosigner that does
// not lead passes requests on to the one that does, one hop.
type Server struct {
	cosignerv1.UnimplementedSignerServiceServer
	cosignerv1.UnimplementedClaimServiceServer
	Signer *Signer
	Name   string // of this cosigner
	// Caller returns the member at the other end of a call.
	Caller func(context.Context) (cluster.Member, bool)
	// Peer returns a client of the named cosigner.
	Peer func(name string) (cosignerv1.SignerServiceClient, bool)
	// PeerClaims does for claims.
	PeerClaims func(name string) (cosignerv1.ClaimServiceClient, bool)

	mu      sync.Mutex
	pending map[string]int // requests of each node that are being answered
}

// maxPending is how many requests of one node are answered at a time. A node has a handful, and two
// a peer when it starts; the bound keeps one that floods from starving the other.
const maxPending = 128

// enter counts a request in, or refuses it. Each request that was let in must leave.
func (s *Server) enter(node string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending[node] >= maxPending {
		return refuse(refusal.TooMany, "%d requests of this node are waiting; ask again", maxPending)
	}
	if s.pending == nil {
		s.pending = map[string]int{}
	}
	s.pending[node]++
	return nil
}

func (s *Server) leave(node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending[node]--; s.pending[node] == 0 {
		delete(s.pending, node)
	}
}

// Sign answers one request.
func (s *Server) Sign(ctx context.Context, r *cosignerv1.SignRequest) (*cosignerv1.SignResponse, error) {
	if err := s.authorize(ctx, r.GetNode(), r.GetForwarded()); err != nil {
		return nil, err
	}
	response := &cosignerv1.SignResponse{DecidedBy: s.Name}
	if err := s.enter(r.GetNode()); err != nil {
		return refused(response, err)
	}
	defer s.leave(r.GetNode())
	if leader, ok, err := elsewhere(s, r.GetForwarded(), s.Peer); err != nil {
		return nil, err
	} else if ok {
		r.Forwarded = true
		return leader.Sign(ctx, r)
	}
	message, err := wire.Message(r)
	if err != nil {
		err = refuse(refusal.Malformed, "%v", err)
		s.Signer.Observe(Event{Node: r.GetNode(), Slot: "unreadable", Err: err})
		return refused(response, err)
	}
	request := watermark.Claim{Message: message, Node: r.GetNode()}
	if request.AskedAt, err = s.asked(r, request.Signature[:]); err != nil {
		return refused(response, refuse(refusal.BadSignature, "%v", err))
	}
	answer, err := s.Signer.Sign(ctx, request)
	if err != nil {
		return refused(response, err)
	}
	if answer.Message != message {
		response.Answer = &cosignerv1.SignResponse_Bound{Bound: wire.Bound(answer.Message, answer.Signature)}
		return response, nil
	}
	response.Answer = &cosignerv1.SignResponse_Signed{Signed: &cosignerv1.Signed{Signature: answer.Signature[:]}}
	return response, nil
}

// dated is what a request says of when it was made, in the form of before and of now.
type dated interface {
	GetRequestSignature() []byte
	GetAskedAt() uint64
	GetDatedSignature() []byte
}

// asked copies the signature that counts, and returns the index of the log that it covers: while a
// member may not be able to read dates, the form of before, which covers none.
func (s *Server) asked(r dated, signature []byte) (at uint64, err error) {
	if r.GetAskedAt() > 0 && s.Signer.Log.Next().Dates() {
		return r.GetAskedAt(), wire.Copy(signature, r.GetDatedSignature(), "dated_signature")
	}
	return 0, wire.Copy(signature, r.GetRequestSignature(), "request_signature")
}

// RegisterTLSPoint takes the TLS key with which a node has just started.
func (s *Server) RegisterTLSPoint(ctx context.Context,
	r *cosignerv1.RegisterTLSPointRequest) (*cosignerv1.RegisterTLSPointResponse, error) {
	if err := s.authorize(ctx, r.GetNode(), r.GetForwarded()); err != nil {
		return nil, err
	}
	if err := s.enter(r.GetNode()); err != nil {
		return registered(err)
	}
	defer s.leave(r.GetNode())
	if leader, ok, err := elsewhere(s, r.GetForwarded(), s.Peer); err != nil {
		return nil, err
	} else if ok {
		r.Forwarded = true
		return leader.RegisterTLSPoint(ctx, r)
	}
	request := Registration{Node: r.GetNode()}
	var err error
	request.AskedAt, err = s.asked(r, request.Signature[:])
	if err = errors.Join(err, wire.Copy(request.Point[:], r.GetTlsPoint(), "tls_point")); err != nil {
		err = refuse(refusal.Malformed, "%v", err)
	} else {
		err = s.Signer.Register(ctx, request)
	}
	return registered(err)
}

// registered answers a registration: with the refusal, or with a status when the error is none.
func registered(err error) (*cosignerv1.RegisterTLSPointResponse, error) {
	response := &cosignerv1.RegisterTLSPointResponse{}
	var no *Refusal
	if errors.As(err, &no) {
		response.Refused = wire.Refused(no.Reason, no.Detail)
		return response, nil
	}
	return response, toStatus(err)
}

// authorize takes requests from the node that they name, and from cosigners those that they
// pass on. Who asked is settled by the node's own signature; this keeps strangers from costing
// us its verification.
func (s *Server) authorize(ctx context.Context, node string, forwarded bool) error {
	caller, ok := s.Caller(ctx)
	switch {
	case !ok:
		return status.Error(codes.Unauthenticated, "no member of this cluster")
	case caller.Role == cluster.Cosigner && forwarded:
		if _, known := s.Signer.Nodes[node]; !known && len(s.Signer.Nodes) > 0 { // names are kept, and counted
			return status.Error(codes.PermissionDenied, "a request is passed on of a node that the cluster file does not have")
		}
		return nil
	case caller.Role == cluster.Node && caller.Name == node && !forwarded:
		return nil
	}
	return status.Errorf(codes.PermissionDenied, "%s %q may not ask for node %q", caller.Role, caller.Name, node)
}

// elsewhere returns a client of the leader if that is another cosigner.
func elsewhere[C any](s *Server, forwarded bool, peer func(name string) (C, bool)) (client C, is bool, err error) {
	lead := s.Signer.Log.Leader()
	if lead.Self {
		return client, false, nil
	}
	client, known := peer(lead.Name)
	follower := turn.Follower{Forwarded: forwarded, Steady: s.Signer.Steady(), Leader: known && lead.Name != s.Name}
	if why := follower.Against(); why != refusal.None {
		return client, false, status.Errorf(codes.Unavailable, "cosigner %q: %v", s.Name, why)
	}
	return client, true, nil
}

// refused answers with the refusal, or with a status when the error is none.
func refused(response *cosignerv1.SignResponse, err error) (*cosignerv1.SignResponse, error) {
	var no *Refusal
	if errors.As(err, &no) {
		response.Answer = &cosignerv1.SignResponse_Refused{Refused: wire.Refused(no.Reason, no.Detail)}
		return response, nil
	}
	return nil, toStatus(err)
}

// toStatus maps what is not a refusal. Only an asker that ran out of time is told so; all else
// is "ask again".
func toStatus(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, err.Error())
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, err.Error())
	}
	return status.Error(codes.Unavailable, fmt.Sprint(err))
}
