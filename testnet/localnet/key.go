package localnet

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"casper-cosigner/rule/casper"
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
	return casper.PublicKey(k.private.Public().(ed25519.PublicKey))
}

// Seed returns the 32 bytes from which the key is made (RFC 8032), for those who search for them.
func (k Key) Seed() [32]byte { return [32]byte(k.private.Seed()) }

// PEM returns the text of a secret_key.pem: one PRIVATE KEY block with PKCS#8 version 1
// (casper-types asymmetric_key.rs).
func (k Key) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, fmt.Errorf("encoding a secret key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
