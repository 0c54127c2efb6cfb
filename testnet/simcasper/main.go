// Simcasper is a simulated Casper network in real processes: the hub, which is the validators that
// are not ours and the wire, and a node of ours per process, which asks its agent for every
// signature as casper-node does.
//
//	simcasper hub  --nodes HOST:PORT --control HOST:PORT --key 01HEX --transcript FILE [flags]
//	simcasper node --id 0|1 --name NAME --hub HOST:PORT --rest HOST:PORT --events HOST:PORT --cluster DIR --dir DIR --key 01HEX
//
// Both run until they are told to end. A node also ends, with 0, when an upgrade is due, and wants
// to be started again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/simcasper/hub"
	"casper-cosigner/testnet/simcasper/node"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "simcasper:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("want hub or node")
	}
	logger := zerolog.New(os.Stderr).With().Timestamp().Logger()
	switch args[0] {
	case "hub":
		return runHub(ctx, args[1:], logger)
	case "node":
		return runNode(ctx, args[1:], logger)
	}
	return fmt.Errorf("unknown command %q: want hub or node", args[0])
}

// names are our nodes' as in the cluster, by their addresses in the network.
func names() [hub.OurNodes]string { return [hub.OurNodes]string{testnet.Main, testnet.Standby} }

func runHub(ctx context.Context, args []string, logger zerolog.Logger) error {
	c := hub.Config{Names: names(), Logger: logger}
	flags := flag.NewFlagSet("simcasper hub", flag.ExitOnError)
	nodes := flags.String("nodes", "", "where our nodes connect")
	control := flags.String("control", "", "where commands are taken, over HTTP")
	transcript := flags.String("transcript", "", "file for every message of our validator")
	key := flags.String("key", "", "our validator's public key")
	flags.StringVar(&c.Version, "version", "2.0.3", "of the protocol")
	flags.DurationVar(&c.Downtime, "downtime", 4*time.Second, "of the network at an upgrade")
	flags.StringVar(&c.Chain.Name, "chain", "casper-example", "name of the chain")
	flags.Uint64Var(&c.Chain.Seed, "seed", 1, "of the sequence of leaders")
	flags.DurationVar(&c.Chain.Block, "block", time.Second, "least time between blocks")
	flags.DurationVar(&c.Chain.Timeout, "timeout", 2*time.Second, "until a round is voted down")
	flags.Uint64Var(&c.Chain.EraBlocks, "era-blocks", 20, "blocks in an era")
	flags.Parse(args) //nolint:errcheck // it exits
	var err error
	if c.Validator, err = casper.ParsePublicKey(*key); err != nil {
		return fmt.Errorf("reading --key: %w", err)
	}
	file, err := os.Create(*transcript)
	if err != nil {
		return fmt.Errorf("making the transcript: %w", err)
	}
	defer file.Close()
	c.Transcript = file
	atNodes, err := net.Listen("tcp", *nodes)
	if err != nil {
		return err
	}
	atControl, err := net.Listen("tcp", *control)
	if err != nil {
		return err
	}
	return hub.New(c, time.Now()).Run(ctx, atNodes, atControl)
}

func runNode(ctx context.Context, args []string, logger zerolog.Logger) error {
	c := node.Config{Logger: logger}
	flags := flag.NewFlagSet("simcasper node", flag.ExitOnError)
	flags.IntVar(&c.ID, "id", 0, "address in the network: 0 or 1")
	flags.StringVar(&c.Name, "name", "", "the node's name in the cluster")
	flags.StringVar(&c.Hub, "hub", "", "where the hub takes nodes")
	flags.StringVar(&c.REST, "rest", "", "where to serve /status")
	flags.StringVar(&c.Events, "events", "", "where to serve /events")
	flags.StringVar(&c.Cluster, "cluster", "", "folder of the cluster in which the node's agent is")
	flags.StringVar(&c.Dir, "dir", "", "folder of the node's files")
	key := flags.String("key", "", "our validator's public key")
	flags.Parse(args) //nolint:errcheck // it exits
	var err error
	if c.Validator, err = casper.ParsePublicKey(*key); err != nil {
		return fmt.Errorf("reading --key: %w", err)
	}
	return node.New(c).Run(ctx)
}
