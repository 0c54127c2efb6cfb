package witness

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
)

func sample() Statement {
	return Statement{Validator: casper.PublicKey{1}, Cluster: ID{2}, Name: "cosigner-1", Directory: ID{3}, Boot: 4,
		Session: ID{5}, Term: 6, Applied: 7, Resets: 8, Newest: watermark.Mark{Era: 9, Height: 10}, Round: 11,
		Pruned: watermark.Mark{Era: 12, Height: 13}, Written: 14, Link: ID{15}}
}

func testKey(n byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32)) }

// TestLayout: a statement comes back as it was, and every byte of it counts.
func TestLayout(t *testing.T) {
	text := sample().Append(nil)
	if got, err := Parse(text); err != nil || got != sample() || len(text) != Size {
		t.Fatalf("%d bytes came back as %+v, %v", len(text), got, err)
	}
	key := testKey(1)
	signed := Sign(key, sample())
	for i := range text {
		other := bytes.Clone(text)
		other[i] ^= 1
		got, err := Read(other, signed.Key[:], signed.Signature[:])
		if err == nil && (got.Statement == sample() || got.Verify()) {
			t.Errorf("byte %d does not count", i)
		}
	}
	for name, bad := range map[string][]byte{
		"short": text[:Size-1], "long": append(bytes.Clone(text), 0), "empty": nil,
		"a name to deceive with": Statement{Name: "c1\n"}.Append(nil), "no name": Statement{}.Append(nil),
	} {
		if s, err := Parse(bad); err == nil {
			t.Errorf("%s: read as %+v", name, s)
		}
	}
	if _, err := Read(text, signed.Key[:31], signed.Signature[:]); err == nil {
		t.Error("a key of 31 bytes was taken")
	}
	if !signed.Verify() {
		t.Error("what was signed does not verify")
	}
}
