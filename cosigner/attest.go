package cosigner

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
)

// Attest says that this cosigner's own log and ledger hold a message, for a node that signs it
// itself. It refuses as Share does.
func (s *Server) Attest(ctx context.Context, r *cosignerv1.AttestRequest) (*cosignerv1.AttestResponse, error) {
	caller, ok := s.config.Caller(ctx)
	if !ok {
		return nil, errNotAdmitted
	}
	a, err := s.attest(ctx, asked{caller, r})
	if err != nil {
		return nil, err
	}
	return &cosignerv1.AttestResponse{Signature: a.Signature[:]}, nil
}

func (s *Server) attest(ctx context.Context, r asked) (attest.Attestation, error) {
	a, err := s.testify(ctx, r)
	if err != nil {
		s.refused.Add(1)
		s.config.Logger.Warn().Str("cosigner", r.caller).Str("node", r.GetNode()).Err(err).Msg("gave no attestation")
		return a, err
	}
	s.attested.Add(1)
	return a, nil
}

// testify is the one place where an attestation leaves this cosigner, for itself as for others. Its
// steps are those of release, but that no share is made; whoever claimed the message need not be
// stock, since the slot holds it for every node. A cluster without a stock node has no use for
// attestations, so that none lies about.
func (s *Server) testify(ctx context.Context, r asked) (a attest.Attestation, err error) {
	message, err := s.authorize(r)
	if err != nil {
		return a, err
	}
	if !s.config.Nodes.Stock() {
		return a, status.Error(codes.InvalidArgument, "no node of this cosigner's cluster file is stock: no attestations")
	}
	holding, ok := attest.Of(message)
	if !ok {
		return a, status.Error(codes.InvalidArgument, "attested is what fills the slot of a round")
	}
	if err := s.bind(ctx, r, holding.Slot, message); err != nil {
		return a, err
	}
	// From here on the slot is bound on our disk.
	return s.config.Attest(holding), nil
}

// Attest returns attestations of a message that the log holds and that is applied here, in the Raft
// term in which we lead: of a threshold of cosigners, each verified. All are asked at once, and
// those that are slow are not waited for. It returns a *QuorumError when too few are left, and the
// error of ctx when that ends first.
func (q *Quorum) Attest(ctx context.Context, term uint64, c watermark.Claim) ([]attest.Attestation, error) {
	message, err := c.Message.AppendBinary(nil)
	if err != nil {
		return nil, fmt.Errorf("asking for attestations: %w", err)
	}
	holding, ok := attest.Of(c.Message)
	if !ok {
		return nil, fmt.Errorf("asking for attestations: %v fills no slot of a round", c.Message.Kind())
	}
	answers := q.testimonies(ctx, holding, &cosignerv1.AttestRequest{Term: term,
		Index: q.config.Own.config.Held.Applied(), Message: message,
		Node: c.Node, AskedAt: c.AskedAt, RequestSignature: c.Signature[:]})
	var all []attest.Attestation
	failed := &QuorumError{}
	for range q.participants {
		select {
		case a := <-answers:
			if a.err != nil {
				failed.Causes = append(failed.Causes, q.unattested(a.from, holding.Slot, a.err))
				continue
			}
			if all = append(all, a.attestation); len(all) == q.config.Attesters.Threshold {
				return all, nil
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("asking for attestations: %w", errors.Join(ctx.Err(), failed))
		}
	}
	return nil, fmt.Errorf("asking for attestations: %w", failed)
}

// testimony is what came of asking one cosigner for an attestation.
type testimony struct {
	from        *participant
	attestation attest.Attestation
	err         error // also if the attestation counts for nothing
}

// testimonies asks all cosigners, and verifies what they answer. Whoever is not waited for any more
// is left the time to answer: its ledger then has the slot, too, and it has nothing to warn of.
func (q *Quorum) testimonies(ctx context.Context, h attest.Holding, r *cosignerv1.AttestRequest) <-chan testimony {
	answers := make(chan testimony, len(q.participants))
	for _, p := range q.participants {
		go func() {
			// Only our own answer outlives this, if it waits for a hung disk, until the watchdog bites.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*heldWithin)
			defer cancel()
			a, err := p.asker.attest(ctx, r)
			if err == nil {
				err = q.config.Attesters.Verify(h, a)
			}
			answers <- testimony{p, a, err}
		}()
	}
	return answers
}

// unattested tells of a cosigner that gave no attestation, and loudly of one that contradicts the
// log.
func (q *Quorum) unattested(p *participant, slot casper.Slot, err error) error {
	if slotRefusal(err) {
		err = &AlarmError{Cosigner: p.name, Slot: slot, Err: err}
		q.alarms.Add(1)
		q.config.Logger.Error().Err(err).Str("cosigner", p.name).Stringer("slot", slot).
			Msg("a cosigner contradicts the log")
	}
	return fmt.Errorf("cosigner %s: %w", p.name, err)
}
