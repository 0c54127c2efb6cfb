package localnet

import (
	"crypto/ed25519"
	"testing"

	"casper-cosigner/rule/casper"
)

func TestKeyPEM(t *testing.T) {
	k := ValidatorKey(1, 2)
	text, err := k.PEM()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := casper.ParseSecretKeyPEM(text)
	if err != nil || seed != k.Seed() {
		t.Fatalf("read back: %v, the same: %v", err, seed == k.Seed())
	}
	if public := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey); casper.PublicKey(public) != k.Public() {
		t.Error("the public key is another's")
	}
}

func TestKeysDiffer(t *testing.T) {
	seen := map[casper.PublicKey]bool{}
	for seed := range uint64(3) {
		seen[FaucetKey(seed).Public()] = true
		for i := range 3 {
			seen[ValidatorKey(seed, i).Public()] = true
		}
	}
	if len(seen) != 12 {
		t.Errorf("%d different keys, want 12", len(seen))
	}
	if first, second := ValidatorKey(1, 2), ValidatorKey(1, 2); first.Public() != second.Public() {
		t.Error("one seed made two keys")
	}
}
