package cosigner

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/held"
)

// claimed is what a share and an attestation are asked for by: a message, as the log holds it, and
// who says so.
type claimed interface {
	GetTerm() uint64
	GetIndex() uint64
	GetMessage() []byte
	GetNode() string
	GetAskedAt() uint64
	GetRequestSignature() []byte
}

// asked is a request of a cosigner, for either.
type asked struct {
	caller string
	claimed
}

// authorize returns the message of a request, if that is fit to be signed by somebody; see release.
func (s *Server) authorize(r claimed) (casper.Message, error) {
	if err := s.checkTerm(r.GetTerm()); err != nil {
		return nil, err
	}
	message, err := casper.Decode(r.GetMessage()) // also validates
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	if chain, ok := casper.ChainOf(message); ok && chain != s.config.Chain {
		return nil, status.Errorf(codes.InvalidArgument,
			"finality signature for chain name hash %v, ours is %v", chain, s.config.Chain)
	}
	if len(r.GetRequestSignature()) != 64 {
		return nil, status.Errorf(codes.InvalidArgument,
			"request signature of %d bytes, want 64", len(r.GetRequestSignature()))
	}
	signature := [64]byte(r.GetRequestSignature())
	if err := s.config.VerifyRequest(r.GetNode(), message, r.GetAskedAt(), signature); err != nil {
		return nil, status.Errorf(codes.Unauthenticated, "request of node %q: %v", r.GetNode(), err)
	}
	if err := s.Ready(); err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return message, nil
}

// bind is what shares and attestations have in common: neither leaves before it returns nil.
//
//   - await: our own copy of the log holds the message for its slot, applied or
//     stored as the caller sent it (package held), whatever the caller says;
//   - claim: the slot is in our ledger, durably, with exactly this digest. It
//     holds also where whoever leads does not keep to Raft, and shows one
//     cosigner after the other a log of its own.
func (s *Server) bind(ctx context.Context, a asked, slot casper.Slot, m casper.Message) error {
	c := s.heldBy(a, slot, m)
	if err := s.await(ctx, c); err != nil {
		return err
	}
	// If we crash here, the slot may or may not be claimed, and nothing has left.
	return s.claim(c)
}

// claim binds the message's slot in our ledger, durably.
func (s *Server) claim(c held.Claim) error {
	err := s.config.Ledger.Claim(c.Slot, casper.Digest(c.Message), c.Resets)
	var conflict *ConflictError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &conflict), errors.Is(err, ErrBelowFloor), errors.Is(err, ErrDiffers):
		return status.Error(codes.FailedPrecondition, err.Error())
	}
	return status.Error(codes.Unavailable, err.Error())
}

// checkTerm refuses a leader that has been replaced.
func (s *Server) checkTerm(term uint64) error {
	if newest := s.config.Lead().Term; term < newest {
		return status.Errorf(codes.Aborted, "term %d, but this is term %d", term, newest)
	}
	return nil
}
