package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
	"casper-cosigner/testnet/localnet"
)

const (
	faultIn  = 4 * time.Minute // of two nodes that sign apart
	bannedIn = 4 * time.Minute
)

// gatelessPair runs the two nodes with one key and without a gate. That the others see a Fault and
// ban us is what shows that they would elsewhere.
func (s *demo) gatelessPair(ctx context.Context) (err error) {
	c := localnet.Config{Dir: s.NetworkDir(), Binary: s.Node, Defaults: s.Defaults, Seed: s.Seed,
		Validators: make([]localnet.Validator, stage.Validators), BlockTime: s.BlockTime, EraDuration: s.EraTime,
		Nodes: []localnet.NodeConfig{{Name: testnet.Main}, {Name: testnet.Standby},
			{Name: "validator-2", Validator: 1}, {Name: "validator-3", Validator: 2}, {Name: "validator-4", Validator: 3}}}
	network, err := localnet.Setup(ctx, c)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), stage.ClosesIn)
		defer cancel()
		err = errors.Join(err, network.Close(closing))
	}()
	if err := network.Start(ctx); err != nil {
		return err
	}
	ours, others := network.Nodes[0].Validator, network.Nodes[2:]
	watching, stop := context.WithCancel(ctx)
	defer stop()
	record := localnet.NewRecord(network.Validators())
	go record.Follow(watching, others[0]) //nolint:errcheck // what it does not see is missed below
	err = s.Await(ctx, faultIn, "a Fault of ours", func() (bool, error) {
		return slices.ContainsFunc(record.Faults(), func(f localnet.Fault) bool { return f.Validator == ours }), nil
	})
	if ctx.Err() != nil {
		return err
	}
	s.Claimf(err == nil, "without gates %s sees a Fault of ours, at height %d", others[0].Name, record.Height())
	if err != nil {
		return nil
	}
	banned := func() (n int) {
		for _, node := range others {
			changes, err := node.ValidatorChanges(ctx)
			if err == nil && slices.ContainsFunc(changes, func(c localnet.ValidatorChange) bool {
				return c.Validator == ours && c.Change == "Banned"
			}) {
				n++
			}
		}
		return n
	}
	n := 0
	err = s.Await(ctx, bannedIn, "our ban", func() (bool, error) { n = banned(); return n == len(others), nil })
	s.Claimf(err == nil, "%d of the %d others have us banned", n, len(others))
	return ctx.Err()
}
