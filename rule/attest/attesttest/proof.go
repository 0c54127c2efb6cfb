// Package attesttest makes proofs for tests of what demands them.
package attesttest

import (
	"crypto/ed25519"

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
)

const name = "only"

// Proof is what the only cosigner of a cluster attests; the zero Proof if that is neither an echo
// nor a vote.
func Proof(b casper.Ballot) attest.Proof {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	c := attest.Cluster{Threshold: 1,
		Cosigners: map[string]ed25519.PublicKey{name: key.Public().(ed25519.PublicKey)}}
	h, ok := attest.OfBallot(b, 0)
	if !ok {
		return attest.Proof{}
	}
	p, err := c.Prove(h, []attest.Attestation{c.Sign(key, name, h)})
	if err != nil {
		return attest.Proof{}
	}
	return p
}
