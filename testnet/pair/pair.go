// Package pair is two stock nodes with one key, each behind a real gate, with a real agent and real
// cosigners. The nodes themselves are whoever writes into their unit files.
//
// It promises that all of it ends with it, mounts too where Apart was called. It judges nothing.
package pair

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/claim"
	"casper-cosigner/stock/gate"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units/unitstest"
	"casper-cosigner/testnet"
)

const (
	chain       = "casper-test"
	readyWithin = time.Minute
	askAgain    = 5 * time.Millisecond
)

// apart says that this process has mounts of its own.
const apart = "CASPER_PAIR_APART"

// Apart has this program begin once more where its mounts are nobody else's and end with it. It
// must be the first that the program does. It fails where no gate can be mounted, and says why.
func Apart() error {
	if os.Getenv(apart) == "" {
		runtime.LockOSThread() // the new program goes on in this thread, and sees its mounts
		err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		if err != nil {
			return fmt.Errorf("only root can mount the gates of a pair: %w", err)
		}
		self, err := os.Executable()
		if err != nil {
			return err
		}
		return syscall.Exec(self, os.Args, append(os.Environ(), apart+"=1"))
	}
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("without FUSE there are no gates: %w", err)
	}
	return f.Close()
}

// Settings are where a pair is made, and of what.
type Settings struct {
	Binary, Dir, PEM string
	MinBlock         time.Duration // for the cluster file
}

// Pair is a cluster with two stock nodes that both may vote.
type Pair struct {
	*testnet.Cluster
	Chain *testnet.StockChain
	Key   unitstest.Validator
	Nodes [2]*Node
}

// Node is the host of a stock node.
type Node struct {
	Name  string
	Gate  *testnet.Process
	agent *claim.Client

	unitFiles, folder string
	key               casper.PublicKey
}

// Open makes a pair and starts all of it. Close it, also if it could not be opened.
func Open(ctx context.Context, s Settings) (*Pair, error) {
	p := &Pair{}
	if err := p.make(ctx, s); err != nil {
		return p, fmt.Errorf("making a pair: %w", err)
	}
	if err := p.Start(ctx); err != nil {
		return p, err
	}
	if _, err := p.Ready(ctx, readyWithin); err != nil {
		return p, err
	}
	for _, n := range p.Nodes {
		if err := n.Stand(ctx); err != nil {
			return p, err
		}
	}
	return p, p.Known(ctx)
}

func (p *Pair) make(ctx context.Context, s Settings) error {
	text, err := os.ReadFile(s.PEM)
	if err != nil {
		return err
	}
	seed, err := casper.ParseSecretKeyPEM(text)
	if err != nil {
		return err
	}
	p.Key = unitstest.Of(ed25519.NewKeyFromSeed(seed[:]), 1)
	era := casper.Round{Chainspec: casper.Hash{1}, Era: 12, KeyBlock: casper.Hash{2}}
	if p.Chain, err = testnet.ServeChain(era, p.Key.Public()); err != nil {
		return err
	}
	names := []string{testnet.Main, testnet.Standby}
	p.Cluster, err = testnet.Setup(ctx, testnet.Settings{Binary: s.Binary, Dir: filepath.Join(s.Dir, "cluster"),
		PEM: s.PEM, Chain: chain, MinEra: time.Second, MinBlock: s.MinBlock, Stock: names, Hot: true})
	if err != nil {
		return err
	}
	for i, name := range names {
		if p.Nodes[i], err = p.node(name, filepath.Join(s.Dir, name, chain, "unit_files")); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pair) node(name, unitFiles string) (*Node, error) {
	n := &Node{Name: name, unitFiles: unitFiles, folder: p.GateFolder(name), key: p.Key.Public()}
	if err := os.MkdirAll(filepath.Dir(unitFiles), 0o755); err != nil {
		return nil, err
	}
	address, err := p.Chain.Node()
	if err == nil {
		err = p.Watch(name, address, address)
	}
	if err != nil {
		return nil, err
	}
	if n.Gate, err = p.Gate(name, unitFiles); err != nil {
		return nil, err
	}
	n.agent, err = p.Claims(name)
	return n, err
}

// Close ends all of it.
func (p *Pair) Close() error {
	var err error
	for _, n := range p.Nodes {
		if n == nil || n.agent == nil {
			continue
		}
		err = errors.Join(err, n.Gate.Kill(), n.agent.Close())
		for unix.Unmount(n.unitFiles, unix.MNT_DETACH) == nil {
		}
	}
	if p.Cluster != nil {
		err = errors.Join(err, p.Cluster.Close())
	}
	if p.Chain != nil {
		err = errors.Join(err, p.Chain.Close())
	}
	return err
}

// NextEra has the chain begin an era, and waits until both agents know it.
func (p *Pair) NextEra(ctx context.Context) error {
	p.Chain.Next()
	return p.Known(ctx)
}

// Known waits until the agents of both nodes know the chain's era.
func (p *Pair) Known(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for _, n := range p.Nodes {
		for {
			_, err := n.agent.Find(ctx, p.Chain.Era().Instance())
			if err == nil {
				break
			}
			if testnet.Pause(ctx, askAgain) != nil {
				return fmt.Errorf("the agent of %s does not know the era: %w", n.Name, err)
			}
		}
	}
	return nil
}

// Stand starts the gate if it does not run, and waits until it refuses what it must.
func (n *Node) Stand(ctx context.Context) error {
	if !n.Gate.Running() {
		if err := n.Gate.Start(ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		err := n.refuses()
		if err == nil {
			return nil
		}
		if testnet.Pause(ctx, askAgain) != nil {
			return fmt.Errorf("the gate of %s does not stand: %w", n.Name, err)
		}
	}
}

func (n *Node) refuses() error {
	f, err := os.OpenFile(filepath.Join(n.unitFiles, gate.ProbeName), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(journal.Probe()); !errors.Is(err, syscall.EIO) {
		return fmt.Errorf("a gate's probe is answered: %w", err)
	}
	return nil
}

// Path is where the node looks for its unit file of an instance.
func (n *Node) Path(instance casper.Hash) string {
	return filepath.Join(n.unitFiles, journal.FileName(instance, n.key))
}

// Stored is where the gate keeps that file.
func (n *Node) Stored(instance casper.Hash) string {
	return filepath.Join(n.folder, journal.FileName(instance, n.key))
}

// Append opens the unit file as casper-node does to write it.
func (n *Node) Append(instance casper.Hash) (*os.File, error) {
	return os.OpenFile(n.Path(instance), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
}
