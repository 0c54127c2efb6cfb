package main

import (
	"context"
	"slices"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet/localnet"
)

// indexMoves has another validator leave, by which ours gets another index. The gates know a
// message of ours by the index that our key had first, for they are built from a mutant, for this
// alone: from then on they take it for another's, and both nodes sign.
func (s *demo) indexMoves(ctx context.Context) error {
	p := s.Pair
	if err := s.SomeRounds(ctx, movedRounds); err != nil {
		return err
	}
	fault := func() bool {
		return slices.ContainsFunc(p.Records, func(r *localnet.Record) bool {
			return slices.ContainsFunc(r.Faults(), func(f localnet.Fault) bool { return f.Validator == p.Ours })
		})
	}
	s.Claimf(!fault(), "with the index that they knew: no Fault of ours at the others in %d blocks", p.Record().Height())
	leaver := s.below()[1]
	if err := s.transact(ctx, localnet.Withdrawal{Of: s.keyOf(leaver), Amount: allOfIt, Time: time.Now()}); err != nil {
		return err
	}
	s.Sayf("%s of another validator takes its bid back", leaver.Name)
	err := s.Await(ctx, erasToMove*(s.EraTime+10*s.BlockTime)+faultIn, "a Fault of ours", func() (bool, error) {
		return fault(), p.Update()
	})
	if ctx.Err() != nil {
		return err
	}
	era, _ := p.Watched.Timeline().EraStart()
	index := slices.Index(p.Record().Validators(era), p.Ours)
	s.Claimf(err == nil, "by index: the others see a Fault of ours in era %d, at height %d; our index is %d, and was %d",
		era, p.Record().Height(), index, p.OurIndex)
	if err != nil {
		return nil //nolint:nilerr // the line above says it
	}
	return s.punished(ctx)
}

// punished waits for the end of an era that names us an equivocator, and for one after which we are
// no validator: that is up to the auction's delay later. /validator-changes of casper-node 2.0.3
// tells of a ban for a few eras only.
func (s *demo) punished(ctx context.Context) error {
	p := s.Pair
	var named, out *localnet.Block
	err := s.Await(ctx, bannedIn, "our ban", func() (bool, error) {
		named, out = punishedBy(p.Record().Blocks(), p.Ours)
		return out != nil, p.Update()
	})
	if err == nil {
		s.Claimf(true, "the last block of era %d names us an equivocator, and from era %d on we are no validator",
			named.Era, out.Era+1)
		return nil
	}
	s.Claimf(false, "an era's last block names us an equivocator (%v), and one from there on leaves us out", named != nil)
	return ctx.Err()
}

// punishedBy are the first block that names a validator an equivocator, and the first from there on
// that leaves it out of the next era.
func punishedBy(blocks []localnet.BlockRecord, v casper.PublicKey) (named, out *localnet.Block) {
	for _, b := range blocks {
		end := b.Block.End
		if end == nil {
			continue
		}
		if named == nil && slices.Contains(end.Equivocators, v) {
			named = &b.Block
		}
		if named != nil && !slices.Contains(end.Next, v) {
			return named, &b.Block
		}
	}
	return named, nil
}
