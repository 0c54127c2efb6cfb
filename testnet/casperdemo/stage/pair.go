package stage

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

// What a network has, and how long things of it may take.
const (
	Validators  = 4
	EraTime     = 5 * time.Minute
	startsIn    = 90 * time.Second // nodes, from their start to Validate
	ReadyWithin = 20 * time.Second // cosigners
	ClosesIn    = 15 * time.Second
	RoundsAfter = 2 // that pass before what was done is over
)

// How the cluster judges nodes where roles change by themselves. The times are shorter than what is
// shipped, for blocks of 4 s and a show of minutes.
const (
	PingInterval  = 500 * time.Millisecond
	FailoverAfter = 6 * time.Second
	FailbackAfter = 6 * time.Second
)

// What the nodes of ours log beside the usual.
const ourLog = "RUST_LOG=info,casper_remote_signer=debug," +
	"casper_node::components::consensus::protocols::zug::remote=debug"

// Layout is what networks of pairs differ in, beside the block time.
type Layout struct {
	EraTime   time.Duration
	Automatic bool                    // roles change by themselves
	Stock     []string                // nodes of ours that hold the key and sign by themselves, behind gates
	Gate      string                  // the program that gates are; empty: the same as all
	Hosts     *Namespaces             // if set, our nodes are in these, with all that is on their hosts
	Bond      uint64                  // of our validator, in motes; 0: as the others'
	Others    int                     // validators that are not ours; 0: three
	Arrange   func(*localnet.Config)  // if set, changes the network's settings before its files are made
	Arranged  func(*localnet.Network) // if set, is told of the network before it is started

	// Unanswered are the times in which the cosigners were gone, and the reward delay after them:
	// blocks of them may be cited without us.
	Unanswered []Window
}

// validators is how many there are.
func (l Layout) validators() int {
	if l.Others == 0 {
		return Validators
	}
	return 1 + l.Others
}

func (l Layout) stock(node string) bool { return slices.Contains(l.Stock, node) }

func (l Layout) uncitable(seen time.Time) bool {
	return slices.ContainsFunc(l.Unanswered, func(w Window) bool { return w.Holds(seen) })
}

// Pair is the first network: four equal validators, the first of which is a main and a standby
// behind cosigners.
type Pair struct {
	Key      localnet.Key // of our validator; none of the processes has it, but stock nodes
	Cluster  *testnet.Cluster
	Network  *localnet.Network
	Ours     casper.PublicKey
	OurIndex int // in every era, unless validators come and go

	Gates         map[string]*testnet.Process // of stock nodes, by name
	Watches       map[string]*testnet.Process // of the gates
	Launcher      *Launcher                   // of stock nodes
	Main, Standby *NodeLog
	Watched       *NodeLog         // of the first validator that is not ours; the clock of the show
	Foreign       []*localnet.Node // the validators that are not ours
	Records       []*localnet.Record
	mayLose       int    // rounds, in the acts so far
	mayMiss       int    // blocks, likewise
	kept          string // folder of the unit files of the foreign ones

	stop      context.CancelFunc // of the watchers
	followers sync.WaitGroup
	mu        sync.Mutex
	watchErr  error
}

// Record is what the watched node shows.
func (p *Pair) Record() *localnet.Record { return p.Records[0] }

// logs are those that the show reads.
func (p *Pair) logs() []*NodeLog { return []*NodeLog{p.Watched, p.Main, p.Standby} }

// Update reads all logs on.
func (p *Pair) Update() error {
	err := p.watchFailure()
	for _, l := range p.logs() {
		err = errors.Join(err, l.update())
	}
	return err
}

func (p *Pair) watchFailure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.watchErr
}

// MainAgent is the agent beside the main.
func (p *Pair) MainAgent() *testnet.Process {
	i := slices.IndexFunc(p.Cluster.Agents, func(a *testnet.Process) bool { return a.Name == testnet.Main })
	return p.Cluster.Agents[i]
}

// setUpCluster splits our validator's key and destroys the file.
func (s *Stage) setUpCluster(ctx context.Context) error {
	p := s.Pair
	text, err := p.Key.PEM()
	if err != nil {
		return err
	}
	outside := filepath.Join(s.Dir, "key", "secret_key.pem")
	if err := os.Mkdir(filepath.Dir(outside), 0o700); err != nil {
		return fmt.Errorf("making a folder for the key: %w", err)
	}
	if err := os.WriteFile(outside, text, 0o600); err != nil {
		return fmt.Errorf("writing the key: %w", err)
	}
	settings := testnet.Settings{Binary: s.Binary, Dir: s.ClusterDir(), PEM: outside, Chain: chain, MinEra: s.EraTime,
		MinBlock: s.BlockTime, Init: s.failoverFlags()}
	settings.Stock = s.Stock
	if s.Hosts != nil {
		settings.Places = s.Hosts.places(testnet.CosignerNames())
	}
	p.Cluster, err = testnet.Setup(ctx, settings)
	if err != nil {
		return err
	}
	if s.Hosts != nil {
		for _, a := range p.Cluster.Agents {
			s.Hosts.enter(a.Name, a)
		}
	}
	if err := os.RemoveAll(filepath.Dir(outside)); err != nil {
		return fmt.Errorf("deleting the key: %w", err)
	}
	return nil
}

const chain = "casper-demo"

// failoverFlags are init's. Most of the longer acts are about hot mode alone, in which no round
// depends on who is active; and each return would make the next one wait twice as long.
func (s *Stage) failoverFlags() []string {
	if !s.Automatic {
		return []string{"--failover", "manual", "--failback", "manual"}
	}
	return []string{"--ping-interval", PingInterval.String(), "--failover-after",
		FailoverAfter.String(), "--failback-after", FailbackAfter.String()}
}

