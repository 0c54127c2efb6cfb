package signer

import (
	"context"
	"fmt"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/turn"
)

// await waits for the request's turn, and returns the decision to finish what its slot holds or to
// claim it. The error is why it may do neither.
func (s *Signer) await(ctx context.Context, r turn.Request) (turn.Decision, error) {
	if !r.Signed { // else it says nothing of where the node is
		s.mu.Lock()
		s.desk.Preference.Asked(r.Node, r.Slot, s.Now())
		s.mu.Unlock()
	}
	for {
		now, changed := s.Now(), s.bound()
		if deadline, ok := ctx.Deadline(); ok {
			r.Deadline = now.Add(time.Until(deadline))
		}
		facts := s.look(r)
		s.mu.Lock()
		d := s.desk.Decide(facts, r, now)
		s.mu.Unlock()
		switch d.Do {
		case turn.Finish, turn.Claim:
			return d, nil
		case turn.Refuse:
			return d, s.turnDown(r, d)
		}
		next := time.NewTimer(d.Until.Sub(now))
		select {
		case <-changed:
		case <-next.C:
		case <-ctx.Done():
		}
		next.Stop()
		if err := ctx.Err(); err != nil {
			return d, fmt.Errorf("waiting for the active node: %w: %w", err, ErrUnavailable)
		}
	}
}

func (s *Signer) look(r turn.Request) (f turn.Facts) {
	next := s.Log.Next()
	s.Log.View(func(m *machine.State) { f = turn.Look(m, m.Check(next, r.Claim)) })
	f.Moved.Era, f.Moved.Height = s.Log.AdvancedAt()
	return f
}

// turnDown tells an asker of a decision to refuse.
func (s *Signer) turnDown(r turn.Request, d turn.Decision) error {
	switch {
	case d.Why == refusal.TooFarAhead:
		return refuse(d.Why, "%v is %d ahead of %d; %v", r.Slot, d.Ahead.By, d.Ahead.Newest, d.Why)
	case d.Why == refusal.Stale && s.Quorum.Ready() != nil:
		// Cosigners that have just started may not have stated yet how far the log is: its asker could
		// not know.
		return unserved(refusal.NoQuorum)
	}
	if chainspec, ok := chainspecOf(r.Message); ok && d.Why == refusal.OtherInstance {
		return refuse(d.Why, "under chainspec %v: %v", chainspec, d.Why)
	}
	return unserved(d.Why)
}

// chainspecOf returns the chainspec that a request for an echo or a vote was made under.
func chainspecOf(m casper.Message) (casper.Hash, bool) {
	switch m := m.(type) {
	case casper.Echo:
		return m.Chainspec, true
	case casper.Vote:
		return m.Chainspec, true
	}
	return casper.Hash{}, false
}

// mayClaim looks last of all whether a claim may be proposed; the error is why not.
func (s *Signer) mayClaim(ctx context.Context) error {
	quorum, gone := s.Quorum.Ready(), ctx.Err()
	switch why := (turn.Moment{Quorum: quorum == nil, Asker: gone == nil, Steady: s.Steady()}).Against(); why {
	case refusal.None:
		return nil
	case refusal.NoQuorum:
		err := fmt.Errorf("%v: %w: %w", why, quorum, ErrUnavailable)
		s.handOverIfStuck(s.Now(), err)
		return err
	case refusal.AskerGone:
		return fmt.Errorf("%v: %w: %w", why, gone, ErrUnavailable)
	default:
		return unserved(why)
	}
}
