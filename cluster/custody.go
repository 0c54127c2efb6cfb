package cluster

import (
	"crypto/ed25519"
	"fmt"

	"casper-cosigner/rule/custody"
)

// custodyCosigners is the one word of custody: without it a node's key is on its own host.
const custodyCosigners = "cosigners"

// custodyFaults returns what is wrong with who keeps which node's key.
func (f *File) custodyFaults() (faults []error) {
	for _, n := range f.Nodes {
		switch {
		case n.Custody != "" && n.Custody != custodyCosigners:
			faults = append(faults, fmt.Errorf("node %q: custody: want cosigners, or nothing if the key is on its host, got %q",
				n.Name, n.Custody))
		case n.Custody != "" && !n.Stock:
			faults = append(faults, fmt.Errorf("node %q: custody is for a stock node: one that is not holds no key",
				n.Name))
		}
	}
	return faults
}

// Custody returns which nodes' keys the cosigners keep.
func (f *File) Custody() custody.Cluster {
	c := custody.Cluster{ID: [16]byte(f.ID), Validator: f.Validator, Nodes: map[string]custody.Node{}}
	for _, n := range f.Nodes {
		c.Nodes[n.Name] = custody.Node{Key: ed25519.PublicKey(n.Key), Custody: n.Stock && n.Custody == custodyCosigners}
	}
	return c
}
