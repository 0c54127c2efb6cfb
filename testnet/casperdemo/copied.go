package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
	"casper-cosigner/testnet/localnet"
)

const (
	shortEra    = 30 * time.Second
	shortBlock  = 2 * time.Second
	faultWithin = 2 * time.Minute
	banWithin   = 90 * time.Second
)

// copied runs what the product is there to prevent: two nodes with the same key file.
func (s *demo) copied(ctx context.Context) (err error) {
	c := localnet.Config{Dir: filepath.Join(s.Dir, "copied"), Binary: s.Node, Defaults: s.Defaults, Seed: s.Seed + 1,
		Validators: make([]localnet.Validator, stage.Validators), Chain: "casper-copied", BlockTime: shortBlock,
		EraDuration: shortEra}
	for _, name := range []string{testnet.Main, testnet.Standby} {
		c.Nodes = append(c.Nodes, localnet.NodeConfig{Name: name})
	}
	for i := 1; i < stage.Validators; i++ {
		c.Nodes = append(c.Nodes, localnet.NodeConfig{Name: fmt.Sprintf("validator-%d", i+1), Validator: i})
	}
	network, err := localnet.Setup(ctx, c)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.Background(), stage.ClosesIn)
		defer cancel()
		if closeErr := network.Close(closing); err == nil {
			err = closeErr
		}
	}()
	if err := network.Start(ctx); err != nil {
		return err
	}
	owner, judge := network.Nodes[0], network.Nodes[2]
	s.Sayf("%s and %s hold the same key file; no cosigners; blocks of %v, eras of %v",
		owner.Name, network.Nodes[1].Name, shortBlock, shortEra)

	watching, stop := context.WithCancel(ctx)
	record := localnet.NewRecord(network.Validators())
	defer stop()
	followed := make(chan error, 1)
	go func() { followed <- record.Follow(watching, judge) }()
	kept := filepath.Join(s.Dir, "copied-unit-files")
	keeping := make(chan error, 1)
	go func() { keeping <- localnet.KeepUnitFiles(watching, judge.UnitFiles(), kept) }()
	err = s.equivocates(ctx, network, judge, record)
	stop()
	if followErr := <-followed; !errors.Is(followErr, context.Canceled) {
		err = errors.Join(err, followErr)
	}
	if err := errors.Join(err, <-keeping); err != nil {
		return err
	}
	found, err := s.UnitFiles(ctx, owner.Validator, kept)
	if err != nil {
		return err
	}
	s.Count("contradictions", len(found.Contradictions))
	s.Count("evidence", len(found.Evidence))
	s.Claimf(!found.Clean && len(found.Contradictions) > 0,
		"the judge would have told: it finds %d double signs and %d evidence in the unit files of %s",
		len(found.Contradictions), len(found.Evidence), judge.Name)
	return nil
}

// equivocates waits until the double sign is seen, and then punished.
func (s *demo) equivocates(ctx context.Context, network *localnet.Network, judge *localnet.Node,
	record *localnet.Record) error {
	owner := network.Nodes[0]
	of := func(f localnet.Fault) bool { return f.Validator == owner.Validator }
	seen, cancel := context.WithTimeout(ctx, faultWithin)
	defer cancel()
	err := record.Await(seen, func(r *localnet.Record) bool { return slices.ContainsFunc(r.Faults(), of) })
	s.Count("faults", len(record.Faults()))
	s.Claimf(err == nil, "%s tells of a Fault of that validator, %.0f s after genesis",
		judge.Name, time.Since(network.Genesis).Seconds())
	if err != nil {
		return err
	}
	punished, cancel := context.WithTimeout(ctx, banWithin)
	defer cancel()
	var last string
	_, err = judge.Await(punished, func(localnet.Status) bool {
		changes, err := judge.ValidatorChanges(punished)
		if err != nil {
			return false
		}
		for _, c := range changes {
			if c.Validator == owner.Validator && (c.Change == "Banned" || c.Change == "Removed") {
				last = fmt.Sprintf("era %d: %s", c.Era, c.Change)
				return true
			}
		}
		return false
	})
	s.Claimf(err == nil, "/validator-changes of %s: %s", judge.Name, last)
	for _, b := range record.Blocks() {
		if end := b.Block.End; end != nil && slices.Contains(end.Equivocators, owner.Validator) {
			s.Sayf("the last block of era %d names it an equivocator; the validators of era %d: %d",
				b.Block.Era, b.Block.Era+1, len(end.Next))
		}
	}
	for _, end := range network.Unwanted() {
		s.Sayf("a node ended by itself: %s", end)
	}
	if err != nil {
		return fmt.Errorf("waiting for the punishment: %w", err)
	}
	return nil
}
