package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/simcasper/hub"
	"casper-cosigner/testnet/simcasper/node"
	"casper-cosigner/testnet/simnet"
)

// leastNotice is how many blocks before its end an era is not too far gone for an upgrade.
const leastNotice = 3

// upgrade has the whole network leave for a new version, for longer than failoverAfter.
// No role changes.
func (s *demo) upgrade(ctx context.Context) error {
	r, err := s.Net.Report(ctx)
	if err != nil {
		return err
	}
	era := r.Era + 1
	if left := s.Net.EraBlocks - r.Height%s.Net.EraBlocks; left < leastNotice {
		era++
	}
	s.upgrades++
	version := fmt.Sprintf("2.1.%d", s.upgrades)
	s.Begin("upgrade", "Version %s is staged for era %d; all nodes shut down at the end of era %d", version, era, era-1)
	roles, err := s.Net.Cluster.Roles(ctx)
	if err != nil {
		return err
	}
	staged := time.Now()
	if err := s.Net.Stage(ctx, era, version); err != nil {
		return err
	}
	down, err := s.AwaitReport(ctx, func(r hub.Report) bool { return r.Down })
	if err != nil {
		return err
	}
	seen, err := s.AwaitRoles(ctx, func(r testnet.Roles) bool { return r.Judgement.Code == "upgrade" })
	if err != nil {
		return err
	}
	s.Sayf("the cosigners: %s, %s", seen.Judgement.Code, seen.Judgement.Why)
	up, err := s.AwaitReport(ctx, func(r hub.Report) bool {
		return r.Version == version && slices.ContainsFunc(r.Rounds, func(o hub.Round) bool {
			return o.Era >= era && o.Vote != 0
		})
	})
	if err != nil {
		return err
	}
	voting := time.Now()
	s.claimLastEra(before(up, era, down.Now), era-1, staged)
	after, err := s.AllReady(ctx)
	if err != nil {
		return err
	}
	if err := s.claimRoles(ctx, roles, after, staged); err != nil {
		return err
	}
	return s.claimUpgraded(ctx, staged, voting)
}

// before leaves in a report what was before the network went down at the end of an era, and what
// came of that until now.
func before(r hub.Report, era uint64, down int64) hub.Report {
	r.Rounds = slices.DeleteFunc(r.Rounds, func(o hub.Round) bool { return o.Era >= era })
	r.Blocks = slices.DeleteFunc(r.Blocks, func(b hub.Block) bool { return b.Added > down })
	return r
}

// claimLastEra tells of the rounds and blocks since the version was staged, up to the era's last.
// The others are there for half a block's time after that block; what of ours has not reached them
// by then has not come.
func (s *demo) claimLastEra(r hub.Report, era uint64, staged time.Time) {
	last := era * s.Net.EraBlocks // height of the switch block
	l := simnet.LossesOf(r, s.Net.Block, staged).Unexcused()
	whole := len(r.Blocks) > 0 && r.Blocks[len(r.Blocks)-1].Height == last
	s.Claimf(whole && l.Of > 0 && len(l.Rounds)+len(l.Finality) == 0,
		"to the end of era %d: of %d rounds %d are lost, and of the heights up to %d, the switch block's, %d finality "+
			"signatures",
		era, l.Of, len(l.Rounds), last, len(l.Finality))
	for _, b := range l.Finality {
		s.Sayf("lost: the finality signature of height %d", b.Height)
	}
}

// claimRoles tells that the roles are what they were, though main was away for longer
// than failoverAfter.
func (s *demo) claimRoles(ctx context.Context, before, after testnet.Roles, staged time.Time) error {
	all, err := s.Net.Node(testnet.Main).Journal(staged)
	if err != nil {
		return err
	}
	changes, err := s.Net.Cluster.Changes(ctx)
	if err != nil {
		return err
	}
	away := longestGap(all)
	changed := slices.ContainsFunc(changes, func(c testnet.Change) bool { return c.At.After(staged) })
	s.Claimf(!changed && away > failoverAfter && after.Epoch == before.Epoch,
		"%s is active as before, epoch %d, though it asked for nothing for %s (failover_after %v)",
		after.Active, after.Epoch, testnet.Millis(away), failoverAfter)
	return nil
}

// claimUpgraded tells of the rounds since our nodes vote in the new version. The other validators
// are up before them.
func (s *demo) claimUpgraded(ctx context.Context, staged, voting time.Time) error {
	if err := s.SomeRounds(ctx, 3); err != nil {
		return err
	}
	r, err := s.Net.Report(ctx)
	if err != nil {
		return err
	}
	s.Claimf(len(r.Faults) == 0, "version %s: rounds with our votes; in all eras no validator saw us contradict ourselves",
		r.Version)
	l, err := s.Net.Losses(ctx, voting)
	if err != nil {
		return err
	}
	s.claimLosses(l, hot, voting, 0)
	if l, err = s.Net.Losses(ctx, staged); err != nil {
		return err
	}
	s.Sayf("the other validators were up first: %d of the %d rounds since the version was staged ended before our nodes "+
		"voted again", len(l.Rounds), l.Of)
	s.rows = append(s.rows, row{"upgrade", hot, "upgrade", "never", "-", "-", l})
	return nil
}

// longestGap is the longest time between two answers.
func longestGap(all []node.Entry) (longest time.Duration) {
	for i := 1; i < len(all); i++ {
		longest = max(longest, time.Duration(all[i].At-all[i-1].At)*time.Millisecond)
	}
	return longest
}
