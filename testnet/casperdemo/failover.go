package main

import (
	"context"
	"strings"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
)

// roundsEach is how many rounds each node of ours is the active one.
const roundsEach = 4

// handOver fences the standby out, hands over to it and back, and ends the fence, by the commands
// that an operator uses.
func (s *demo) handOver(ctx context.Context) error {
	p := s.Pair
	if err := s.failover(ctx, "mode", "fenced"); err != nil {
		return err
	}
	if err := s.served(ctx, p.Main, p.Standby); err != nil {
		return err
	}
	if err := s.failover(ctx, "promote", testnet.Standby); err != nil {
		return err
	}
	if err := s.served(ctx, p.Standby, p.Main); err != nil {
		return err
	}
	if err := s.failover(ctx, "promote", testnet.Main); err != nil {
		return err
	}
	if err := s.served(ctx, p.Main, p.Standby); err != nil {
		return err
	}
	if err := s.failover(ctx, "mode", "hot"); err != nil {
		return err
	}
	return s.SomeRounds(ctx, stage.RoundsAfter)
}

// failover runs a command of the operator's.
func (s *demo) failover(ctx context.Context, command, argument string) error {
	err := s.Pair.Cluster.Failover(ctx, command, argument, "--reason", "casper demo")
	if err == nil {
		s.Sayf("casper-cosigner failover %s %s", command, argument)
	}
	return err
}

// served lets rounds pass and tells whether the cosigners say that the node is active, and
// sign its votes.
func (s *demo) served(ctx context.Context, active, passive *stage.NodeLog) error {
	first, err := s.NewRound(ctx)
	if err != nil {
		return err
	}
	if err := s.SomeRounds(ctx, roundsEach); err != nil {
		return err
	}
	r, err := s.Pair.Cluster.Roles(ctx)
	if err != nil {
		return err
	}
	votes, turned := 0, 0
	for _, a := range active.Asked() {
		if a.Kind == "vote" && a.Answered() && !a.At.Before(first.Start) {
			votes++
		}
	}
	for _, a := range passive.Asked() {
		if strings.HasPrefix(a.Why, notActive) && !a.At.Before(first.Start) {
			turned++
		}
	}
	s.Count("votes_of_active_"+active.Node.Name, votes)
	s.Count("refused_to_passive_"+passive.Node.Name, turned)
	s.Claimf(r.Mode == "fenced" && r.Active == active.Node.Name && votes >= roundsEach-1,
		"the cosigners say: %s, %s active; it had its Vote signed %d times in %d rounds; %s was refused %d times before it",
		r.Mode, r.Active, votes, roundsEach, passive.Node.Name, turned)
	return nil
}

// notActive is how our client tells of the refusal.
const notActive = "NotActive"
