package main

import (
	"context"
	"fmt"
	"time"

	"casper-cosigner/testnet/casperdemo/stage"
)

// failsOverIn is within which the cosigners make the other node the active one.
const failsOverIn = 40 * time.Second

// failover kills the active node and leaves it down until the other one votes. That one was refused
// in this era, so it is started anew once the cosigners made it the active one.
func (s *demo) failover(ctx context.Context) error {
	active, other, err := s.hosts(ctx)
	if err != nil {
		return err
	}
	if err := s.AnInstant(ctx); err != nil {
		return err
	}
	killed := time.Now()
	if err := s.Disturb("kill -9 "+active.Node.Name, active.Node.Kill); err != nil {
		return err
	}
	if err := s.takesOver(ctx, other, killed); err != nil {
		return err
	}
	if err := s.start(ctx, other); err != nil {
		return err
	}
	if err := s.votesAgain(ctx, time.Now(), other.Node.Name); err != nil {
		return err
	}
	s.Sayf("%s was down for %v", active.Node.Name, time.Since(killed).Round(time.Second))
	if err := s.start(ctx, active); err != nil {
		return err
	}
	return s.SomeRounds(ctx, stage.RoundsAfter)
}

// takesOver waits until the cosigners made a node the active one, or has an operator do it.
func (s *demo) takesOver(ctx context.Context, h host, from time.Time) error {
	within, cancel := context.WithTimeout(ctx, failsOverIn)
	defer cancel()
	change, err := s.Pair.Cluster.AwaitActive(within, h.Node.Name, from)
	if err == nil {
		s.Claimf(true, "%s is active %v after: %s", h.Node.Name, time.Since(from).Round(100*time.Millisecond), change.Reason)
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	s.Sayf("the cosigners did not change roles within %v; an operator does", failsOverIn)
	if err := s.Pair.Cluster.Failover(ctx, "promote", h.Node.Name, "--force", "--reason", "stock demo"); err != nil {
		return fmt.Errorf("promoting %s: %w", h.Node.Name, err)
	}
	return nil
}
