package main

import (
	"context"
	"errors"
	"time"

	"casper-cosigner/testnet"
)

const (
	hot    = "hot"
	fenced = "fenced"
	reason = "--reason=demo"
)

// trouble is one way in which main fails.
type trouble struct {
	name   string
	mode   string
	causes []string      // one of which the cosigners give
	more   time.Duration // that its signs may take to show
	strike func(context.Context) error
	mend   func(context.Context) error
	// An operator holds the roles meanwhile and makes main active again; else it becomes so by itself, each time later.
	byHand  bool
	forgets bool // main comes back without its log of the era
	spoils  int  // rounds that may be lost in hot mode
}

// killHost kills main and its agent in hot mode. Main comes back without its log.
func (s *demo) killHost(ctx context.Context) error {
	main, agent := s.network.Node(testnet.Main), s.network.Cluster.Agents[0]
	s.Begin("hot", "In hot mode: kill -9 of %s and its agent at a random instant of a round", main.Name)
	return s.suffer(ctx, trouble{name: "host killed", mode: hot, causes: []string{"silent"}, forgets: true,
		strike: func(context.Context) error { return errors.Join(main.Kill(), agent.Kill()) },
		mend: func(ctx context.Context) error {
			return errors.Join(main.Forget(), agent.Start(ctx), main.Start(ctx))
		}})
}

// killNode kills main, and not its agent, in fenced mode.
func (s *demo) killNode(ctx context.Context) error {
	main := s.network.Node(testnet.Main)
	s.Begin("fenced", "In fenced mode: kill -9 of %s at a random instant of a round; its agent lives", main.Name)
	return s.suffer(ctx, trouble{name: "node killed", mode: fenced, causes: []string{"node_down"}, forgets: true,
		strike: func(context.Context) error { return main.Kill() },
		mend:   func(ctx context.Context) error { return errors.Join(main.Forget(), main.Start(ctx)) }})
}

// hang stops main where it stands. Its agent goes on to ping.
func (s *demo) hang(ctx context.Context) error {
	main := s.network.Node(testnet.Main)
	s.Begin("hung", "In hot mode: SIGSTOP of %s; its agent answers pings, and it makes no progress", main.Name)
	return s.suffer(ctx, trouble{name: "node hung", mode: hot, causes: []string{"node_down", "behind"}, byHand: true,
		strike: func(context.Context) error { return main.Stop() }, mend: func(context.Context) error { return main.Cont() }})
}

// cutOff takes main's peers away. It answers /status, and asks for what is past. When it votes, alone, that no block came, the
// standby's turn for the next round comes a block's time after that.
func (s *demo) cutOff(ctx context.Context) error {
	s.Begin("cut off", "In hot mode: %s is cut off from its peers, and runs on", testnet.Main)
	cut := func(value bool) func(context.Context) error {
		return func(ctx context.Context) error { return s.network.Cut(ctx, testnet.Main, value) }
	}
	return s.suffer(ctx, trouble{name: "cut off from peers", mode: hot, causes: []string{"behind"}, byHand: true, spoils: 1,
		// Until the others are two rounds further, one of them perhaps without a block, and a ping has told of it.
		more: 2*s.network.Block + s.network.VotedDown + s.network.PingInterval, strike: cut(true), mend: cut(false)})
}

// partition cuts main's agent off from the cosigners; the standby's agent still reaches it.
func (s *demo) partition(ctx context.Context) error {
	s.Begin("partition", "In hot mode: %s's host is cut off from the cosigners, and reaches all others", testnet.Main)
	cut := func(value bool) func(context.Context) error {
		return func(context.Context) error { s.network.Partition(value); return nil }
	}
	return s.suffer(ctx, trouble{name: "cut off from cosigners", mode: hot, causes: []string{"cut_off"}, byHand: true,
		strike: cut(true), mend: cut(false)})
}
