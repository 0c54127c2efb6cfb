// Package hostile is compromised members, for tests of the product's processes: programs that hold
// a real member's key, certificate and share, and say with them what no honest member would.
//
// A [Cosigner] asks the honest ones for shares of whatever it likes, shows whatever state it likes,
// and lies about the log ([Cosigner.Lie]). A [Node] is whoever stole a node's key.
//
// It promises to speak the real protocols, over the product's own code as far as that speaks them,
// so that a refusal is one of what was asked for and not of how. Whether it got what it wanted is
// for the tests to say. Shipped code never imports it.
package hostile

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"sync/atomic"

	"google.golang.org/grpc"

	"casper-cosigner/cluster"
	"casper-cosigner/cosigner/frost"
	"casper-cosigner/daemon"
	"casper-cosigner/peer"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/call"
	"casper-cosigner/statedir"
)

// Cosigner is a compromised cosigner. Its own process must have ended. Open makes one.
type Cosigner struct {
	daemon.Host
	share  *frost.KeyShare
	epoch  uint32
	dir    *statedir.Dir
	shown  atomic.Pointer[statedir.Presence] // what is shown of the state, true or not
	conns  map[string]*grpc.ClientConn       // to the honest ones
	wire   *raftWire
	server *grpc.Server // nil unless it serves
}

// Open takes a cosigner over, by its settings: its state directory as its next start, its
// certificate and its share. It shows a log that nobody could find too short.
func Open(config string) (*Cosigner, error) {
	f, err := daemon.ReadCosignerFile(config)
	if err != nil {
		return nil, err
	}
	c := &Cosigner{conns: map[string]*grpc.ClientConn{}}
	if c.Host, err = f.Host(); err != nil {
		return nil, err
	}
	if c.share, c.epoch, err = f.OpenShare(c.Cluster); err != nil {
		return nil, err
	}
	if c.dir, err = statedir.Open(f.StatePath()); err != nil {
		return nil, err
	}
	const longer = math.MaxUint64 / 2
	c.Show(c.dir.Presence(longer, longer))
	if err := c.dial(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cosigner) dial() error {
	nobody := func(context.Context) (string, bool) { return "", false }
	admission := peer.New(c.Name, nobody, liar{c})
	for _, e := range c.Cluster.Cosigners {
		if e.Name == c.Name {
			continue
		}
		conn, err := c.Cluster.Dial(c.Certificate, e.Name, e.Address, admission.DialOptions(e.Name)...)
		if err != nil {
			return fmt.Errorf("reaching cosigner %s: %w", e.Name, err)
		}
		c.conns[e.Name] = conn
	}
	c.wire = newRaftWire(c)
	return nil
}

// Close gives the state directory up.
func (c *Cosigner) Close() error {
	if c.server != nil {
		c.server.Stop()
	}
	err := c.dir.Close()
	for _, conn := range c.conns {
		err = errors.Join(err, conn.Close())
	}
	if c.wire != nil {
		err = errors.Join(err, c.wire.Close())
	}
	return err
}

// Shown returns what is shown of the state.
func (c *Cosigner) Shown() statedir.Presence { return *c.shown.Load() }

// Show has another state shown from now on.
func (c *Cosigner) Show(p statedir.Presence) { c.shown.Store(&p) }

// liar is a state of which anything is shown, and that takes any other.
type liar struct{ *Cosigner }

func (l liar) Presence() statedir.Presence { return l.Shown() }

func (liar) Seen(string) (statedir.Sighting, bool) { return statedir.Sighting{}, false }

func (liar) Admit(string, statedir.Presence, statedir.Sighting) error { return nil }

// Serve answers the other cosigners what they ask of all, with the state that is shown, until it is
// closed: it has heard nothing of anybody.
func (c *Cosigner) Serve() error {
	entry, _ := c.Cluster.Cosigner(c.Name)
	listener, err := net.Listen("tcp", entry.Address)
	if err != nil {
		return fmt.Errorf("taking the place of cosigner %s: %w", c.Name, err)
	}
	caller := func(ctx context.Context) (string, bool) {
		m, ok := c.Cluster.Caller(ctx)
		return m.Name, ok && m.Role == cluster.Cosigner
	}
	access := cluster.Access{}
	for _, method := range call.Methods() {
		access[method] = []cluster.Role{cluster.Cosigner}
	}
	c.server = c.Cluster.NewServer(c.Certificate, access, peer.New(c.Name, caller, liar{c}).ServerOptions()...)
	cosignerv1.RegisterPeerServiceServer(c.server, deaf{})
	go c.server.Serve(listener) //nolint:errcheck // it ends with the server
	return nil
}

// deaf is a cosigner that has heard nothing.
type deaf struct {
	cosignerv1.UnimplementedPeerServiceServer
}

func (deaf) Gather(context.Context, *cosignerv1.GatherRequest) (*cosignerv1.GatherResponse, error) {
	return &cosignerv1.GatherResponse{}, nil
}
