// Package localnet makes and runs a network of real casper-nodes on the loopback address, and
// watches it from outside.
//
// The files of a network start from the node's own defaults, which the program
// localnet-defaults prints (it is built with the node), so nothing is copied and they fit the
// version. A node holds its validator's key in a file, or has a remote signer and no key; two
// nodes may run as one validator.
//
// It promises that only processes which it started are ever signalled, that they end with the
// network, with the context and with the starting program, and that every wait is bounded by a
// context. It judges nothing: a Record says what one node showed, and what it is worth its
// callers decide.
//
// Facts to choose a network by. A validator whose node is down for a whole era is evicted: use eras
// of 300 s or more where nodes are killed. A restarted node fetches about one block in 2 s: use
// blocks of 8 s where restarts are measured. Nodes must be started before 180 s after genesis
// (casper-node catch_up.rs). MinimumEraHeight must not be below RewardDelay.
package localnet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/node"
	"casper-cosigner/testnet"
)

// protocolVersion is what the chain says it is; the node's crate has the same number.
const protocolVersion = "2.0.3"

// What an empty field of Config means.
const (
	defaultChain            = "casper-localnet"
	defaultBlockTime        = 2 * time.Second
	defaultEraDuration      = time.Minute
	defaultRewardDelay      = 3
	defaultMinimumEraHeight = 5
	defaultGenesisIn        = 10 * time.Second
)

// graceAfterGenesis is how late a node without blocks may start (casper-node catch_up.rs).
const graceAfterGenesis = 180 * time.Second

// Config says what network to make.
type Config struct {
	Dir      string // folder to make it in; empty or absent
	Binary   string // casper-node, where a node does not name its own
	Defaults string // the program localnet-defaults, built with the binary that knows the most settings
	Seed     uint64 // of all keys

	Validators []Validator
	Nodes      []NodeConfig // none: one per validator, with a key file

	Chain            string
	Genesis          time.Time // when the chain begins; zero: 10 s after the files are made
	BlockTime        time.Duration
	EraDuration      time.Duration
	MinimumEraHeight uint64 // blocks
	RewardDelay      uint64 // signature_rewards_max_delay: up to how many blocks later a finality signature is rewarded

	Chainspec map[string]any // further settings of chainspec.toml, by path, as "core.unbonding_delay"
}

// Validator is one of those who make the chain.
type Validator struct {
	Bond      uint64           // its weight, in motes; 0: 5e14
	PublicKey casper.PublicKey // of a key made elsewhere, which no node here can then hold; zero: ValidatorKey
}

// NodeConfig says how one process is run.
type NodeConfig struct {
	Name      string         // of its folder; empty: node-1 and so on
	Validator int            // as which of Config.Validators it runs; two nodes may name the same one
	Binary    string         // empty: Config.Binary
	Signer    string         // unix socket of its remote signer; empty: it holds the key in a file
	Config    map[string]any // further settings of config.toml, by path, as "network.min_peers_for_initialization"
	Env       []string       // further environment, as "RUST_LOG=debug"
}

// Network is a network whose files are made.
type Network struct {
	Nodes   []*Node
	Chain   string
	Genesis time.Time

	validators []casper.PublicKey
}

// Setup makes the files of a network, and starts nothing.
func Setup(ctx context.Context, c Config) (*Network, error) {
	c = c.filled()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("setting up a network: %w", err)
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("setting up a network: %w", err)
	}
	c.Dir = dir
	text, err := readDefaults(ctx, c.Defaults)
	if err != nil {
		return nil, err
	}
	d, err := parseDefaults(text)
	if err != nil {
		return nil, err
	}
	if c.Genesis.IsZero() {
		c.Genesis = time.Now().Add(defaultGenesisIn)
	}
	spec, err := c.chainspec(d.Chainspec)
	if err != nil {
		return nil, err
	}
	network := &Network{Chain: c.Chain, Genesis: c.Genesis}
	for i := range c.Validators {
		network.validators = append(network.validators, c.publicKey(i))
	}
	if network.Nodes, err = c.nodes(); err != nil {
		return nil, err
	}
	for i, n := range network.Nodes {
		if d, err = parseDefaults(text); err != nil {
			return nil, err
		}
		config, err := nodeConfig(d.Config, n, c.Nodes[i], network.peersOf(n))
		if err != nil {
			return nil, err
		}
		files := map[string][]byte{"chainspec.toml": spec, "accounts.toml": c.accounts(), "config.toml": config}
		if err := c.write(n, c.Nodes[i], files); err != nil {
			return nil, fmt.Errorf("making the files of %s: %w", n.Name, err)
		}
	}
	return network, nil
}

