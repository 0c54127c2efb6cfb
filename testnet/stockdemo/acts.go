package main

import (
	"context"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
	"casper-cosigner/testnet/localnet"
)

const (
	steadyRounds = 10                // so many pass undisturbed
	neededOfEra  = 150 * time.Second // of an era must be left for an act that kills
	mendedAfter  = 30 * time.Second  // an active node that casts no vote
	catchesUpIn  = 3 * time.Minute   // a restarted node
)

// steady lets rounds pass.
func (s *demo) steady(ctx context.Context) error { return s.SomeRounds(ctx, steadyRounds) }

// host is one of the pair, and what stands before it.
type host struct {
	*stage.NodeLog
	gate, watch *testnet.Process
}

// hosts waits for an era of which neededOfEra is left, or half, and in which the node that the
// cosigners say is active votes, and returns it and the other one. An active node that casts no
// vote in the era, as one that gave in just before it was made the active one, is started again.
func (s *demo) hosts(ctx context.Context) (active, other host, err error) {
	p := s.Pair
	began := time.Now()
	mended := false
	err = s.Await(ctx, 3*s.EraTime, "an era in which the active node votes", func() (bool, error) {
		if err := p.Update(); err != nil {
			return false, err
		}
		_, start := p.Watched.Timeline().EraStart()
		if time.Since(start) > max(s.EraTime/2, s.EraTime-neededOfEra) {
			return false, nil
		}
		r, err := p.Cluster.Roles(ctx)
		if err != nil {
			return false, nil //nolint:nilerr // while no cosigner leads there is no answer
		}
		if !r.Ready(r.Active) {
			if mended || time.Since(began) < mendedAfter {
				return false, nil
			}
			mended = true
			s.Sayf("%s is active and casts no vote in this era", r.Active)
			return false, s.start(ctx, p.Network.Node(r.Active))
		}
		active = host{p.Main, p.Gates[testnet.Main], p.Watches[testnet.Main]}
		other = host{p.Standby, p.Gates[testnet.Standby], p.Watches[testnet.Standby]}
		if r.Active == testnet.Standby {
			active, other = other, active
		}
		return true, nil
	})
	if waited := time.Since(began); waited > s.BlockTime {
		s.Sayf("waited %v for an era of which enough is left and in which the active node votes", waited.Round(time.Second))
	}
	return active, other, err
}

// strike waits for a random instant of a round and does something to the active node. A main that
// was down before may return to its role while that instant is waited for.
func (s *demo) strike(ctx context.Context, what string, do func(active host) error) (active, other host, err error) {
	for still := false; !still; {
		if active, other, err = s.hosts(ctx); err != nil {
			return active, other, err
		}
		if err = s.AnInstant(ctx); err != nil {
			return active, other, err
		}
		r, err := s.Pair.Cluster.Roles(ctx)
		still = err == nil && r.Active == active.Node.Name
	}
	return active, other, s.Disturb(what+" "+active.Node.Name, func() error { return do(active) })
}

// start starts a node by hand and waits until it says that it validates.
func (s *demo) start(ctx context.Context, n *localnet.Node) error {
	began := time.Now()
	if err := s.Pair.Launcher.Restart(ctx, n); err != nil {
		return err
	}
	if _, err := s.Validates(ctx, n, catchesUpIn); err != nil {
		return err
	}
	took := time.Since(began)
	s.Count("seconds_to_validate_"+n.Name, int(took/time.Second))
	s.Sayf("%s started by hand: in Validate after %v", n.Name, took.Round(100*time.Millisecond))
	return nil
}

// votesAgain waits until others have our vote in a round that began after the given time: at the
// latest in the next era.
func (s *demo) votesAgain(ctx context.Context, from time.Time) error {
	began := time.Now()
	err := s.Await(ctx, s.EraTime+time.Minute, "a vote of ours", func() (bool, error) {
		a, _, err := s.JudgeRounds(ctx, stage.Window{From: from})
		return a.Voted > 0, err
	})
	if err != nil {
		return err
	}
	s.Claimf(true, "others have our vote again, %v later", time.Since(began).Round(100*time.Millisecond))
	return s.SomeRounds(ctx, stage.RoundsAfter)
}

// kill kills the active node and starts it again: it reads its unit file through the gate, and goes
// on in the same era. So does the other one, which is out. From then on the cosigners know how long
// either takes, and need not think that it is a minute.
func (s *demo) kill(ctx context.Context) error {
	active, other, err := s.strike(ctx, "kill -9", func(h host) error { return h.Node.Kill() })
	if err != nil {
		return err
	}
	if err := s.start(ctx, active.Node); err != nil {
		return err
	}
	if err := s.votesAgain(ctx, time.Now()); err != nil {
		return err
	}
	if err := s.start(ctx, other.Node); err != nil {
		return err
	}
	return s.votesAgain(ctx, time.Now())
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
