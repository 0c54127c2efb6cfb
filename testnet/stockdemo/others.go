package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet/casperdemo/stage"
	"casper-cosigner/testnet/localnet"
)

const (
	movedRounds = 10              // so many pass with moved indices
	followsIn   = 6 * time.Minute // a node that was out for eras, be it started a second time
	// erasToMove is after how many a validator is out or in: it is silent for a whole one, or says so
	// in one; and who is to be in an era is settled two before.
	erasToMove = 5
	// allOfIt is more than any bid, however much it was rewarded: who takes back more than there is
	// takes back all.
	allOfIt = 1_000_000_000_000_000
)

// below are the nodes of others whose keys are lower than ours, so that our index moves with them.
// The watched one is not among them. Keys come from the seed: there may be less than are needed.
func (s *demo) below() (all []*localnet.Node) {
	for _, n := range s.Pair.Foreign[1:] {
		if slices.Compare(n.Validator[:], s.Pair.Ours[:]) < 0 {
			all = append(all, n)
		}
	}
	return all
}

// moved waits for an era in which a validator is, or is not, and lets rounds of it pass.
func (s *demo) moved(ctx context.Context, v casper.PublicKey, in bool) error {
	p := s.Pair
	now, _ := p.Watched.Timeline().EraStart()
	before := p.Record().Validators(now)
	within := erasToMove * (s.EraTime + 10*s.BlockTime)
	err := s.Await(ctx, within, "an era with other validators", func() (bool, error) {
		if err := p.Update(); err != nil {
			return false, err
		}
		now, _ = p.Watched.Timeline().EraStart()
		return slices.Contains(p.Record().Validators(now), v) == in, nil
	})
	if err != nil {
		return err
	}
	after := p.Record().Validators(now)
	from, to := slices.Index(before, p.Ours), slices.Index(after, p.Ours)
	s.Claimf(from != to && to >= 0, "from era %d on there are %d validators, and ours is of index %d, not %d",
		now, len(after), to, from)
	return s.SomeRounds(ctx, movedRounds)
}

// evicted kills the node of another validator, until the network takes that out.
func (s *demo) evicted(ctx context.Context) error {
	victim := s.below()[0]
	if err := s.SomeRounds(ctx, stage.RoundsAfter); err != nil {
		return err
	}
	if err := victim.Kill(); err != nil {
		return err
	}
	s.Sayf("%s of another validator is killed, and stays down", victim.Name)
	if err := s.moved(ctx, victim.Validator, false); err != nil {
		return err
	}
	return s.Await(ctx, followsIn, victim.Name+" to follow the chain", func() (bool, error) {
		if !victim.Running() { // casper-node gives up when it has not caught up within two minutes
			return false, victim.Start(ctx)
		}
		st, err := victim.Status(ctx)
		return err == nil && st.State == "KeepUp", nil
	})
}

// joins has the evicted validator bid again.
func (s *demo) joins(ctx context.Context) error {
	back := s.below()[0]
	if err := s.transact(ctx, localnet.Activation{Of: s.keyOf(back), Time: time.Now()}); err != nil {
		return err
	}
	return s.moved(ctx, back.Validator, true)
}

// leaves has another validator take its bid back.
func (s *demo) leaves(ctx context.Context) error {
	leaver := s.below()[1]
	if err := s.transact(ctx, localnet.Withdrawal{Of: s.keyOf(leaver), Amount: allOfIt, Time: time.Now()}); err != nil {
		return err
	}
	return s.moved(ctx, leaver.Validator, false)
}

// keyOf is the key of another validator.
func (s *demo) keyOf(n *localnet.Node) localnet.Key {
	return localnet.ValidatorKey(s.Seed, 1+slices.Index(s.Pair.Foreign, n))
}

// transact has the watched node take a transaction, and waits until it is executed.
func (s *demo) transact(ctx context.Context, t localnet.Transaction) error {
	hash, err := s.Pair.Watched.Node.Send(ctx, t)
	if err != nil {
		return err
	}
	var done localnet.TransactionProcessed
	err = s.Await(ctx, s.EraTime, "a transaction", func() (ok bool, err error) {
		done, ok = s.Pair.Record().Processed(hash)
		return ok, nil
	})
	if err == nil && done.Error != "" {
		err = fmt.Errorf("transaction %v: %s", hash, done.Error)
	}
	return err
}

// seedWithTwoBelow is the first seed from this one on with which two of the others that are not the
// watched one have lower keys than ours.
func seedWithTwoBelow(seed uint64, others int) uint64 {
	for ; ; seed++ {
		ours, below := localnet.ValidatorKey(seed, 0).Public(), 0
		for i := 2; i <= others; i++ {
			if key := localnet.ValidatorKey(seed, i).Public(); slices.Compare(key[:], ours[:]) < 0 {
				below++
			}
		}
		if below >= 2 {
			return seed
		}
	}
}
