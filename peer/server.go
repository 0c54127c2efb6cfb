package peer

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
)

// Log is this cosigner's copy of the log.
type Log interface {
	// Barrier must return an index up to which the log holds every claim made so far, and fail if this
	// cosigner does not lead.
	Barrier(context.Context) (uint64, error)
}

// Signatures takes what other cosigners finished.
type Signatures interface {
	// Keep must not believe that the signature is one of the digest.
	Keep(digest casper.Hash, signature casper.Signature)
}

// Reports is what the agents told this cosigner.
type Reports interface {
	// Reports must return a message that the caller may have for itself.
	Reports() *cosignerv1.GatherResponse
}

// Statements is what cosigners stated of their memory.
type Statements interface {
	// HeardCosigner takes what the named cosigner tells, unverified.
	HeardCosigner(name string, all []*cosignerv1.SignedStatement)
	// Shown must return the newest known of all. It is not changed.
	Shown() []*cosignerv1.SignedStatement
}

// Server implements PeerService. It passes on; who may call, and on which state, is for
// Admission to say.
type Server struct {
	cosignerv1.UnimplementedPeerServiceServer
	Log        Log
	Signatures Signatures
	Reports    Reports
	Statements Statements
}

// Barrier passes on the log's barrier.
func (s *Server) Barrier(ctx context.Context, _ *cosignerv1.BarrierRequest) (*cosignerv1.BarrierResponse, error) {
	index, err := s.Log.Barrier(ctx)
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return &cosignerv1.BarrierResponse{Index: index}, nil
}

// Keep passes on finished signatures.
func (s *Server) Keep(_ context.Context, r *cosignerv1.KeepRequest) (*cosignerv1.KeepResponse, error) {
	for _, k := range r.GetSignatures() {
		if len(k.GetDigest()) != 32 || len(k.GetSignature()) != 64 {
			return nil, status.Error(codes.InvalidArgument, "a digest has 32 bytes, a signature 64")
		}
		s.Signatures.Keep(casper.Hash(k.GetDigest()), casper.Signature(k.GetSignature()))
	}
	return &cosignerv1.KeepResponse{}, nil
}

// Gather tells what the agents told this cosigner. No share depends on it.
func (s *Server) Gather(context.Context, *cosignerv1.GatherRequest) (*cosignerv1.GatherResponse, error) {
	return s.Reports.Reports(), nil
}

// Tell takes in what the caller has heard, and tells it what this cosigner had before: what the
// caller states now may take the place of what shows that it was put back. The caller's state was
// not compared.
func (s *Server) Tell(ctx context.Context, r *cosignerv1.TellRequest) (*cosignerv1.TellResponse, error) {
	caller, ok := Caller(ctx)
	if !ok {
		return nil, errNotOther
	}
	had := s.Statements.Shown()
	s.Statements.HeardCosigner(caller, r.GetStatements())
	return &cosignerv1.TellResponse{Statements: had}, nil
}
