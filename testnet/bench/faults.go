package main

import (
	"context"
	"fmt"
	"time"

	"casper-cosigner/testnet"
)

const recovery = 15 * time.Second // within which signing must go on, or the bench fails

// kill measures how long nothing is signed when the leader is gone.
func (b *bench) kill(ctx context.Context) error {
	l, err := b.outages(ctx, b.trials, func(leader *testnet.Process) error { return leader.Kill() })
	if err != nil {
		return err
	}
	b.figure("next signature after kill -9", spread(l), "p50 0.8 s, max 1.2 s")
	return nil
}

// term measures the same when the leader is asked to stop, which hands over first.
func (b *bench) term(ctx context.Context) error {
	l, err := b.outages(ctx, b.trials, func(leader *testnet.Process) error { return leader.Term() })
	if err != nil {
		return err
	}
	b.figure("next signature after SIGTERM", spread(l), "250 ms")
	return nil
}

func spread(l testnet.Latencies) string {
	return fmt.Sprintf("min %s, p50 %s, max %s (%d)", testnet.Millis(l.Quantile(0)), testnet.Millis(l.Quantile(0.5)),
		testnet.Millis(l.Max()), len(l))
}

// outages ends one leader after the other and starts it again.
func (b *bench) outages(ctx context.Context, trials int, end func(leader *testnet.Process) error) (testnet.Latencies,
	error) {
	var all testnet.Latencies
	for range trials {
		if _, err := b.closedLoop(ctx, 20); err != nil {
			return nil, err
		}
		status, err := b.cluster.Ready(ctx, comesWithin)
		if err != nil {
			return nil, err
		}
		leader := b.cluster.Cosigner(status.Leader)
		took, err := b.outage(ctx, leader.Name, func() error { return end(leader) })
		if err != nil {
			return nil, err
		}
		all = append(all, took)
		waiting, cancel := context.WithTimeout(ctx, recovery)
		err = leader.Wait(waiting)
		cancel()
		if err != nil {
			return nil, err
		}
		if err := leader.Start(ctx); err != nil {
			return nil, err
		}
	}
	_, err := b.cluster.Ready(ctx, comesWithin)
	return all, err
}

// outage is the time from what is done to the leader until the first signature that another
// cosigner decided on. What the old one still signs in the meantime does not count.
func (b *bench) outage(ctx context.Context, leader string, do func() error) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, recovery)
	defer cancel()
	start := time.Now()
	if err := do(); err != nil {
		return 0, err
	}
	m := b.load.next()
	for {
		a := b.node.Sign(ctx, m)
		if a.Kind == testnet.Signed && a.DecidedBy != leader {
			return time.Since(start), nil
		}
		if a.Kind == testnet.Signed {
			m = b.load.next() // by the old leader: it has not given up yet
			continue
		}
		if err := testnet.Pause(ctx, askAgain); err != nil {
			return 0, fmt.Errorf("waiting for another leader than %s, last answer %s %s: %w", leader, a.Kind, a.Reason, err)
		}
	}
}
