// Package node is a simulated casper-node of our validator, as a process has it: consensus in real
// time, signatures from an agent, /status and /events as casper-node 2.0.3 serves them, and files
// that outlive it.
//
// It promises to ask its agent for what a casper-node with the remote signer asks for, with its
// deadlines, and to take what it is answered; to propose anew in old rounds after a restart without
// its log; to say ShutdownForUpgrade, say Shutdown and end when a staged upgrade is due. It checks
// no signature, and has no blocks with contents.
package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/simcasper/hub"
	"casper-cosigner/testnet/zug"
)

// How a node is set.
const (
	syncEvery  = 20 * time.Millisecond
	idleSync   = 500 * time.Millisecond
	startUp    = time.Second
	joinAgain  = 100 * time.Millisecond
	askAgain   = 300 * time.Millisecond
	gossipTime = 1500 * time.Millisecond // in ShutdownForUpgrade, for the last finality signatures
	queued     = 512                     // frames that wait for the hub; what comes when so many do is lost
)

// The files that a node keeps in its folder.
const (
	JournalFile = "journal.jsonl" // Entries; it only grows
	LogFile     = "unit.dat"      // what it has seen of the era: its write-ahead log
)

// Config is what a Node is made of.
type Config struct {
	ID           int // address in the network, 0 or 1
	Name         string
	Hub          string // addresses of this machine, HOST:PORT
	REST, Events string
	Cluster      string // folder of the cluster in which the agent is
	Dir          string // folder for the node's files, which exists
	Validator    casper.PublicKey
	Logger       zerolog.Logger
}

// Node is one life of the process. New makes one; Run lives it.
type Node struct {
	Config
	loop    *hub.Loop
	started time.Time
	agent   *testnet.Node
	conn    *hub.Conn
	out     chan hub.Frame
	journal *journal
	asking  sync.WaitGroup
	end     context.CancelFunc

	// Steps of the loop only:
	chain    zug.Chain
	version  string
	height   uint64 // of the network when this process joined it
	player   *hub.Player
	log      *unitLog
	replay   []zug.Message // of the log, until there is an era to replay it in
	staged   *hub.Upgrade
	leaving  bool // the era before the upgrade is over
	heard    map[int]time.Time
	progress time.Time
	events   *eventStream
}

// New returns a Node.
func New(c Config) *Node {
	return &Node{Config: c, loop: hub.NewLoop(), out: make(chan hub.Frame, queued), heard: map[int]time.Time{},
		events: newEventStream()}
}

// Run lives until ctx ends or an upgrade is due, neither of which is an error.
func (n *Node) Run(ctx context.Context) (err error) {
	n.started = time.Now()
	n.progress = n.started
	if n.agent, err = (&testnet.Cluster{Dir: n.Cluster}).Node(n.Name); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.agent.Close()) }()
	if n.journal, err = openJournal(filepath.Join(n.Dir, JournalFile)); err != nil {
		return err
	}
	defer n.journal.close()
	hello := hub.Hello{ID: n.ID, Point: hub.NewPoint()}
	rand.Read(hello.Random[:])
	welcome, err := n.join(ctx, hello)
	if err != nil || ctx.Err() != nil {
		return err
	}
	defer n.conn.Close()
	if n.log, n.replay, err = openLog(filepath.Join(n.Dir, LogFile)); err != nil {
		return err
	}
	defer n.log.close()
	n.chain, n.version, n.staged, n.height = welcome.Chain, welcome.Version, welcome.Upgrade, welcome.Height
	return n.live(ctx, hello, welcome)
}

// join connects to the hub and waits until the network is up.
func (n *Node) join(ctx context.Context, hello hub.Hello) (hub.Welcome, error) {
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", n.Hub)
		if err == nil {
			n.conn = hub.NewConn(c)
			stop := context.AfterFunc(ctx, func() { c.Close() })
			var f hub.Frame
			if err = n.conn.Send(hub.Frame{Hello: &hello}); err == nil {
				f, err = n.conn.Receive()
			}
			stop()
			if err == nil && f.Welcome != nil {
				return *f.Welcome, nil
			}
			c.Close()
		}
		if testnet.Pause(ctx, joinAgain) != nil {
			return hub.Welcome{}, nil
		}
		n.Logger.Info().Err(err).Msg("joining the network again")
	}
}

// live is the node's life in the network.
func (n *Node) live(ctx context.Context, hello hub.Hello, welcome hub.Welcome) error {
	ctx, n.end = context.WithCancel(ctx)
	defer n.end()
	now := time.Now()
	z := zug.New(zug.Config{Chain: &n.chain, Validator: 0, Peers: hub.Others(n.ID), Seed: uint64(now.UnixNano()),
		Deadline: testnet.ZugPatience, Sync: syncEvery, IdleSync: idleSync, CatchUp: syncEvery / 4, StartUp: startUp}, now)
	z.Restart(false, now)
	n.player = hub.Play(n.loop, z, func(out zug.Output) { n.heed(ctx, out) })

	var running sync.WaitGroup
	var failed [3]error
	run := func(i int, do func() error) {
		running.Go(func() {
			if err := do(); err != nil && ctx.Err() == nil {
				failed[i] = err
			}
			n.end()
		})
	}
	running.Go(func() { n.loop.Run(ctx) })
	run(0, func() error { return n.receive(ctx) })
	run(1, func() error { return n.send(ctx) })
	run(2, func() error { return n.serve(ctx) })
	running.Go(func() { n.certify(ctx, hub.Certified(hello, welcome)) })
	n.loop.Do(func() { n.player.Drive((*zug.Node).Tick) })
	<-ctx.Done()
	n.conn.Close()
	running.Wait()
	n.asking.Wait()
	return errors.Join(failed[:]...)
}

// receive takes in what comes from the network.
func (n *Node) receive(ctx context.Context) error {
	for {
		f, err := n.conn.Receive()
		if err != nil {
			return err
		}
		n.loop.Do(func() {
			switch {
			case f.Staged != nil:
				n.staged = f.Staged
			case f.Message != nil && ctx.Err() == nil:
				n.heard[f.Peer] = time.Now()
				n.log.add(f.Message)
				n.take(f.Peer, f.Message)
			}
		})
	}
}

func (n *Node) take(from int, m zug.Message) {
	n.player.Drive(func(z *zug.Node, now time.Time) zug.Output { return z.Receive(from, m, now) })
}

// send sends what is queued.
func (n *Node) send(ctx context.Context) error {
	for {
		select {
		case f := <-n.out:
			if err := n.conn.Send(f); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func (n *Node) queue(f hub.Frame) {
	select {
	case n.out <- f:
	default:
	}
}

// certify has the handshake signed, for which the agent must know the node's point first.
func (n *Node) certify(ctx context.Context, m casper.Handshake) {
	for ctx.Err() == nil {
		refusal, err := n.agent.Register(ctx, m.Our)
		if err == nil && refusal == "" {
			a := n.agent.Sign(ctx, m)
			n.journal.note(m, a)
			if a.Kind == testnet.Signed {
				n.queue(hub.Frame{Certificate: &a.Signature})
				return
			}
		}
		n.Logger.Warn().Err(err).Str("refusal", refusal).Msg("the handshake is not certified yet")
		testnet.Pause(ctx, askAgain) //nolint:errcheck // the loop asks the same
	}
}

// serve tells the node's status and events.
func (n *Node) serve(ctx context.Context) error {
	n.events.version = n.version
	if err := serve(ctx, n.REST, n.rest(), n.Events, n.events); err != nil {
		return fmt.Errorf("serving /status and /events: %w", err)
	}
	return nil
}
