package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/localnet"
)

const (
	validators  = 4
	eraTime     = 5 * time.Minute
	startsIn    = 90 * time.Second // nodes, from their start to Validate
	readyWithin = 20 * time.Second // cosigners
	closesIn    = 15 * time.Second
	roundsAfter = 2 // that pass before what was done is over
)

// How the cluster judges nodes where roles change by themselves. The times are shorter than what is shipped, for blocks of 4 s and
// a show of minutes.
const (
	pingInterval  = 500 * time.Millisecond
	failoverAfter = 6 * time.Second
	failbackAfter = 6 * time.Second
)

// What the nodes of ours log beside the usual.
const ourLog = "RUST_LOG=info,casper_remote_signer=debug,casper_node::components::consensus::protocols::zug::remote=debug"

// layout is what networks of pairs differ in, beside the block time.
type layout struct {
	eraTime   time.Duration
	automatic bool                    // roles change by themselves
	bond      uint64                  // of our validator, in motes; 0: as the others'
	arrange   func(*localnet.Config)  // if set, changes the network's settings before its files are made
	arranged  func(*localnet.Network) // if set, is told of the network before it is started

	// unanswered are the times in which the cosigners were gone, and the reward delay after them: blocks of them may be cited
	// without us.
	unanswered []window
}

func (l layout) uncitable(seen time.Time) bool {
	return slices.ContainsFunc(l.unanswered, func(w window) bool { return w.holds(seen) })
}

// pair is the first network: four equal validators, the first of which is a main and a standby behind cosigners.
type pair struct {
	key      localnet.Key // of our validator; none of the processes has it
	cluster  *testnet.Cluster
	network  *localnet.Network
	ours     casper.PublicKey
	ourIndex int // in every era, since the validators stay the same

	main, standby *nodeLog
	watched       *nodeLog         // of the first validator that is not ours; the clock of the show
	foreign       []*localnet.Node // the validators that are not ours
	records       []*localnet.Record
	mayLose       int    // rounds, in the acts so far
	kept          string // folder of the unit files of the foreign ones

	stop      context.CancelFunc // of the watchers
	followers sync.WaitGroup
	mu        sync.Mutex
	watchErr  error
}

// record is what the watched node shows.
func (p *pair) record() *localnet.Record { return p.records[0] }

// logs are those that the show reads.
func (p *pair) logs() []*nodeLog { return []*nodeLog{p.watched, p.main, p.standby} }

// update reads all logs on.
func (p *pair) update() error {
	err := p.watchFailure()
	for _, l := range p.logs() {
		err = errors.Join(err, l.update())
	}
	return err
}

func (p *pair) watchFailure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.watchErr
}

// mainAgent is the agent beside the main.
func (p *pair) mainAgent() *testnet.Process {
	i := slices.IndexFunc(p.cluster.Agents, func(a *testnet.Process) bool { return a.Name == testnet.Main })
	return p.cluster.Agents[i]
}

// setUpCluster splits our validator's key and destroys the file.
func (s *Stage) setUpCluster(ctx context.Context) error {
	p := s.pair
	text, err := p.key.PEM()
	if err != nil {
		return err
	}
	outside := filepath.Join(s.dir, "key", "secret_key.pem")
	if err := os.Mkdir(filepath.Dir(outside), 0o700); err != nil {
		return fmt.Errorf("making a folder for the key: %w", err)
	}
	if err := os.WriteFile(outside, text, 0o600); err != nil {
		return fmt.Errorf("writing the key: %w", err)
	}
	p.cluster, err = testnet.Setup(ctx, testnet.Settings{Binary: s.binary, Dir: s.clusterDir(), PEM: outside,
		Chain: chain, MinEra: s.eraTime, MinBlock: s.blockTime, Init: s.failoverFlags()})
	if err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Dir(outside)); err != nil {
		return fmt.Errorf("deleting the key: %w", err)
	}
	return nil
}

const chain = "casper-demo"

// failoverFlags are init's. Most of the longer acts are about hot mode alone, in which no round depends on who is active; and
// each return would make the next one wait twice as long.
func (s *Stage) failoverFlags() []string {
	if !s.automatic {
		return []string{"--failover", "manual", "--failback", "manual"}
	}
	return []string{"--ping-interval", pingInterval.String(), "--failover-after", failoverAfter.String(), "--failback-after", failbackAfter.String()}
}

