package cluster

import (
	"crypto/ed25519"
	"errors"
	"testing"

	"casper-cosigner/rule/casper"
)

// counted is a verifier of a file with two nodes, their keys, and how often it verifies.
func counted(t *testing.T) (v *Verifier, keys map[string]ed25519.PrivateKey, times *int) {
	t.Helper()
	f := &File{ID: make(Key, 16)}
	keys = map[string]ed25519.PrivateKey{}
	for _, name := range []string{"node-a", "node-b", "node-a, before"} {
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		if keys[name] = private; name == "node-a, before" {
			f.Retired = append(f.Retired, RetiredEntry{Name: "node-a", Key: Key(public), Until: 40})
			continue
		}
		f.Nodes = append(f.Nodes, NodeEntry{Name: name, Key: Key(public)})
	}
	v, times = f.VerifierAt(50), new(int)
	v.verify = func(key ed25519.PublicKey, text, signature []byte) bool {
		*times++
		return ed25519.Verify(key, text, signature)
	}
	return v, keys, times
}

func requestOf(t *testing.T, v *Verifier, key ed25519.PrivateKey, id int) (casper.Message, [64]byte) {
	t.Helper()
	m := casper.Vote{Round: casper.Round{Era: 3, ID: uint32(id)}, Value: true}
	signature, err := v.file.SignRequest(key, "node-a", m, 0)
	if err != nil {
		t.Fatal(err)
	}
	return m, signature
}

// TestVerifiedOnce: a request that was verified on its way in is not verified again for our share.
func TestVerifiedOnce(t *testing.T) {
	v, keys, times := counted(t)
	m, signature := requestOf(t, v, keys["node-a"], 1)
	for range 3 {
		err := errors.Join(v.VerifyRequest("node-a", m, 0, signature), v.VerifyClaimed("node-a", m, 0, signature))
		if err != nil {
			t.Fatal(err)
		}
	}
	if *times != 1 {
		t.Errorf("verified %d times", *times)
	}
	if other := v.file.Verifier(); len(other.right) != 0 {
		t.Error("another process's verifier knows of it")
	}
}

// TestVerifiedIsExact: what was right says nothing of another message, node, key or signature, and
// what was wrong stays wrong.
func TestVerifiedIsExact(t *testing.T) {
	v, keys, _ := counted(t)
	m, good := requestOf(t, v, keys["node-a"], 1)
	const dated = 40 // or a retired key is not taken
	before, _ := requestOf(t, v, keys["node-a, before"], 2)
	old, err := v.file.SignRequest(keys["node-a, before"], "node-a", before, dated)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(v.VerifyRequest("node-a", m, 0, good), v.VerifyClaimed("node-a", before, dated, old))
	if err != nil {
		t.Fatal(err)
	}
	next, _ := requestOf(t, v, keys["node-a"], 3)
	flipped, short := good, [64]byte{}
	flipped[40] ^= 1
	for range 2 {
		for name, err := range map[string]error{
			"another message":         v.VerifyRequest("node-a", next, 0, good),
			"another node":            v.VerifyRequest("node-b", m, 0, good),
			"another signature":       v.VerifyRequest("node-a", m, 0, flipped),
			"no signature":            v.VerifyRequest("node-a", m, 0, short),
			"right for a retired key": v.VerifyRequest("node-a", before, dated, old),
		} {
			if !errors.Is(err, ErrRequestSignature) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	// The key decides, not the name: a node that was given another one is another.
	v.file.Nodes[0].Key = v.file.Nodes[1].Key
	if err := v.VerifyRequest("node-a", m, 0, good); !errors.Is(err, ErrRequestSignature) {
		t.Errorf("under another key: %v", err)
	}
}

// TestVerifiedIsBounded: the oldest is forgotten, and then verified again.
func TestVerifiedIsBounded(t *testing.T) {
	v, keys, times := counted(t)
	m, signature := requestOf(t, v, keys["node-a"], 0)
	ask := func() {
		if err := v.VerifyRequest("node-a", m, 0, signature); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	fill := func(from, to int) {
		for i := from; i < to; i++ {
			v.remember(proof{byte(i), byte(i >> 8), 1})
		}
	}
	fill(1, verifiedKept)
	if ask(); *times != 1 {
		t.Errorf("forgotten among %d: verified %d times", verifiedKept, *times)
	}
	fill(verifiedKept, verifiedKept+1)
	if ask(); *times != 2 || len(v.right) != verifiedKept || len(v.order) != verifiedKept {
		t.Errorf("verified %d times, %d and %d remembered, want 2 and %d", *times, len(v.right), len(v.order), verifiedKept)
	}
	fill(verifiedKept+1, 3*verifiedKept)
	if ask(); *times != 3 || len(v.right) != verifiedKept {
		t.Errorf("verified %d times, %d remembered", *times, len(v.right))
	}
}
