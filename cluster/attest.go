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

// Attesters returns whose attestations count in this cluster, and how many it takes.
func (f *File) Attesters() attest.Cluster {
	all := attest.Cluster{ID: [16]byte(f.ID), Validator: f.Validator, Threshold: f.Threshold,
		Cosigners: map[string]ed25519.PublicKey{}}
	for _, c := range f.Cosigners {
		all.Cosigners[c.Name] = ed25519.PublicKey(c.Key)
	}
	return all
}