func (s *Stage) clusterDir() string { return filepath.Join(s.dir, "cluster") }
func (s *Stage) networkDir() string { return filepath.Join(s.dir, "network") }

// setUpNetwork makes the files of the nodes.
func (s *Stage) setUpNetwork(ctx context.Context) error {
	p := s.pair
	c := localnet.Config{Dir: s.networkDir(), Binary: s.node, Defaults: s.defaults, Seed: s.seed,
		Validators: make([]localnet.Validator, validators), Chain: chain, BlockTime: s.blockTime, EraDuration: s.eraTime, RewardDelay: rewardDelay}
	c.Validators[0] = localnet.Validator{PublicKey: p.ours, Bond: s.bond}
	for _, name := range []string{testnet.Main, testnet.Standby} {
		c.Nodes = append(c.Nodes, localnet.NodeConfig{Name: name, Signer: p.cluster.Socket(name), Env: []string{ourLog}})
	}
	for i := 1; i < validators; i++ {
		c.Nodes = append(c.Nodes, localnet.NodeConfig{Name: fmt.Sprintf("validator-%d", i+1), Validator: i})
	}
	if s.arrange != nil {
		s.arrange(&c)
	}
	var err error
	if p.network, err = localnet.Setup(ctx, c); err != nil {
		return err
	}
	if s.arranged != nil {
		s.arranged(p.network)
	}
	for _, name := range []string{testnet.Main, testnet.Standby} {
		node := p.network.Node(name)
		if err := p.cluster.Watch(name, node.REST, node.Events); err != nil {
			return err
		}
	}
	p.main = &nodeLog{node: p.network.Node(testnet.Main)}
	p.standby = &nodeLog{node: p.network.Node(testnet.Standby)}
	p.foreign = p.network.Nodes[2:]
	p.watched = &nodeLog{node: p.foreign[0]}
	sorted := p.network.Validators()
	slices.SortFunc(sorted, func(a, b casper.PublicKey) int { return slices.Compare(a[:], b[:]) })
	p.ourIndex = slices.Index(sorted, p.ours)
	return nil
}

// follow watches the validators that are not ours: their events, and their unit files before they delete them.
func (p *pair) follow(ctx context.Context) {
	ctx, p.stop = context.WithCancel(ctx)
	note := func(err error) {
		if err == nil || errors.Is(err, context.Canceled) {
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.watchErr = errors.Join(p.watchErr, err)
	}
	for _, n := range p.foreign {
		record := localnet.NewRecord(p.network.Validators())
		p.records = append(p.records, record)
		p.followers.Go(func() { note(record.Follow(ctx, n)) })
		p.followers.Go(func() { note(localnet.KeepUnitFiles(ctx, n.UnitFiles(), filepath.Join(p.kept, n.Name))) })
	}
}

// endNetwork ends the nodes. The cosigners go on.
func (p *pair) endNetwork() error {
	if p.network == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closesIn)
	defer cancel()
	if p.stop != nil {
		p.stop()
		p.followers.Wait()
	}
	return p.network.Close(ctx)
}

// closePair ends the first network and its cosigners, if they run.
func (s *Stage) closePair() error {
	if s.pair == nil {
		return nil
	}
	err := s.pair.endNetwork()
	if s.pair.cluster != nil {
		err = errors.Join(err, s.pair.cluster.Close())
	}
	s.pair = nil
	return err
}

// newRound waits until the watched node starts a round, and returns it.
func (s *Stage) newRound(ctx context.Context) (round, error) {
	var before, now round
	started := false
	err := s.await(ctx, 10*s.blockTime+10*time.Second, "a new round", func() (bool, error) {
		if err := s.pair.update(); err != nil {
			return false, err
		}
		newest, ok := s.pair.watched.timeline().newest()
		if !started {
			before, started = newest, true
		}
		now = newest
		return ok && newest.name() != before.name(), nil
	})
	return now, err
}

// someRounds lets so many rounds pass.
func (s *Stage) someRounds(ctx context.Context, n int) error {
	for range n {
		if _, err := s.newRound(ctx); err != nil {
			return err
		}
	}
	return nil
}

// anInstant waits for a random instant of the next round.
func (s *Stage) anInstant(ctx context.Context) error {
	if _, err := s.newRound(ctx); err != nil {
		return err
	}
	return testnet.Pause(ctx, time.Duration(s.random.Int64N(int64(s.blockTime))))
}
