package main

import (
	"bytes"
	"encoding/hex"
	"testing"

	reference "golang.org/x/crypto/blake2b"
)

func TestBlake2bKnownAnswers(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"},
		{"abc", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"},
		{"casper-example", "56723b9706b17fee09cda0c05d88a270e3c672258876942aba5d2f74ceedaa9e"}, // from the recording
	} {
		got := blake2b([]byte(c.text))
		if hex.EncodeToString(got[:]) != c.want {
			t.Errorf("blake2b(%q) = %x, want %s", c.text, got, c.want)
		}
	}
}

// The lengths around a block are where a hash goes wrong. Only this test knows the other
// implementation.
func TestBlake2bAgainstReference(t *testing.T) {
	for n := range 3*blockSize + 2 {
		data := bytes.Repeat([]byte{byte(n), 0xa5}, n)[:n]
		if got, want := blake2b(data), reference.Sum256(data); got != want {
			t.Fatalf("%d bytes: %x, want %x", n, got, want)
		}
	}
}
