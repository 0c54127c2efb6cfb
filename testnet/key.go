package testnet

import (
	"crypto/ed25519"
	"fmt"
	"os"

	"casper-cosigner/rule/casper"
)

// PublicKey reads the public key of a secret_key.pem. The secret is not kept.
func PublicKey(pem string) (key casper.PublicKey, err error) {
	text, err := os.ReadFile(pem)
	if err != nil {
		return key, fmt.Errorf("reading the key: %w", err)
	}
	defer clear(text)
	seed, err := casper.ParseSecretKeyPEM(text)
	if err != nil {
		return key, fmt.Errorf("reading the key: %w", err)
	}
	secret := ed25519.NewKeyFromSeed(seed[:])
	defer clear(secret)
	clear(seed[:])
	copy(key[:], secret.Public().(ed25519.PublicKey))
	return key, nil
}
