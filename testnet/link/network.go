package link

import (
	"context"
	"path/filepath"
	"sync"

	"casper-cosigner/cluster"
	"casper-cosigner/testnet"
)

// Network is all links between the members of a cluster: one for each member and each port of
// another that it calls. Operators have none; they reach the cosigners as they are.
type Network struct {
	Links []*Link

	running sync.WaitGroup
	cancel  context.CancelFunc
}

// OpenNetwork puts links between the members, before these are started. Each member gets a cluster
// file of its own, in which the others are where its links listen; what it listens on itself stays.
// The files differ in nothing else.
func OpenNetwork(ctx context.Context, c *testnet.Cluster) (*Network, error) {
	n := &Network{}
	ctx, n.cancel = context.WithCancel(ctx)
	for _, role := range [][]*testnet.Process{c.Cosigners, c.Agents} {
		for _, p := range role {
			path := filepath.Join(c.Dir, p.Name, "cluster.toml")
			if err := Rewire(path, func(f *cluster.File) error { return n.rewire(f, p.Name) }); err != nil {
				n.Close()
				return nil, err
			}
		}
	}
	for _, l := range n.Links {
		n.running.Go(func() { l.Run(ctx) })
	}
	return n, nil
}

// rewire puts links in front of all that one member calls.
func (n *Network) rewire(f *cluster.File, self string) error {
	_, cosigns := f.Cosigner(self)
	for i := range f.Cosigners {
		to := &f.Cosigners[i]
		if to.Name == self {
			continue
		}
		if err := n.link(self, to.Name, &to.Address); err != nil {
			return err
		}
		if !cosigns {
			continue
		}
		if err := n.link(self, to.Name, &to.RaftAddress); err != nil {
			return err
		}
	}
	for i := range f.Nodes {
		to := &f.Nodes[i]
		if cosigns || to.Name == self {
			continue
		}
		if err := n.link(self, to.Name, &to.Address); err != nil {
			return err
		}
	}
	return nil
}

// link puts a link in front of an address.
func (n *Network) link(from, to string, address *string) error {
	l, err := OnTCP(from, to, *address)
	if err != nil {
		return err
	}
	n.Links = append(n.Links, l)
	*address = l.Address()
	return nil
}

// Of returns the links that a fault hits: of one member all that begin or end at it; of two those
// between them, or with oneWay those by which the first calls the second.
func (n *Network) Of(members []string, oneWay bool) (hit []*Link) {
	for _, l := range n.Links {
		switch {
		case len(members) == 1 && (l.From == members[0] || l.To == members[0]),
			len(members) == 2 && l.From == members[0] && l.To == members[1],
			len(members) == 2 && !oneWay && l.From == members[1] && l.To == members[0]:
			hit = append(hit, l)
		}
	}
	return hit
}

// Close ends all links.
func (n *Network) Close() {
	n.cancel()
	for _, l := range n.Links {
		l.Listener.Close() //nolint:errcheck // those that run have closed it
	}
	n.running.Wait()
}
