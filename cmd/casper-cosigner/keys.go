package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"filippo.io/age"

	"casper-cosigner/cluster"
	"casper-cosigner/rule/casper"
)

// newKey draws a member's key.
func newKey(dir string) (ed25519.PublicKey, newFile, error) {
	public, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, newFile{}, errorf("drawing a key: %w", err)
	}
	text, err := cluster.EncodeKey(secret)
	return public, newFile{filepath.Join(dir, "tls.key"), text, secretMode}, err
}

// newIdentity draws the age identity that opens a cosigner's share.
func newIdentity(dir string) (newFile, string, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return newFile{}, "", errorf("drawing an age identity: %w", err)
	}
	recipient := identity.Recipient().String()
	text := fmt.Sprintf("# opens share.age; public key: %s\n%s\n", recipient, identity)
	return newFile{filepath.Join(dir, "share.identity"), []byte(text), secretMode}, recipient, nil
}

// publicKeyOf reads the public key of a secret_key.pem.
func publicKeyOf(path string) (casper.PublicKey, error) {
	seed, err := readSeed(path)
	if err != nil {
		return casper.PublicKey{}, err
	}
	defer clear(seed[:])
	return seedPublic(seed), nil
}

func seedPublic(seed [32]byte) casper.PublicKey {
	secret := ed25519.NewKeyFromSeed(seed[:])
	defer clear(secret)
	return casper.PublicKey(secret[32:])
}

// readSeed reads a secret_key.pem. The caller clears the seed.
func readSeed(path string) ([32]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return [32]byte{}, errorf("reading the validator's key: %w", err)
	}
	defer clear(text)
	seed, err := casper.ParseSecretKeyPEM(text)
	if err != nil {
		return seed, withHint(errorf("%s: %w", path, err), secpHints(err)...)
	}
	return seed, nil
}

// secpHints says why the other algorithm cannot be served, and the way out.
func secpHints(err error) []string {
	if !errors.Is(err, casper.ErrSecp256k1) {
		return nil
	}
	return []string{
		"FROST makes Ed25519 signatures only; ECDSA over secp256k1 cannot be split this way",
		"move the bid to a new Ed25519 key by a change_bid_public_key transaction, then split that key",
	}
}
