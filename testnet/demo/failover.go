package main

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/rehearse"
	"casper-cosigner/testnet/simcasper/hub"
	"casper-cosigner/testnet/simnet"
	"casper-cosigner/testnet/zug"
)

// failoverAfter leaves room: agents ask /status once a second, and a busy machine is late with it.
const failoverAfter = 3 * time.Second

// comesWithin is how long what must come may take, beyond what is claimed of it. The end of an era
// is the longest.
const comesWithin = time.Minute

// leaders returns a seed, the given one or above, by which our validator leads two or three of some
// early rounds of the first eras: main is to come back to old leader slots.
func leaders(seed uint64) uint64 {
	for ; ; seed++ {
		c, suits := zug.Chain{Weights: slices.Repeat([]uint64{1}, hub.Nodes-1), Seed: seed}, true
		for era := range eras {
			led := 0
			for round := earlyRound; round < lastStrike-1; round++ {
				if c.Leader(zug.FirstEra+era, round) == 0 {
					led++
				}
			}
			suits = suits && (led == 2 || led == 3)
		}
		if suits {
			return seed
		}
	}
}

const (
	eras       = uint64(4) // by the last of which main was killed for the last time
	earlyRound = uint32(3) // of the first era: by then the nodes are there
)

// startNetwork ends the cluster of the first part and makes one whose agents stand beside
// simulated casper-nodes.
func (s *demo) startNetwork(ctx context.Context) error {
	s.restarts = s.cluster.Restarts()
	if err := s.cluster.Close(); err != nil {
		return err
	}
	settings := simnet.Defaults()
	settings.Binary, settings.Simcasper, settings.PEM = s.binary, s.simcasper, s.pem
	settings.Dir, settings.Seed = filepath.Join(s.dir, "failover"), leaders(s.seed)
	settings.FailoverAfter, settings.FailbackAfter = failoverAfter, failoverAfter
	s.Begin("network", "A main and a standby in a network of four validators, rounds of %v, -seed %d",
		settings.Block, s.seed)
	random := rand.New(rand.NewPCG(s.seed, 1))
	s.Rehearsal = &rehearse.Rehearsal{Random: random, Reason: "demo", Within: comesWithin}
	if err := s.Setup(ctx, settings); err != nil {
		return err
	}
	if err := s.Net.Start(ctx); err != nil {
		return err
	}
	started := time.Now()
	r, err := s.AllReady(ctx)
	if err != nil {
		return err
	}
	s.Claimf(r.Active == testnet.Main && r.Mode == hot,
		"%s is active, epoch %d, %s; both are ready %.1f s after their start",
		r.Active, r.Epoch, r.Mode, time.Since(started).Seconds())
	s.Sayf("each agent pings every cosigner and the other agent each %v; failover_after and failback_after are %v",
		settings.PingInterval, failoverAfter)
	return nil
}