// ClusterDir is the folder of the cosigners and agents.
func (s *Stage) ClusterDir() string { return filepath.Join(s.Dir, "cluster") }

// NetworkDir is the folder of the nodes.
func (s *Stage) NetworkDir() string { return filepath.Join(s.Dir, "network") }

// setUpNetwork makes the files of the nodes.
func (s *Stage) setUpNetwork(ctx context.Context) error {
	p := s.Pair
	c := localnet.Config{Dir: s.NetworkDir(), Binary: s.Node, Defaults: s.Defaults, Seed: s.Seed,
		Validators: make([]localnet.Validator, s.validators()), Chain: chain, BlockTime: s.BlockTime, EraDuration: s.EraTime,
		RewardDelay: rewardDelay}
	c.Validators[0] = localnet.Validator{PublicKey: p.Ours, Bond: s.Bond}
	if len(s.Stock) > 0 {
		c.Validators[0].PublicKey = casper.PublicKey{} // it is localnet's to give
	}
	for _, name := range []string{testnet.Main, testnet.Standby} {
		node := localnet.NodeConfig{Name: name, Env: []string{ourLog}}
		if !s.stock(name) {
			node.Signer, node.Binary = p.Cluster.Socket(name), s.Remote
		}
		c.Nodes = append(c.Nodes, node)
	}
	for i := 1; i < s.validators(); i++ {
		c.Nodes = append(c.Nodes, localnet.NodeConfig{Name: fmt.Sprintf("validator-%d", i+1), Validator: i})
	}
	if s.Hosts != nil {
		s.Hosts.Arrange(&c)
	}
	if s.Arrange != nil {
		s.Arrange(&c)
	}
	var err error
	if p.Network, err = localnet.Setup(ctx, c); err != nil {
		return err
	}
	if s.Hosts != nil {
		s.Hosts.Arranged(p.Network)
	}
	if s.Arranged != nil {
		s.Arranged(p.Network)
	}
	for _, name := range []string{testnet.Main, testnet.Standby} {
		node := p.Network.Node(name)
		if err := p.Cluster.Watch(name, node.REST, node.Events); err != nil {
			return err
		}
		if s.stock(name) {
			if err := p.Cluster.RestartBy(name, "touch", s.order(name)); err != nil {
				return err
			}
		}
	}
	p.Main = &NodeLog{Node: p.Network.Node(testnet.Main)}
	p.Standby = &NodeLog{Node: p.Network.Node(testnet.Standby)}
	p.Foreign = p.Network.Nodes[2:]
	p.Watched = &NodeLog{Node: p.Foreign[0]}
	sorted := p.Network.Validators()
	slices.SortFunc(sorted, func(a, b casper.PublicKey) int { return slices.Compare(a[:], b[:]) })
	p.OurIndex = slices.Index(sorted, p.Ours)
	return nil
}

// follow watches the validators that are not ours: their events, and their unit files before
// they delete them.
func (p *Pair) follow(ctx context.Context) {
	started := ctx // what is started does not end with the watchers
	ctx, p.stop = context.WithCancel(ctx)
	note := func(err error) {
		if err == nil || errors.Is(err, context.Canceled) {
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.watchErr = errors.Join(p.watchErr, err)
	}
	if p.Launcher != nil {
		p.followers.Go(func() { note(p.Launcher.run(ctx, started)) })
	}
	for _, n := range p.Foreign {
		record := localnet.NewRecord(p.Network.Validators())
		p.Records = append(p.Records, record)
		p.followers.Go(func() { note(record.Follow(ctx, n)) })
		p.followers.Go(func() { note(localnet.KeepUnitFiles(ctx, n.UnitFiles(), filepath.Join(p.kept, n.Name))) })
	}
}

// endNetwork ends the nodes. The cosigners go on.
func (p *Pair) endNetwork() error {
	if p.Network == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), ClosesIn)
	defer cancel()
	if p.stop != nil {
		p.stop()
		p.followers.Wait()
	}
	return p.Network.Close(ctx)
}

// ClosePair ends the first network and its cosigners, if they run.
func (s *Stage) ClosePair() error {
	if s.Pair == nil {
		return nil
	}
	err := s.Pair.endNetwork()
	if s.Pair.Cluster != nil {
		err = errors.Join(err, s.Pair.closeGates(), detach(s.Dir), s.Pair.Cluster.Close())
	}
	s.Pair = nil
	return err
}

// NewRound waits until the watched node starts a round, and returns it.
func (s *Stage) NewRound(ctx context.Context) (Round, error) {
	var before, now Round
	started := false
	err := s.Await(ctx, 10*s.BlockTime+10*time.Second, "a new round", func() (bool, error) {
		if err := s.Pair.Update(); err != nil {
			return false, err
		}
		newest, ok := s.Pair.Watched.Timeline().Newest()
		if !started {
			before, started = newest, true
		}
		now = newest
		return ok && newest.Name() != before.Name(), nil
	})
	return now, err
}

// SomeRounds lets so many rounds pass.
func (s *Stage) SomeRounds(ctx context.Context, n int) error {
	for range n {
		if _, err := s.NewRound(ctx); err != nil {
			return err
		}
	}
	return nil
}

// AnInstant waits for a random instant of the next round.
func (s *Stage) AnInstant(ctx context.Context) error {
	if _, err := s.NewRound(ctx); err != nil {
		return err
	}
	return testnet.Pause(ctx, time.Duration(s.Random.Int64N(int64(s.BlockTime))))
}
