package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/simcasper/hub"
	"casper-cosigner/testnet/simcasper/node"
)

// leastNotice is how many blocks before its end an era is not too far gone for an upgrade.
const leastNotice = 3

// upgrade has the whole network leave for a new version, for longer than failoverAfter. No role changes.
func (s *show) upgrade(ctx context.Context) error {
	r, err := s.network.Report(ctx)
	if err != nil {
		return err
	}
	era := r.Era + 1
	if left := s.network.EraBlocks - r.Height%s.network.EraBlocks; left < leastNotice {
		era++
	}
	s.upgrades++
	version := fmt.Sprintf("2.1.%d", s.upgrades)
	s.begin("upgrade", "Version %s is staged for era %d; all nodes shut down at the end of era %d", version, era, era-1)
	before, err := s.network.Cluster.Roles(ctx)
	if err != nil {
		return err
	}
	staged := time.Now()
	if err := s.network.Stage(ctx, era, version); err != nil {
		return err
	}
	if _, err := s.awaitReport(ctx, func(r hub.Report) bool { return r.Down }); err != nil {
		return err
	}
	lost, err := s.network.Losses(ctx, staged)
	if err != nil {
		return err
	}
	s.claimLosses(lost, hot, staged, 0)
	seen, err := s.awaitRoles(ctx, func(r testnet.Roles) bool { return r.Judgement.Code == "upgrade" })
	if err != nil {
		return err
	}
	s.sayf("the cosigners: %s, %s", seen.Judgement.Code, seen.Judgement.Why)
	_, err = s.awaitReport(ctx, func(r hub.Report) bool {
		return r.Version == version && slices.ContainsFunc(r.Rounds, func(o hub.Round) bool { return o.Era >= era && o.Vote != 0 })
	})
	if err != nil {
		return err
	}
	voting := time.Now()
	after, err := s.allReady(ctx)
	if err != nil {
		return err
	}
	if err := s.claimRoles(ctx, before, after, staged); err != nil {
		return err
	}
	return s.claimUpgraded(ctx, staged, voting)
}

// claimRoles tells that the roles are what they were, though main was away for longer than failoverAfter.
func (s *show) claimRoles(ctx context.Context, before, after testnet.Roles, staged time.Time) error {
	all, err := s.network.Node(testnet.Main).Journal(staged)
	if err != nil {
		return err
	}
	changes, err := s.network.Cluster.Changes(ctx)
	if err != nil {
		return err
	}
	away := longestGap(all)
	changed := slices.ContainsFunc(changes, func(c testnet.Change) bool { return c.At.After(staged) })
	s.claimf(!changed && away > failoverAfter && after.Epoch == before.Epoch, "%s is active as before, epoch %d, though it asked for nothing for %s (failover_after %v)",
		after.Active, after.Epoch, testnet.Millis(away), failoverAfter)
	return nil
}

// claimUpgraded tells of the rounds since our nodes vote in the new version. The other validators are up before them.
func (s *show) claimUpgraded(ctx context.Context, staged, voting time.Time) error {
	if err := s.someRounds(ctx, 3); err != nil {
		return err
	}
	r, err := s.network.Report(ctx)
	if err != nil {
		return err
	}
	s.claimf(len(r.Faults) == 0, "version %s: rounds with our votes; in all eras no validator saw us contradict ourselves", r.Version)
	l, err := s.network.Losses(ctx, voting)
	if err != nil {
		return err
	}
	s.claimLosses(l, hot, voting, 0)
	if l, err = s.network.Losses(ctx, staged); err != nil {
		return err
	}
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
