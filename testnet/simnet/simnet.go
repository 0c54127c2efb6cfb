// Package simnet runs one validator in a simulated Casper network, all in real processes: a cluster
// of cosigners and agents, a simulated casper-node beside each agent, and the hub, which is the
// other validators and the wire between all.
//
// It promises what testnet does: every process ends with it, and it waits by asking. It reads what
// the others have seen and what the cosigners say; what that is worth, its callers say. Shipped
// code never imports it.
package simnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/link"
	"casper-cosigner/testnet/simcasper/node"
)

// Settings say how the network is made.
type Settings struct {
	Binary    string // the program, built
	Simcasper string // the simulated casper-nodes, built
	Dir       string // folder to make everything in, which exists
	PEM       string // the validator's secret_key.pem
	Chain     string // name
	Seed      uint64 // of the sequence of leaders

	Block     time.Duration // least time between blocks: the length of a round
	VotedDown time.Duration // how long a round without a block takes
	EraBlocks uint64
	Downtime  time.Duration // of the network at an upgrade
	Version   string        // of the protocol at the start

	PingInterval, PingTimeout    time.Duration // of the agents
	FailoverAfter, FailbackAfter time.Duration // of the cosigners
}

// Defaults are settings of a network that shows a failover within seconds: all but the paths.
func Defaults() Settings {
	return Settings{Chain: "casper-example", Seed: 1, Block: time.Second, VotedDown: 2 * time.Second, EraBlocks: 20,
		Downtime: 4 * time.Second, Version: "2.0.3", PingInterval: 500 * time.Millisecond,
		PingTimeout: 250 * time.Millisecond, FailoverAfter: 2 * time.Second, FailbackAfter: 2 * time.Second}
}

// Network is a network of processes on this machine. Start starts them, Close ends them.
type Network struct {
	Settings
	Cluster *testnet.Cluster

	nodes   map[string]*Node // of ours
	hub     *testnet.Process
	control string       // where the hub takes commands
	links   []*link.Link // between main's agent and the cosigners
	linking sync.WaitGroup
	unlink  context.CancelFunc
}

// Node is a simulated casper-node of ours. It is killed, halted and started as any process.
type Node struct {
	*testnet.Process
	id           int
	dir          string
	rest, events string
}

// Setup makes the files of a network. It starts nothing.
func Setup(ctx context.Context, s Settings) (*Network, error) {
	validator, err := testnet.PublicKey(s.PEM)
	if err != nil {
		return nil, err
	}
	n := &Network{Settings: s, nodes: map[string]*Node{}, unlink: func() {}}
	n.Cluster, err = testnet.Setup(ctx, testnet.Settings{Binary: s.Binary, Dir: filepath.Join(s.Dir, "cluster"),
		PEM: s.PEM, Chain: s.Chain, MinEra: time.Duration(s.EraBlocks) * s.Block / 2, MinBlock: s.Block, Init: []string{
			"--ping-interval", s.PingInterval.String(), "--ping-timeout", s.PingTimeout.String(),
			"--failover-after", s.FailoverAfter.String(), "--failback-after", s.FailbackAfter.String()}})
	if err != nil {
		return nil, err
	}
	ports, err := testnet.QuietPorts(6)
	if err != nil {
		return nil, err
	}
	at := make([]string, len(ports))
	for i, port := range ports {
		at[i] = testnet.Loopback(port)
	}
	n.control = at[1]
	n.hub = n.process("hub", "hub", "--nodes", at[0], "--control", n.control, "--key", validator.String(), "--transcript",
		n.Transcript(),
		"--version", s.Version, "--downtime", s.Downtime.String(), "--chain", s.Chain, "--seed", fmt.Sprint(s.Seed),
		"--block", s.Block.String(), "--timeout", s.VotedDown.String(), "--era-blocks", fmt.Sprint(s.EraBlocks))
	for id, name := range []string{testnet.Main, testnet.Standby} {
		c := &Node{id: id, dir: filepath.Join(s.Dir, name), rest: at[2+2*id], events: at[3+2*id]}
		if err := os.MkdirAll(c.dir, 0o700); err != nil {
			return nil, fmt.Errorf("making a node's folder: %w", err)
		}
		c.Process = n.process(name, "node", "--id", fmt.Sprint(id), "--name", name, "--hub", at[0], "--rest",
			c.rest, "--events", c.events, "--cluster", n.Cluster.Dir, "--dir", c.dir, "--key", validator.String())
		n.nodes[name] = c
		if err := n.Cluster.Watch(name, c.rest, c.events); err != nil {
			return nil, err
		}
	}
	return n, n.interpose()
}

func (n *Network) process(name string, args ...string) *testnet.Process {
	return &testnet.Process{Name: name, Path: n.Simcasper, Args: args, Log: filepath.Join(n.Dir, name+".log")}
}

// Transcript is the file of all that the other validators received of ours. It is whole once the
// network is closed.
func (n *Network) Transcript() string { return filepath.Join(n.Dir, "network.jsonl") }

// Start starts all processes, the casper-nodes once the cosigners are ready.
func (n *Network) Start(ctx context.Context) error {
	linked, unlink := context.WithCancel(context.WithoutCancel(ctx))
	n.unlink = unlink
	for _, l := range n.links {
		n.linking.Go(func() { l.Run(linked) })
	}
	if err := n.Cluster.Start(ctx); err != nil {
		return err
	}
	if _, err := n.Cluster.Ready(ctx, readyWithin); err != nil {
		return err
	}
	err := n.hub.Start(ctx)
	for _, c := range n.nodes {
		err = errors.Join(err, c.Start(ctx))
	}
	return err
}

// readyWithin is how long the cosigners may take to be ready.
const readyWithin = 30 * time.Second

// closesIn is how long the hub has to finish its transcript.
const closesIn = 5 * time.Second

// Close ends all processes, also such as are halted.
func (n *Network) Close() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), closesIn)
	defer cancel()
	for _, c := range n.nodes {
		err = errors.Join(err, c.Kill())
	}
	if err = errors.Join(err, n.hub.Term()); n.hub.Wait(ctx) != nil {
		err = errors.Join(err, n.hub.Kill())
	}
	n.unlink()
	n.linking.Wait()
	return errors.Join(err, n.Cluster.Close())
}

// Node returns our node of that name: testnet.Main or testnet.Standby.
func (n *Network) Node(name string) *Node { return n.nodes[name] }

// Journal is what the node has asked for, and was answered since a time.
func (c *Node) Journal(since time.Time) (later []node.Entry, err error) {
	all, err := node.ReadJournal(filepath.Join(c.dir, node.JournalFile))
	for _, e := range all {
		if e.At >= since.UnixMilli() {
			later = append(later, e)
		}
	}
	return later, err
}

// Forget removes the node's log of the era: what a power cut may do.
func (c *Node) Forget() error {
	if err := os.Remove(filepath.Join(c.dir, node.LogFile)); err != nil {
		return fmt.Errorf("removing a node's log: %w", err)
	}
	return nil
}
