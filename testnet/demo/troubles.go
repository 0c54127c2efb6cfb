package main

import (
	"context"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/rehearse"
)

const (
	hot    = "hot"
	fenced = "fenced"
)

// trouble is one way in which main fails.
type trouble struct {
	name   string
	mode   string
	causes []string      // one of which the cosigners give
	more   time.Duration // that its signs may take to show
	strike rehearse.Strike
	// An operator holds the roles meanwhile and makes main active again; else it becomes so by itself,
	// each time later.
	byHand  bool
	forgets bool // main comes back without its log of the era
	spoils  int  // rounds that may be lost in hot mode
}

// killHost kills main and its agent in hot mode. Main comes back without its log.
func (s *demo) killHost(ctx context.Context) error {
	s.Begin("hot", "In hot mode: kill -9 of %s and its agent at a random instant of a round", testnet.Main)
	return s.suffer(ctx, trouble{name: "host killed", mode: hot, causes: []string{"silent"}, forgets: true,
		strike: s.Forgetting(s.KillHost())})
}

// killNode kills main, and not its agent, in fenced mode.
func (s *demo) killNode(ctx context.Context) error {
	s.Begin("fenced", "In fenced mode: kill -9 of %s at a random instant of a round; its agent lives", testnet.Main)
	return s.suffer(ctx, trouble{name: "node killed", mode: fenced, causes: []string{"node_down"}, forgets: true,
		strike: s.Forgetting(s.KillNode())})
}

// hang stops main where it stands.
func (s *demo) hang(ctx context.Context) error {
	s.Begin("hung", "In hot mode: SIGSTOP of %s; its agent answers pings, and it makes no progress", testnet.Main)
	return s.suffer(ctx, trouble{name: "node hung", mode: hot, causes: []string{"node_down", "behind"}, byHand: true,
		strike: s.Hang()})
}

// cutOff takes main's peers away. When it votes, alone, that no block came, the standby's turn for
// the next round comes a block's time after that.
func (s *demo) cutOff(ctx context.Context) error {
	s.Begin("cut off", "In hot mode: %s is cut off from its peers, and runs on", testnet.Main)
	return s.suffer(ctx, trouble{name: "cut off from peers",
		mode: hot, causes: []string{"behind"}, byHand: true, spoils: 1,
		// Until the others are two rounds further, one of them perhaps without a block, and a ping
		// has told of it.
		more: 2*s.Net.Block + s.Net.VotedDown + s.Net.PingInterval, strike: s.CutOff()})
}

// partition cuts main's agent off from the cosigners.
func (s *demo) partition(ctx context.Context) error {
	s.Begin("partition", "In hot mode: %s's host is cut off from the cosigners, and reaches all others", testnet.Main)
	return s.suffer(ctx, trouble{name: "cut off from cosigners",
		mode: hot, causes: []string{"cut_off"}, byHand: true, strike: s.Partition()})
}
