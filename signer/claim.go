package signer

import (
	"context"
	"errors"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
)

// Claim answers a node that wants to sign a message itself. It takes the steps of Sign.
func (s *Server) Claim(ctx context.Context, r *cosignerv1.ClaimRequest) (*cosignerv1.ClaimResponse, error) {
	if err := s.authorize(ctx, r.GetNode(), r.GetForwarded()); err != nil {
		return nil, err
	}
	response := &cosignerv1.ClaimResponse{DecidedBy: s.Name}
	if err := s.enter(r.GetNode()); err != nil {
		return notGranted(response, err)
	}
	defer s.leave(r.GetNode())
	if leader, ok, err := elsewhere(s, r.GetForwarded(), s.PeerClaims); err != nil {
		return nil, err
	} else if ok {
		r.Forwarded = true
		return leader.Claim(ctx, r)
	}
	message, err := wire.Claimed(r)
	if err != nil {
		err = refuse(refusal.Malformed, "%v", err)
		s.Signer.Observe(Event{Node: r.GetNode(), Slot: "unreadable", Err: err})
		return notGranted(response, err)
	}
	request := watermark.Claim{Message: message, Node: r.GetNode()}
	if request.AskedAt, err = s.asked(r, request.Signature[:]); err != nil {
		return notGranted(response, refuse(refusal.BadSignature, "%v", err))
	}
	attest := s.Signer.Attest
	if s.signedAlready(message, r.GetSignedAlready()) {
		attest = s.Signer.AttestSigned
	}
	answer, err := attest(ctx, request)
	if err != nil {
		return notGranted(response, err)
	}
	if answer.Message != message {
		response.Answer = &cosignerv1.ClaimResponse_HeldElse{HeldElse: wire.HeldElse(answer.Message, answer.Attestations)}
		return response, nil
	}
	response.Answer = &cosignerv1.ClaimResponse_Granted{Granted: wire.Granted(message, answer.Attestations)}
	return response, nil
}

// signedAlready reports whether the message was signed before anybody was asked, which only its
// signature by the validator's key shows: of a word of the node's, or of whoever passes its claim
// on, a passive node would have any slot.
func (s *Server) signedAlready(m casper.Message, signature []byte) bool {
	b, ok := casper.BallotOf(m)
	if !ok || len(signature) != len(b.Signature) {
		return false
	}
	b.Signature = casper.Signature(signature)
	return b.SignedBy(s.Signer.Validator)
}

// notGranted answers with the refusal, or with a status when the error is none.
func notGranted(response *cosignerv1.ClaimResponse, err error) (*cosignerv1.ClaimResponse, error) {
	var no *Refusal
	if errors.As(err, &no) {
		response.Answer = &cosignerv1.ClaimResponse_Refused{Refused: wire.Refused(no.Reason, no.Detail)}
		return response, nil
	}
	return nil, toStatus(err)
}
