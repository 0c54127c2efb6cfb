package localnet

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/node"
)

// Key is an Ed25519 key of a test network. It is made from the network's seed, so it
// guards nothing.
type Key struct {
	private ed25519.PrivateKey
}

// ValidatorKey returns the key of the i-th validator, counted from 0, of networks with that seed.
func ValidatorKey(seed uint64, i int) Key {
	return newKey(fmt.Sprintf("validator %d of network %d", i, seed))
}

// FaucetKey returns the key of the account that holds nearly all of the tokens.
func FaucetKey(seed uint64) Key { return newKey(fmt.Sprintf("faucet of network %d", seed)) }

func newKey(what string) Key {
	seed := sha256.Sum256([]byte(what))
	return Key{private: ed25519.NewKeyFromSeed(seed[:])}
}

// Public returns the public key.
func (k Key) Public() casper.PublicKey {
	return node.Public(k.private)
}

// Seed returns the 32 bytes from which the key is made (RFC 8032), for those who search for them.
func (k Key) Seed() [32]byte { return [32]byte(k.private.Seed()) }

// PEM returns the text of a secret_key.pem.
func (k Key) PEM() ([]byte, error) { return node.PEM(k.private) }
