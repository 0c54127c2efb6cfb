package signer

import (
	"context"
	"fmt"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/watermark"
)

// answerBefore is how long before its asker's deadline a claim is refused whose turn does not come in time: silence would
// be taken for a signer that hangs, and not be asked again for a while. No less is left for the answer's way.
const answerBefore = 100 * time.Millisecond

// mayClaim waits for the request's turn. It returns what the slot holds by then, or no message and what would be left in
// the token bucket after a claim.
func (s *Signer) mayClaim(ctx context.Context, slot casper.Slot, request watermark.Claim) (watermark.Claim, int64, error) {
	s.mu.Lock()
	s.preference.Asked(request.Node, slot, s.Now())
	s.mu.Unlock()
	for {
		now, changed := s.Now(), s.bound()
		look := s.look(request)
		switch look.would.Outcome {
		case machine.Done:
		case machine.Held:
			if held := look.would.Held; held.Node != request.Node && held.Message == request.Message {
				s.mu.Lock()
				s.preference.Follows(request.Node, slot)
				s.mu.Unlock()
			}
			return look.would.Held, 0, nil
		default: // what the log would refuse is not worth an entry
			return watermark.Claim{}, 0, unserved(look.would.Why)
		}
		left, err := s.spend(look, slot, now)
		if err != nil {
			return watermark.Claim{}, 0, err
		}
		s.mu.Lock()
		decision := s.preference.Decide(look.roles, request.Node, slot, look.bound, now)
		s.mu.Unlock()
		switch decision.Verdict {
		case failover.Serve:
			return watermark.Claim{}, left, nil
		case failover.Wait:
			wait := decision.Until.Sub(now)
			if deadline, ok := ctx.Deadline(); ok {
				wait = min(wait, time.Until(deadline)-answerBefore)
			}
			if wait <= 0 {
				return watermark.Claim{}, 0, unserved(refusal.NotPreferred)
			}
			turn := time.NewTimer(wait)
			select {
			case <-changed:
			case <-turn.C:
			case <-ctx.Done():
			}
			turn.Stop()
			if err := ctx.Err(); err != nil {
				return watermark.Claim{}, 0, fmt.Errorf("waiting for the active node: %w: %w", err, ErrUnavailable)
			}
		default:
			return watermark.Claim{}, 0, unserved(decision.Why)
		}
	}
}

// glance is what a decision needs of the applied state, read at one instant.
type glance struct {
	would       machine.Result // of applying the claim now
	roles       failover.State
	newest      watermark.Mark
	bound       failover.Bound
	era, height machine.Advance
	eraAt       time.Time
}

func (s *Signer) look(request watermark.Claim) (g glance) {
	s.Log.View(func(m *machine.State) {
		if g.would = m.Check(request); g.would.Outcome != machine.Done {
			return
		}
		g.roles, g.newest = m.Roles(), m.Table().Newest()
		round, _ := m.Table().NewestRound()
		g.bound.Place = failover.Place{Era: g.newest.Era, Round: round, Height: g.newest.Height}
		g.era, g.height = m.Advances()
	})
	g.eraAt, g.bound.HeightAt = s.Log.AdvancedAt()
	return g
}

// spend returns what the token bucket of the slot's mark would hold after a claim of it.
func (s *Signer) spend(g glance, slot casper.Slot, now time.Time) (int64, error) {
	bucket, last, at := watermark.EraBucket(time.Duration(s.Cluster.MinEraTime)), g.era, g.eraAt
	wanted, newest := slot.Era, g.newest.Era
	if slot.OfHeight() {
		bucket, last, at = watermark.HeightBucket(time.Duration(s.Cluster.MinBlockTime)), g.height, g.bound.HeightAt
		wanted, newest = slot.Height, g.newest.Height
	}
	if wanted <= newest {
		return last.Left, nil
	}
	left, ok := bucket.Spend(last.Left, now.Sub(at), wanted-newest)
	if !ok {
		return 0, refuse(refusal.TooFarAhead,
			"%v is %d ahead of %d; the chain cannot be there yet (min_era_time, min_block_time in the cluster file)",
			slot, wanted-newest, newest)
	}
	return left, nil
}
