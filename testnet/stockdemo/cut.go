package main

import (
	"context"
	"errors"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
)

const (
	cutFor  = 40 * time.Second
	backsIn = 2 * time.Minute // a node that was cut off, in the others' round
)

// apart has our nodes on hosts of their own: each with its agent, its gate and what watches that,
// behind one link to all others. It reports whether the machine lets it.
func (s *demo) apart(ctx context.Context) (ok bool, err error) {
	if s.Hosts, err = stage.NewNamespaces(ctx, s.Dir); err != nil {
		s.Open(stage.Act{Name: "hosts", Title: "Hosts of their own"}, 0)
		s.Sayf("NOT PLAYED, network namespaces need root and iproute2: %v", err)
		return false, nil
	}
	if err := s.Hosts.WritePrograms(s.Node); err != nil {
		return false, errors.Join(err, s.Hosts.Close())
	}
	return true, nil
}

// cut takes the link of the active node's host down: node, gate and agent reach each other, and
// nobody else. The other node votes. Once the link is up, the node goes on with the others, and is
// not started again by us.
func (s *demo) cut(ctx context.Context) error {
	active, other, err := s.strike(ctx, "link down of the host of", func(h host) error {
		return s.Hosts.Set(ctx, h.Node.Name, "down")
	})
	if err != nil {
		return err
	}
	down := time.Now()
	if err := s.takesOver(ctx, other, down); err != nil {
		return err
	}
	if err := testnet.Pause(ctx, time.Until(down.Add(cutFor))); err != nil {
		return err
	}
	own, theirs, err := s.newest(active)
	if err != nil {
		return err
	}
	s.Claimf(own != theirs && active.Node.Running(), "cut off for %v: %s runs, in round %v, the others are in %v",
		time.Since(down).Round(time.Second), active.Node.Name, own, theirs)
	if err := s.Disturb("link up of the host of "+active.Node.Name, func() error {
		return s.Hosts.Set(ctx, active.Node.Name, "up")
	}); err != nil {
		return err
	}
	up := time.Now()
	err = s.Await(ctx, backsIn, "the round of the others", func() (same bool, err error) {
		own, theirs, err = s.newest(active)
		return own == theirs, err
	})
	if ctx.Err() != nil {
		return err
	}
	s.Claimf(err == nil, "it is in the others' round again %v after: %v, the others in %v",
		time.Since(up).Round(100*time.Millisecond), own, theirs)
	return s.votesAgain(ctx, time.Now())
}

// newest are the rounds in which a node of ours and the others are.
func (s *demo) newest(h host) (own, theirs stage.RoundID, err error) {
	err = s.Pair.Update()
	ours, _ := h.Timeline().Newest()
	others, _ := s.Pair.Watched.Timeline().Newest()
	return ours.Name(), others.Name(), err
}
