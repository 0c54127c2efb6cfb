package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"casper-cosigner/testnet"
)

// The goals of sites apart, at 80 ms.
const (
	far          = 80 * time.Millisecond
	besideRTTs   = 2.1
	fromFollower = 3.1
	fromLate     = 0.02 // of the requests
)

// wan measures signatures while the cosigners are at sites apart.
func (b *bench) wan(ctx context.Context) error {
	if err := b.close(); err != nil {
		return err
	}
	b.printf("wan: 3 sites, a cosigner at each, the agent at one of them; delays jitter by %.0f %%; timing %q",
		100*jitter, b.timing)
	return b.evenlyApart(ctx)
}

func (b *bench) evenlyApart(ctx context.Context) (err error) {
	a, err := b.openApart(ctx, "wan-80", evenly(far))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close()); b.printf("%s", a.text) }()
	if err := a.row(ctx, "80 ms", far, true, b.apart); err != nil {
		return err
	}
	return a.row(ctx, "80 ms", far, false, b.apart*3/10)
}

func (a *apart) row(ctx context.Context, name string, rtt time.Duration, beside bool, count int) error {
	leader, err := a.move(ctx, beside)
	if err != nil {
		return err
	}
	s, err := a.ask(ctx, count)
	if err != nil {
		return err
	}
	where := ", beside the leader"
	if !beside {
		where = ", from a follower's"
	}
	p50 := s.took.Quantile(0.5)
	a.figure(name+where, quantiles(s.took), "")
	a.figure("  p50 in round trips", fmt.Sprintf("%.2f", float64(p50)/float64(rtt)), "")
	a.figure("  late", fmt.Sprintf("%d of %d %v", s.late, count, s.why), "")
	a.figure("  asked again", fmt.Sprintf("p50 %s, max %s", testnet.Millis(s.again.Quantile(0.5)), testnet.Millis(s.again.Max())), "")
	a.figure("  led", fmt.Sprintf("%s before, %v, %d moves", leader, s.by, s.moves), "")
	return nil
}
