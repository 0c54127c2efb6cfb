package main

import (
	"bytes"
	"context"
	"os"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
)

const (
	failsOverIn = 40 * time.Second // the cosigners make the other node the active one
	haltedFor   = 20 * time.Second
	abortedIn   = 20 * time.Second // a gate that hangs
)

// failover kills the active node and leaves it down until the other one votes. That one was refused
// in this era, so the cosigners order its restart once they made it the active one.
func (s *demo) failover(ctx context.Context) error {
	active, other, err := s.strike(ctx, "kill -9", func(h host) error { return h.Node.Kill() })
	if err != nil {
		return err
	}
	killed := time.Now()
	if err := s.takesOver(ctx, other, killed); err != nil {
		return err
	}
	s.Sayf("%s was down for %v", active.Node.Name, time.Since(killed).Round(time.Second))
	if err := s.start(ctx, active.Node); err != nil {
		return err
	}
	return s.SomeRounds(ctx, stage.RoundsAfter)
}

// takesOver waits until the cosigners made a node the active one, and it votes.
func (s *demo) takesOver(ctx context.Context, h host, from time.Time) error {
	within, cancel := context.WithTimeout(ctx, failsOverIn)
	defer cancel()
	change, err := s.Pair.Cluster.AwaitActive(within, h.Node.Name, from)
	if err != nil {
		return err
	}
	s.Claimf(true, "%s is active %v after, by itself: %s", h.Node.Name,
		time.Since(from).Round(100*time.Millisecond), change.Reason)
	return s.votesAgain(ctx, time.Now())
}

// halt halts the active node and lets it go on: it finds that the other one has its role.
func (s *demo) halt(ctx context.Context) error {
	active, other, err := s.strike(ctx, "SIGSTOP", func(h host) error { return h.Node.Pause() })
	if err != nil {
		return err
	}
	halted := time.Now()
	within, cancel := context.WithTimeout(ctx, haltedFor)
	defer cancel()
	change, err := s.Pair.Cluster.AwaitActive(within, other.Node.Name, halted)
	if ctx.Err() != nil {
		return err
	}
	s.Claimf(err == nil, "%s is active by itself: %s", other.Node.Name, change.Reason)
	if err := testnet.Pause(ctx, time.Until(halted.Add(haltedFor))); err != nil {
		return err
	}
	if err := s.Disturb("SIGCONT "+active.Node.Name, active.Node.Resume); err != nil {
		return err
	}
	return s.votesAgain(ctx, time.Now())
}

// killGate kills the gate of the active node. The node signs blocks on and casts no vote; the other
// one does, and then both are started again.
func (s *demo) killGate(ctx context.Context) error {
	active, other, err := s.strike(ctx, "kill -9 of the gate of", func(h host) error { return h.gate.Kill() })
	if err != nil {
		return err
	}
	return s.gateless(ctx, active, other)
}

// haltGate halts the gate of the active node. The node waits in a write, until the watch aborts the
// gate.
func (s *demo) haltGate(ctx context.Context) error {
	active, other, err := s.strike(ctx, "SIGSTOP of the gate of", func(h host) error { return h.gate.Stop() })
	if err != nil {
		return err
	}
	halted := time.Now()
	err = s.Await(ctx, abortedIn, "the end of a gate that hangs", func() (bool, error) {
		text, err := os.ReadFile(active.watch.Log)
		return bytes.Contains(text, []byte(`"why":"the gate does not answer"`)), err
	})
	if ctx.Err() != nil {
		return err
	}
	s.Claimf(err == nil, "its watch aborted it, %v after", time.Since(halted).Round(100*time.Millisecond))
	return s.gateless(ctx, active, other)
}

// gateless waits until the other node votes in place of one without a gate, and starts that again.
func (s *demo) gateless(ctx context.Context, without, other host) error {
	if err := s.takesOver(ctx, other, time.Now()); err != nil {
		return err
	}
	s.Claimf(without.Node.Running(), "%s runs on without its gate", without.Node.Name)
	return s.regate(ctx, without)
}

// regate starts a gate and then its node, as an operator does.
func (s *demo) regate(ctx context.Context, h host) error {
	if err := h.gate.Kill(); err != nil {
		return err
	}
	if err := s.StartGate(ctx, h.gate); err != nil {
		return err
	}
	if err := s.start(ctx, h.Node); err != nil {
		return err
	}
	return s.votesAgain(ctx, time.Now())
}
