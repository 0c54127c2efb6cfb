package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"casper-cosigner/testnet/localnet"
)

// writeChain writes the chainspec.toml and accounts.toml of a small chain into a folder, made from
// casper-node's own defaults. casper-node's unit tests want such a chain, and the published crate
// does not bring the one that they were written for.
func writeChain(ctx context.Context, defaults, into string) (err error) {
	dir, err := os.MkdirTemp("", "chain-")
	if err != nil {
		return fmt.Errorf("making a folder for a chain: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	network, err := localnet.Setup(ctx, localnet.Config{
		Dir: dir, Binary: defaults, Defaults: defaults, Chain: "casper-example", Genesis: time.Now(),
		Validators: make([]localnet.Validator, 2),
		BlockTime:  4096 * time.Millisecond, // Zug's test of faults wants a block time near the proposal timeout
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(into, 0o755); err != nil {
		return fmt.Errorf("writing a chain: %w", err)
	}
	for _, name := range []string{"chainspec.toml", "accounts.toml"} {
		text, err := os.ReadFile(filepath.Join(network.Nodes[0].Dir, name))
		if err != nil {
			return fmt.Errorf("reading a chain: %w", err)
		}
		if err := os.WriteFile(filepath.Join(into, name), text, 0o644); err != nil {
			return fmt.Errorf("writing a chain: %w", err)
		}
	}
	return nil
}
