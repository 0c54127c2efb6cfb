package main

import (
	"context"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
)

// quorumGone is how long cosigners stay away once an era began.
const quorumGone = 5 * time.Second

// noQuorum ends two cosigners as an era ends, and starts them again in the next one: its first
// message waits for them.
func (s *demo) noQuorum(ctx context.Context) error {
	p := s.Pair
	if err := p.Update(); err != nil {
		return err
	}
	before, _ := p.Watched.Timeline().EraStart()
	err := s.Await(ctx, 2*s.EraTime, "the last block of an era", func() (bool, error) {
		all := p.Record().Blocks()
		end := all[len(all)-1].Block
		return end.End != nil && end.Era >= before, p.Update()
	})
	if err != nil {
		return err
	}
	gone := p.Cluster.Cosigners[:2]
	for _, c := range gone {
		if err := s.Disturb("kill -9 "+c.Name, c.Kill); err != nil {
			return err
		}
	}
	killed := time.Now()
	if _, err := s.NewRound(ctx); err != nil {
		return err
	}
	began := time.Now()
	s.Sayf("the era's first round began %v later", began.Sub(killed).Round(100*time.Millisecond))
	if err := testnet.Pause(ctx, quorumGone); err != nil {
		return err
	}
	for _, c := range gone {
		if err := c.Start(ctx); err != nil {
			return err
		}
	}
	if _, err := p.Cluster.Ready(ctx, stage.ReadyWithin); err != nil {
		return err
	}
	s.Sayf("the cosigners are ready again %v after it began", time.Since(began).Round(100*time.Millisecond))
	return s.votesAgain(ctx, time.Now())
}