func (c Config) filled() Config {
	fill(&c.Chain, defaultChain)
	fill(&c.BlockTime, defaultBlockTime)
	fill(&c.EraDuration, defaultEraDuration)
	fill(&c.RewardDelay, defaultRewardDelay)
	fill(&c.MinimumEraHeight, max(defaultMinimumEraHeight, c.RewardDelay))
	c.Validators = append([]Validator(nil), c.Validators...)
	for i := range c.Validators {
		fill(&c.Validators[i].Bond, defaultBond)
	}
	c.Nodes = append([]NodeConfig(nil), c.Nodes...)
	if len(c.Nodes) == 0 {
		for i := range c.Validators {
			c.Nodes = append(c.Nodes, NodeConfig{Validator: i})
		}
	}
	for i := range c.Nodes {
		fill(&c.Nodes[i].Name, "node-"+strconv.Itoa(i+1))
		fill(&c.Nodes[i].Binary, c.Binary)
	}
	return c
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// check lists all that is wrong with a filled Config.
func (c Config) check() error {
	var err error
	wrong := func(format string, a ...any) { err = errors.Join(err, fmt.Errorf(format, a...)) }
	if c.Dir == "" || c.Defaults == "" {
		wrong("the folder or the program localnet-defaults is not named")
	}
	if len(c.Validators) == 0 {
		wrong("there is no validator")
	}
	if c.MinimumEraHeight < c.RewardDelay {
		wrong("the minimum era height, %d, is below the reward delay, %d", c.MinimumEraHeight, c.RewardDelay)
	}
	if !c.Genesis.IsZero() && time.Since(c.Genesis) > graceAfterGenesis {
		wrong("genesis was at %v; no node would join a chain begun over %v ago", c.Genesis, graceAfterGenesis)
	}
	names := map[string]bool{}
	for _, n := range c.Nodes {
		if names[n.Name] {
			wrong("two nodes are named %s", n.Name)
		}
		names[n.Name] = true
		switch {
		case n.Binary == "":
			wrong("%s has no binary", n.Name)
		case n.Validator < 0 || n.Validator >= len(c.Validators):
			wrong("%s runs as validator %d of %d", n.Name, n.Validator, len(c.Validators))
		case n.Signer == "" && c.Validators[n.Validator].PublicKey != casper.PublicKey{}:
			wrong("%s has no remote signer, and its validator's key is not ours to give", n.Name)
		}
	}
	return err
}

func (c Config) publicKey(validator int) casper.PublicKey {
	if k := c.Validators[validator].PublicKey; k != (casper.PublicKey{}) {
		return k
	}
	return ValidatorKey(c.Seed, validator).Public()
}

// nodes gives every node its folder and its ports.
func (c Config) nodes() ([]*Node, error) {
	const each = 4
	ports, err := testnet.QuietPorts(each * len(c.Nodes))
	if err != nil {
		return nil, err
	}
	var nodes []*Node
	for i, spec := range c.Nodes {
		binary, err := filepath.Abs(spec.Binary)
		if err != nil {
			return nil, fmt.Errorf("finding the binary of %s: %w", spec.Name, err)
		}
		own := ports[i*each:]
		nodes = append(nodes, &Node{
			Name: spec.Name, Dir: filepath.Join(c.Dir, spec.Name), Validator: c.publicKey(spec.Validator),
			Network: testnet.Loopback(own[0]), REST: testnet.Loopback(own[1]), Events: testnet.Loopback(own[2]),
			BinaryPort: testnet.Loopback(own[3]), binary: binary, chain: c.Chain, env: spec.Env,
		})
	}
	return nodes, nil
}

func (n *Network) peersOf(one *Node) []string {
	var peers []string
	for _, other := range n.Nodes {
		if other != one {
			peers = append(peers, other.Network)
		}
	}
	return peers
}

func (c Config) write(n *Node, spec NodeConfig, files map[string][]byte) error {
	if err := os.MkdirAll(n.Storage(), 0o700); err != nil {
		return err
	}
	files = maps.Clone(files)
	if spec.Signer == "" {
		pem, err := ValidatorKey(c.Seed, spec.Validator).PEM()
		if err != nil {
			return err
		}
		files[node.KeyFile] = pem
	}
	for name, text := range files {
		path := filepath.Join(n.Dir, name)
		// An old network's file must not survive in a new one, so none may be there.
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = f.Write(text)
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
	}
	return nil
}

// Validators returns the public keys of the genesis validators, in the order of Config.
func (n *Network) Validators() []casper.PublicKey {
	return append([]casper.PublicKey(nil), n.validators...)
}

// Node returns the node of that name, or nil.
func (n *Network) Node(name string) *Node {
	for _, node := range n.Nodes {
		if node.Name == name {
			return node
		}
	}
	return nil
}

// Start starts every node that does not run. They end with ctx at the latest.
func (n *Network) Start(ctx context.Context) error {
	for _, node := range n.Nodes {
		if node.Running() {
			continue
		}
		if err := node.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close ends every node: with SIGTERM, and SIGKILL for one that has not heeded it when ctx ends.
func (n *Network) Close(ctx context.Context) error {
	var err error
	for _, node := range n.Nodes {
		err = errors.Join(err, node.signalEnd())
	}
	for _, node := range n.Nodes {
		if _, waitErr := node.Wait(ctx); waitErr != nil {
			err = errors.Join(err, node.Kill())
		}
	}
	return err
}
