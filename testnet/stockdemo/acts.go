package main

import (
	"context"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
)

const (
	steadyRounds = 10              // so many pass undisturbed
	catchesUpIn  = 3 * time.Minute // a restarted node
	votesIn      = 3 * time.Minute // until others have a vote of ours again
	downFor      = 2               // rounds
)

// steady lets rounds pass.
func (s *demo) steady(ctx context.Context) error { return s.SomeRounds(ctx, steadyRounds) }

// host is one of the pair, and its gate.
type host struct {
	*stage.NodeLog
	gate *testnet.Process
}

// hosts returns the one that the cosigners say is active, and the other one.
func (s *demo) hosts(ctx context.Context) (active, other host, err error) {
	r, err := s.Pair.Cluster.Roles(ctx)
	active, other = host{s.Pair.Main, s.Pair.Gates[0]}, host{s.Pair.Standby, s.Pair.Gates[1]}
	if err == nil && r.Active == testnet.Standby {
		active, other = other, active
	}
	return active, other, err
}

// start starts a node and waits until it says that it validates.
func (s *demo) start(ctx context.Context, h host) error {
	began := time.Now()
	if err := h.Node.Restart(ctx); err != nil {
		return err
	}
	if _, err := s.Validates(ctx, h.Node, catchesUpIn); err != nil {
		return err
	}
	took := time.Since(began)
	s.Count("seconds_to_validate_"+h.Node.Name, int(took/time.Second))
	s.Sayf("%s started: in Validate after %v", h.Node.Name, took.Round(100*time.Millisecond))
	return nil
}

// votesAgain waits until others have our vote in a round that began after the given time.
func (s *demo) votesAgain(ctx context.Context, from time.Time, who string) error {
	began := time.Now()
	err := s.Await(ctx, votesIn, "a vote of ours", func() (bool, error) {
		if err := s.launch(ctx); err != nil {
			return false, err
		}
		a, _, err := s.JudgeRounds(ctx, stage.Window{From: from})
		return a.Voted > 0, err
	})
	if err != nil {
		return err
	}
	s.Claimf(true, "others have our vote again, of %s, %v later", who, time.Since(began).Round(100*time.Millisecond))
	return s.SomeRounds(ctx, stage.RoundsAfter)
}

// launch starts nodes of ours that panicked, as their launcher does.
func (s *demo) launch(ctx context.Context) error {
	for _, l := range []*stage.NodeLog{s.Pair.Main, s.Pair.Standby} {
		exits := l.Node.Exits()
		if l.Node.Running() || len(exits) == 0 || exits[len(exits)-1].Wanted {
			continue
		}
		s.Sayf("%s ended by itself, %v; it is started again", l.Node.Name, exits[len(exits)-1])
		if err := l.Node.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// kill kills the active node and starts it again: it reads its unit file through the gate, and goes
// on in the same era.
func (s *demo) kill(ctx context.Context) error {
	active, _, err := s.hosts(ctx)
	if err != nil {
		return err
	}
	if err := s.AnInstant(ctx); err != nil {
		return err
	}
	if err := s.Disturb("kill -9 "+active.Node.Name, active.Node.Kill); err != nil {
		return err
	}
	if err := s.start(ctx, active); err != nil {
		return err
	}
	return s.votesAgain(ctx, time.Now(), "the pair")
}

// killLeader kills the leading cosigner in the middle of a round.
func (s *demo) killLeader(ctx context.Context) error {
	status, err := s.Pair.Cluster.Status(ctx)
	if err != nil {
		return err
	}
	leader := s.Pair.Cluster.Cosigner(status.Leader)
	if err := s.AnInstant(ctx); err != nil {
		return err
	}
	if err := s.Disturb("kill -9 "+leader.Name+", which leads", leader.Kill); err != nil {
		return err
	}
	if err := s.SomeRounds(ctx, stage.RoundsAfter); err != nil {
		return err
	}
	if err := leader.Start(ctx); err != nil {
		return err
	}
	return s.SomeRounds(ctx, stage.RoundsAfter)
}

// killGate kills the gate of the active node. The node signs blocks on and casts no vote, until
// both are started again.
func (s *demo) killGate(ctx context.Context) error {
	active, _, err := s.hosts(ctx)
	if err != nil {
		return err
	}
	if err := s.AnInstant(ctx); err != nil {
		return err
	}
	if err := s.Disturb("kill -9 of the gate of "+active.Node.Name, active.gate.Kill); err != nil {
		return err
	}
	if err := s.SomeRounds(ctx, downFor); err != nil {
		return err
	}
	s.Claimf(active.Node.Running(), "%s runs on without its gate", active.Node.Name)
	if err := s.StartGate(ctx, active.gate); err != nil {
		return err
	}
	if err := s.start(ctx, active); err != nil {
		return err
	}
	return s.votesAgain(ctx, time.Now(), "the pair")
}
