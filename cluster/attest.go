package cluster

import (
	"crypto/ed25519"

	"casper-cosigner/rule/attest"
)

// StockNodes returns which nodes are stock.
func (f *File) StockNodes() attest.Nodes {
	all := attest.Nodes{}
	for _, n := range f.Nodes {
		all[n.Name] = n.Stock
	}
	return all
}

// Keyless returns the nodes that hold no key, for which the cosigners sign. If there is none, no
// share of the key is needed anywhere.
func (f *File) Keyless() (names []string) {
	for _, n := range f.Nodes {
		if !n.Stock {
			names = append(names, n.Name)
		}
	}
	return names
}

// Attesters returns whose attestations count in this cluster, and how many it takes.
func (f *File) Attesters() attest.Cluster {
	all := attest.Cluster{ID: [16]byte(f.ID), Validator: f.Validator, Threshold: f.Threshold,
		Cosigners: map[string]ed25519.PublicKey{}}
	for _, c := range f.Cosigners {
		all.Cosigners[c.Name] = ed25519.PublicKey(c.Key)
	}
	return all
}
