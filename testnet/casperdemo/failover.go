package main

import (
	"context"
	"strings"

	"casper-cosigner/testnet"
)

// roundsEach is how many rounds each node of ours is the active one.
const roundsEach = 4

// handOver fences the standby out, hands over to it and back, and ends the fence, by the commands that an operator uses.
func (s *demo) handOver(ctx context.Context) error {
	p := s.pair
	if err := s.failover(ctx, "mode", "fenced"); err != nil {
		return err
	}
	if err := s.served(ctx, p.main, p.standby); err != nil {
		return err
	}
	if err := s.failover(ctx, "promote", testnet.Standby); err != nil {
		return err
	}
	if err := s.served(ctx, p.standby, p.main); err != nil {
		return err
	}
	if err := s.failover(ctx, "promote", testnet.Main); err != nil {
		return err
	}
	if err := s.served(ctx, p.main, p.standby); err != nil {
		return err
	}
	if err := s.failover(ctx, "mode", "hot"); err != nil {
		return err
	}
	return s.someRounds(ctx, roundsAfter)
}

// failover runs a command of the operator's.
func (s *demo) failover(ctx context.Context, command, argument string) error {
	err := s.pair.cluster.Failover(ctx, command, argument, "--reason", "casper demo")
	if err == nil {
		s.Sayf("casper-cosigner failover %s %s", command, argument)
	}
	return err
}

// served lets rounds pass and tells whether the cosigners say that the node is active, and sign its votes.
func (s *demo) served(ctx context.Context, active, passive *nodeLog) error {
	first, err := s.newRound(ctx)
	if err != nil {
		return err
	}
	if err := s.someRounds(ctx, roundsEach); err != nil {
		return err
	}
	r, err := s.pair.cluster.Roles(ctx)
	if err != nil {
		return err
	}
	votes, turned := 0, 0
	for _, a := range active.asked() {
		if a.Kind == "vote" && a.answered() && !a.At.Before(first.Start) {
			votes++
		}
	}
	for _, a := range passive.asked() {
		if strings.HasPrefix(a.Why, notActive) && !a.At.Before(first.Start) {
			turned++
		}
	}
	s.count("votes_of_active_"+active.node.Name, votes)
	s.count("refused_to_passive_"+passive.node.Name, turned)
	s.Claimf(r.Mode == "fenced" && r.Active == active.node.Name && votes >= roundsEach-1,
		"the cosigners say: %s, %s active; it had its Vote signed %d times in %d rounds; %s was refused %d times before it",
		r.Mode, r.Active, votes, roundsEach, passive.node.Name, turned)
	return nil
}

// notActive is how our client tells of the refusal.
const notActive = "NotActive"
