package main

import (
	"context"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
)

const (
	actedWithin   = 500 * time.Millisecond // of failoverAfter
	returnsWithin = 3 * time.Minute        // each return doubles what main must be ready for
	lostToDetect  = 3                      // rounds of a fenced failover: 6 s of 4 s, begun and ended in the middle
)

// activated waits until the log makes the node active, later than the given time.
func (s *demo) activated(ctx context.Context, node string, after time.Time, within time.Duration) (testnet.Change,
	error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return s.Pair.Cluster.AwaitActive(ctx, node, after)
}

// claimFailover tells that the standby was made active in time, and why.
func (s *demo) claimFailover(ctx context.Context, since time.Time) error {
	c, err := s.activated(ctx, testnet.Standby, since, stage.FailoverAfter+20*s.BlockTime)
	if err != nil {
		return err
	}
	took := c.At.Sub(since)
	s.Count("millis_to_failover", int(took.Milliseconds()))
	s.Claimf(took <= stage.FailoverAfter+actedWithin, "%s is active by itself, epoch %d, %s after it, of %v set: %s, %s",
		c.Subject, c.Epoch, testnet.Millis(took), stage.FailoverAfter, c.Cause, c.Reason)
	return nil
}

// claimReturn waits until main is active again by itself.
func (s *demo) claimReturn(ctx context.Context, since time.Time) error {
	c, err := s.activated(ctx, testnet.Main, since, returnsWithin)
	if err != nil {
		return err
	}
	s.Claimf(c.Cause == "return", "%s is active again by itself, epoch %d, %v later: %s",
		c.Subject, c.Epoch, c.At.Sub(since).Round(100*time.Millisecond), c.Reason)
	return s.SomeRounds(ctx, stage.RoundsAfter)
}

// fencedFailover kills the main in fenced mode, in which only the active node votes: what is lost
// is the time until the standby is made active.
func (s *demo) fencedFailover(ctx context.Context) error {
	p := s.Pair
	if err := s.failover(ctx, "mode", "fenced"); err != nil {
		return err
	}
	if err := s.AnInstant(ctx); err != nil {
		return err
	}
	killed := time.Now()
	if err := s.Disturb("kill -9 "+p.Main.Node.Name, p.Main.Node.Kill); err != nil {
		return err
	}
	if err := s.claimFailover(ctx, killed); err != nil {
		return err
	}
	if err := s.SomeRounds(ctx, stage.RoundsAfter); err != nil {
		return err
	}
	restarted := time.Now()
	if err := p.Main.Node.Start(ctx); err != nil {
		return err
	}
	if err := s.claimReturn(ctx, restarted); err != nil {
		return err
	}
	if err := s.failover(ctx, "mode", "hot"); err != nil {
		return err
	}
	return s.SomeRounds(ctx, stage.RoundsAfter)
}
