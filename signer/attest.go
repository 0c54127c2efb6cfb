package signer

import (
	"context"
	"fmt"

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
)

// Attest answers a node that wants to sign a message itself, as Sign does one that wants it signed:
// the claim in the log is the same, so that either kind of node finishes what the other bound.
func (s *Signer) Attest(ctx context.Context, request watermark.Claim) (Answer, error) {
	against := s.Nodes.AgainstClaiming(request.Node, request.Message)
	return s.observed(ctx, request, way{against: against, finish: s.attested})
}

// AttestSigned is Attest for a message that was signed before anybody was asked. Whose turn it is
// does not count: to refuse it would leave its slot to another content.
func (s *Signer) AttestSigned(ctx context.Context, request watermark.Claim) (Answer, error) {
	against := s.Nodes.AgainstClaiming(request.Node, request.Message)
	return s.observed(ctx, request, way{against: against, signed: true, finish: s.attested})
}

// attested has what a slot holds attested. Those who claim the same slot at the same time share one
// round; whoever claims it later has another one made.
func (s *Signer) attested(ctx context.Context, term uint64, held watermark.Claim) (Answer, error) {
	digest := casper.Digest(held.Message)
	all, err, _ := s.flight.Do("attested "+string(digest[:]), func() (any, error) {
		start := s.Now()
		all, err := s.Quorum.Attest(ctx, term, held)
		if err == nil {
			s.Phase("attestations", s.Now().Sub(start))
		}
		return all, err
	})
	if err != nil {
		return Answer{}, fmt.Errorf("having %s attested: %w: %w", describe(held.Message), err, ErrUnavailable)
	}
	return Answer{Message: held.Message, Attestations: all.([]attest.Attestation)}, nil
}
