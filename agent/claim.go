package agent

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/wire"
)

// Claim signs the claim of a stock node's gate with the failover key and passes it on. Nothing is
// granted that a threshold of different cosigners do not attest, whoever says so.
func (a *Agent) Claim(ctx context.Context, r *cosignerv1.ClaimRequest) (*cosignerv1.ClaimResponse, error) {
	message, err := wire.Claimed(r)
	if err != nil {
		return notGranted(refusal.Malformed, err.Error()), nil
	}
	if why := a.Nodes.AgainstClaiming(a.Name, message); why != refusal.None {
		return notGranted(why, why.String()), nil
	}
	ctx, cancel := within(ctx)
	defer cancel()
	asked := false
	var response *cosignerv1.ClaimResponse
	err = a.dated(ctx, func(at uint64) (stale bool, err error) {
		request, err := a.claim(message, at)
		if err != nil {
			return false, status.Error(codes.Internal, err.Error())
		}
		request.SignedAlready = r.GetSignedAlready()
		response, err = ask(ctx, a, "Claim",
			func(ctx context.Context, c Cosigner) (answer[*cosignerv1.ClaimResponse], error) {
				asked = true
				r, err := c.Claims.Claim(ctx, request)
				if err == nil {
					if wrong := proven(a.Attesters, message, r); wrong != nil {
						err = lie{wrong}
					}
				}
				return answer[*cosignerv1.ClaimResponse]{r, r.GetDecidedBy(), r.GetRefused() != nil}, err
			})
		return response.GetRefused().GetReason() == cosignerv1.RefusalReason_REFUSAL_REASON_STALE, err
	})
	if err == nil && response.GetGranted() != nil && len(r.GetSignedAlready()) == len(casper.Signature{}) {
		b, _ := casper.BallotOf(message)
		b.Signature = casper.Signature(r.GetSignedAlready())
		a.Granted(b)
	}
	switch {
	case err == nil:
		a.Asked(message, asSigned(response))
	case asked && !withdrawn(ctx):
		a.Asked(message, nil)
	}
	return response, err
}

// claim returns the claim of the message, signed as a request for its signature would be: the log
// holds the one as it holds the other.
func (a *Agent) claim(m casper.Message, askedAt uint64) (*cosignerv1.ClaimRequest, error) {
	signed, err := a.request(m, askedAt)
	if err != nil {
		return nil, err
	}
	r := wire.Claim(m)
	r.Node, r.RequestSignature = signed.Node, signed.RequestSignature
	r.AskedAt, r.DatedSignature = signed.AskedAt, signed.DatedSignature
	return r, nil
}

// proven returns nil if the answer to a claim is proven: by attestations of what was claimed, or of
// something else that its slot holds. A refusal proves nothing and grants nothing.
func proven(c attest.Cluster, claimed casper.Message, r *cosignerv1.ClaimResponse) error {
	a, err := wire.AnswerToClaim(claimed, r)
	if err == nil && a.Held != nil {
		_, err = c.Settle(claimed, a.Held, a.Attestations)
	}
	if err != nil {
		return fmt.Errorf("reading the answer of %q: %w", r.GetDecidedBy(), err)
	}
	return nil
}

// asSigned is the answer to a claim as one to a request for a signature, for whoever wants to know
// what the node asks for and how it fares.
func asSigned(r *cosignerv1.ClaimResponse) *cosignerv1.SignResponse {
	s := &cosignerv1.SignResponse{DecidedBy: r.GetDecidedBy()}
	switch {
	case r.GetRefused() != nil:
		s.Answer = &cosignerv1.SignResponse_Refused{Refused: r.GetRefused()}
	case r.GetHeldElse() != nil:
		s.Answer = &cosignerv1.SignResponse_Bound{Bound: &cosignerv1.Bound{}}
	default:
		s.Answer = &cosignerv1.SignResponse_Signed{Signed: &cosignerv1.Signed{}}
	}
	return s
}

func notGranted(why refusal.Reason, detail string) *cosignerv1.ClaimResponse {
	return &cosignerv1.ClaimResponse{Answer: &cosignerv1.ClaimResponse_Refused{Refused: wire.Refused(why, detail)}}
}
