package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"casper-cosigner/stock/launcher"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/localnet"

	standin "casper-cosigner/testnet/launcher"
)

// launching names the folder of a node that this process launches, in place of playing.
const launching = "STOCKDEMO_LAUNCH"

const (
	activation  = 3               // the era with which the new version begins
	lostToDay   = 4               // rounds: both nodes start in a new era
	missedByDay = 3               // the last blocks of the old version: nodes end before all signatures came
	upgradedIn  = 6 * time.Minute // from the start of the network
)

// The versions of an upgrade day: one program, and two protocol versions.
var (
	oldVersion = launcher.Version{2, 0, 3}
	newVersion = launcher.Version{2, 0, 4}
)

// staged is where the versions of a node are.
func staged(dir string) launcher.Folders {
	dir = filepath.Join(dir, "launcher")
	return launcher.Folders{Binaries: filepath.Join(dir, "bin"), Settings: filepath.Join(dir, "etc")}
}

// launch is what stands in for casper-node-launcher on the host of a node: a process of its own,
// with which the node dies.
func launch(dir string) int {
	runtime.LockOSThread() // the node is killed when the thread that started it ends
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	l, err := standin.New(staged(dir), launcher.Version{}, os.Stdout)
	if err == nil {
		err = l.Run(ctx)
	}
	fmt.Fprintln(os.Stderr, "launcher:", err)
	if exit := new(standin.ExitError); errors.As(err, &exit) {
		return exit.Code
	}
	return 1
}

// launched has every node of the network run by a launcher.
func (s *demo) launched(c *localnet.Config) {
	self, err := os.Executable()
	for i, n := range c.Nodes {
		dir, program := filepath.Join(c.Dir, n.Name), filepath.Join(s.Dir, "launch-"+n.Name)
		text := fmt.Sprintf("#!/bin/sh\n%s='%s' exec '%s'\n", launching, dir, self)
		err = errors.Join(err, os.WriteFile(program, []byte(text), 0o700))
		c.Nodes[i].Binary = program
	}
	s.stageErr = err
}

// stageOld stages the version that all nodes start with.
func (s *demo) stageOld(n *localnet.Network) {
	s.stageErr = errors.Join(s.stageErr, s.stage(n, oldVersion, nil))
}

// stage stages a version for all nodes.
func (s *demo) stage(n *localnet.Network, v launcher.Version, change map[string]any) error {
	program, err := filepath.Abs(s.Node)
	for _, node := range n.Nodes {
		err = errors.Join(err, node.Stage(staged(node.Dir), v, program, change))
	}
	return err
}

// upgrade stages a new version on all hosts while the old one runs, as an operator does, and waits
// until the chain is past its activation: every node ends with 0, and its launcher takes it there.
func (s *demo) upgrade(ctx context.Context) error {
	p := s.Pair
	if s.stageErr != nil {
		return s.stageErr
	}
	if err := s.stage(p.Network, newVersion, map[string]any{"protocol.version": newVersion.String(),
		"protocol.activation_point": activation}); err != nil {
		return err
	}
	s.Sayf("%v is staged on all hosts, for era %d", newVersion, activation)
	before, err := p.Cluster.Roles(ctx)
	if err != nil {
		return err
	}
	var last time.Time
	err = s.Await(ctx, upgradedIn, "the new version", func() (bool, error) {
		all := p.Record().Blocks()
		if n := len(all); n > 0 && all[n-1].Block.Era < activation {
			last = all[n-1].Seen
		}
		return len(all) > 0 && all[len(all)-1].Block.Era >= activation, p.Update()
	})
	if err != nil {
		return err
	}
	s.Sayf("the first block of era %d came %v after the last one before it", activation,
		time.Since(last).Round(100*time.Millisecond))
	for _, n := range []*localnet.Node{p.Main.Node, p.Standby.Node} {
		if err := s.claimUpgraded(ctx, n); err != nil {
			return err
		}
	}
	if err := s.votesAgain(ctx, time.Now()); err != nil {
		return err
	}
	after, err := p.Cluster.AwaitRoles(ctx, func(r testnet.Roles) bool { return r.Active != "" })
	if err != nil {
		return err
	}
	s.Claimf(after.Active == before.Active && after.Epoch == before.Epoch,
		"roles stayed: %s is active in epoch %d, %s was in epoch %d", after.Active, after.Epoch, before.Active, before.Epoch)
	return s.SomeRounds(ctx, movedRounds)
}

// claimUpgraded tells that a node of ours runs the new version, by its launcher's state and its own
// word.
func (s *demo) claimUpgraded(ctx context.Context, n *localnet.Node) error {
	if _, err := s.Validates(ctx, n, catchesUpIn); err != nil {
		return err
	}
	state, ok, err := staged(n.Dir).State()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(n.LogFile())
	if err != nil {
		return err
	}
	migrated := bytes.Count(text, []byte(`"migrating data"`))
	s.Claimf(ok && state.Mode == launcher.Run && state.Version == newVersion.String() && migrated == 1,
		"%s: the launcher runs %s, data were migrated %d time, and it is in Validate", n.Name, state.Version, migrated)
	return nil
}
