// Package hub is a simulated Casper network as our validator's nodes meet it: the validators that
// are not ours, in real time, and the wire between all nodes.
//
// It promises: what is broadcast reaches a node of ours only after its handshake, certified with
// our validator's key, while what is addressed to it alone, and what it sends, passes before too,
// as casper-node has it (components/network.rs, broadcast_message_to_validators); what is sent
// takes a few milliseconds, and is lost when a node is cut off or too slow to take it; every
// message of our validator that one of the others received is in the transcript. It checks no other
// signature than a certificate's: the transcript's judge does. A Loop and a Conn serve both ends:
// what becomes of a node's output, and of what it receives, its owner says.
package hub

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/blake2b"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/zug"
)

// The network's members: two nodes of ours, which are validator 0, and a node each of three others.
const (
	OurNodes = 2
	Nodes    = 5
	ours     = 0 // index of our validator
	watcher  = OurNodes
)

// How the network is: the delay of a message, and how the foreign nodes are set.
const (
	leastDelay = 2 * time.Millisecond
	moreDelay  = 6 * time.Millisecond
	syncEvery  = 20 * time.Millisecond
	idleSync   = 500 * time.Millisecond
	startUp    = 200 * time.Millisecond
)

// Config is what a Hub is made of.
type Config struct {
	Chain      zug.Chain // Weights, Chainspec and Genesis are set by the hub
	Version    string    // of the protocol at the start
	Validator  casper.PublicKey
	Names      [OurNodes]string
	Downtime   time.Duration // of the network at an upgrade
	Transcript io.Writer
	Logger     zerolog.Logger
}

// Hub is the network. New makes one; Run runs it.
type Hub struct {
	Config
	loop       *Loop
	transcript *testnet.Transcript

	// Steps of the loop only:
	rng     *mathrand.Rand
	players map[int]*Player // the foreign nodes
	peers   [OurNodes]*peer // nil: not connected
	cut     [OurNodes]bool
	record  *record
	staged  *Upgrade
	down    bool
	waiting []func() // nodes that wait for the network to be up
}

// New returns a Hub whose chain has its genesis now.
func New(c Config, now time.Time) *Hub {
	c.Chain.Weights = []uint64{1, 1, 1, 1}
	c.Chain.Chainspec = chainspec(c.Chain.Name, c.Version)
	c.Chain.Genesis = now
	h := &Hub{Config: c, loop: NewLoop(), transcript: testnet.NewTranscript(c.Transcript), record: newRecord(ours),
		rng: mathrand.New(mathrand.NewPCG(c.Chain.Seed, 1)), players: map[int]*Player{}}
	for id := OurNodes; id < Nodes; id++ {
		n := zug.Config{Chain: &h.Chain, Validator: uint32(id - OurNodes + 1), Peers: Others(id),
			Seed: c.Chain.Seed<<8 + uint64(id),
			Sign: func(casper.Message) (s casper.Signature) { return s }, Deadline: time.Second,
			Sync: syncEvery, IdleSync: idleSync, CatchUp: syncEvery, StartUp: startUp}
		h.players[id] = Play(h.loop, zug.New(n, now), func(out zug.Output) { h.heed(id, out) })
	}
	return h
}

// chainspec stands for the hash of the version's chainspec.
func chainspec(chain, version string) casper.Hash {
	return blake2b.Sum256([]byte(chain + " " + version))
}

// Others returns the addresses of a node's peers.
func Others(id int) (others []int) {
	for peer := range Nodes {
		if peer != id {
			others = append(others, peer)
		}
	}
	return others
}

// Run serves nodes at one listener and commands at the other until ctx ends, which is no error.
// It closes both.
func (h *Hub) Run(ctx context.Context, nodes, control net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	var failed [2]error
	running.Go(func() { h.loop.Run(ctx) })
	running.Go(func() { failed[0] = h.accept(ctx, nodes, &running); cancel() })
	server := &http.Server{Handler: h.commands()}
	running.Go(func() {
		if err := server.Serve(control); !errors.Is(err, http.ErrServerClosed) {
			failed[1] = err
		}
		cancel()
	})
	h.loop.Do(func() {
		for _, p := range h.players {
			p.Drive((*zug.Node).Tick)
		}
	})
	<-ctx.Done()
	err := errors.Join(nodes.Close(), server.Close())
	running.Wait()
	if err = errors.Join(err, failed[0], failed[1], h.transcript.Close()); err != nil {
		return fmt.Errorf("running the network: %w", err)
	}
	return nil
}

func (h *Hub) accept(ctx context.Context, l net.Listener, running *sync.WaitGroup) error {
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				c.Close()
			}
			return nil
		}
		if err != nil {
			return err
		}
		running.Go(func() {
			stop := context.AfterFunc(ctx, func() { c.Close() })
			defer stop()
			defer c.Close()
			if err := h.serve(ctx, NewConn(c)); ctx.Err() == nil {
				h.Logger.Info().Err(err).Msg("a node's connection has ended")
			}
		})
	}
}

// peer is a node of ours that is connected.
type peer struct {
	conn      *Conn
	out       chan Frame
	certified bool
}

// queued is how many frames wait for a node; what comes when so many do is lost.
const queued = 512

func (p *peer) send(f Frame) {
	select {
	case p.out <- f:
	default:
	}
}

// serve is a node's connection.
func (h *Hub) serve(ctx context.Context, conn *Conn) error {
	first, err := conn.Receive()
	if err != nil {
		return err
	}
	if first.Hello == nil || first.Hello.ID < 0 || first.Hello.ID >= OurNodes {
		return errors.New("the first frame is no hello of a node of ours")
	}
	hello := *first.Hello
	welcome := h.welcome(ctx)
	if err := conn.Send(Frame{Welcome: &welcome}); err != nil {
		return err
	}
	p := &peer{conn: conn, out: make(chan Frame, queued)}
	h.loop.Do(func() { h.peers[hello.ID] = p })
	ended := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for {
			select {
			case f := <-p.out:
				if conn.Send(f) != nil {
					return
				}
			case <-ended:
				return
			}
		}
	})
	defer func() {
		close(ended)
		conn.Close()
		writer.Wait()
		h.loop.Do(func() {
			if h.peers[hello.ID] == p {
				h.peers[hello.ID] = nil
			}
		})
	}()
	for {
		f, err := conn.Receive()
		if err != nil {
			return err
		}
		h.loop.Do(func() { h.received(hello, welcome, p, f) })
	}
}

// welcome waits until the network is up.
func (h *Hub) welcome(ctx context.Context) (w Welcome) {
	rand.Read(w.Random[:])
	w.Point = NewPoint()
	ready := make(chan struct{})
	tell := func() {
		w.Chain, w.Version, w.Upgrade = h.Chain, h.Version, h.staged
		w.Height = h.players[watcher].Node.Status().Tip.Height
		close(ready)
	}
	h.loop.Do(func() {
		if h.down {
			h.waiting = append(h.waiting, tell)
		} else {
			tell()
		}
	})
	select {
	case <-ready:
	case <-ctx.Done():
	}
	return w
}
