package frost

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.dedis.ch/kyber/v3"

	"casper-cosigner/cosigner/frost/edgroup"
)

// TestSecondEncodings tries every 32 bytes that decode, leniently, to a point
// whose encoding is another: y from p to 2^255-1, and x = 0 with a sign.
func TestSecondEncodings(t *testing.T) {
	perGroup(t, func(t *testing.T, g kyber.Group) {
		group, keys := deal(t, g, 2, 3)
		_, commitments := commit(t, keys[0])
		var encodings [][]byte
		for low := 0xed; low <= 0xff; low++ {
			b := bytes.Repeat([]byte{0xff}, 32)
			b[0] = byte(low)
			unsigned := bytes.Clone(b)
			unsigned[31] = 0x7f
			encodings = append(encodings, b, unsigned)
		}
		signs := badPoints(t, g)
		encodings = append(encodings, signs["identity with sign"], signs["order 2 with sign"])
		for _, f := range forms {
			hiding, _ := f.points(t, commitments[0])
			for _, b := range encodings {
				if _, err := f.parse(group, 1, hiding, b); !errors.Is(err, ErrPoint) {
					t.Errorf("%s: %x: %v", f.name, b, err)
				}
			}
		}
	})
}

func FuzzParseCommitment(f *testing.F) {
	group, keys := deal(f, edgroup.Group{}, 2, 3)
	_, commitments := commit(f, keys[1])
	f.Add(2, commitments[0].Hiding[:], commitments[0].Binding[:])
	for _, bad := range badPoints(f, edgroup.Group{}) {
		f.Add(1, bad, commitments[0].Binding[:])
	}
	f.Fuzz(func(t *testing.T, id int, hiding, binding []byte) {
		c, err := ParseCommitment(group, id, hiding, binding)
		if err == nil && (string(c.Hiding[:]) != string(hiding) || string(c.Binding[:]) != string(binding) || c.ID != id) {
			t.Errorf("parsed %d %x %x, got %v", id, hiding, binding, c)
		}
	})
}

func TestSessionRefusesSignerLists(t *testing.T) {
	perGroup(t, func(t *testing.T, g kyber.Group) {
		group, keys := deal(t, g, 3, 4)
		_, c := commit(t, keys...)
		stray := c[0]
		stray.ID = 5
		tests := []struct {
			name string
			list []Commitment
			ok   bool
		}{
			{"exactly t", []Commitment{c[0], c[1], c[3]}, true},
			{"all", c, true},
			{"none", nil, false},
			{"fewer than t", c[:2], false},
			{"unsorted", []Commitment{c[0], c[2], c[1]}, false},
			{"duplicate", []Commitment{c[0], c[1], c[1]}, false},
			{"unknown id", []Commitment{c[0], c[1], stray}, false},
			{"zero value", []Commitment{{}, c[0], c[1]}, false},
			{"more than n", []Commitment{c[0], c[1], c[2], c[3], stray}, false},
		}
		for _, tt := range tests {
			_, err := NewSession(group, []byte("m"), tt.list)
			if (err == nil) != tt.ok || (err != nil && !errors.Is(err, ErrSigners)) {
				t.Errorf("%s: %v, want ok %v", tt.name, err, tt.ok)
			}
		}
	})
}

func TestSessionChecksCommitmentsMadeByHand(t *testing.T) {
	perGroup(t, func(t *testing.T, g kyber.Group) {
		group, keys := deal(t, g, 2, 3)
		nonces, c := commit(t, keys[0], keys[1])
		byHand := Commitment{ID: 2, Hiding: c[1].Hiding, Binding: c[1].Binding}
		s, err := NewSession(group, []byte("m"), []Commitment{c[0], byHand})
		if err != nil {
			t.Fatal(err)
		}
		z, err := keys[1].Sign(nonces[1], s)
		if err != nil || s.VerifyShare(2, z) != nil {
			t.Errorf("signing with a commitment made by hand: %v", err)
		}
		changed := c[1] // its points were checked, the new bytes were not
		changed.Hiding = [32]byte(badPoints(t, g)["order 8"])
		if _, err := NewSession(group, []byte("m"), []Commitment{c[0], changed}); !errors.Is(err, ErrPoint) {
			t.Errorf("a commitment changed after parsing: %v", err)
		}
		changed.Hiding = c[0].Hiding
		s, err = NewSession(group, []byte("m"), []Commitment{c[0], changed})
		if err != nil || !s.hiding[1].Equal(s.hiding[0]) {
			t.Errorf("a session computes with points other than those it hashes: %v", err)
		}
		changed.Binding = [32]byte(encodeIdentity(g))
		if _, err := NewSession(group, []byte("m"), []Commitment{c[0], changed}); !errors.Is(err, ErrPoint) {
			t.Errorf("an identity made by hand: %v", err)
		}
	})
}

func TestSignBurnsTheNonce(t *testing.T) {
	perGroup(t, func(t *testing.T, g kyber.Group) {
		group, keys := deal(t, g, 2, 3)
		nonces, c := commit(t, keys[0], keys[1], keys[0])
		s, err := NewSession(group, []byte("m"), c[:2])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keys[0].Sign(nonces[0], s); err != nil {
			t.Fatal(err)
		}
		other, err := NewSession(group, []byte("another message"), c[:2])
		if err != nil {
			t.Fatal(err)
		}
		for _, again := range []*Session{s, other} {
			if z, err := keys[0].Sign(nonces[0], again); !errors.Is(err, ErrNonceUsed) || z != [32]byte{} {
				t.Errorf("the second use gives %x, %v", z, err)
			}
		}
		// A refused session burns it as well.
		if _, err := keys[0].Sign(nonces[2], s); !errors.Is(err, ErrNotInSession) {
			t.Errorf("a session with another nonce of the same cosigner: %v", err)
		}
		own, err := NewSession(group, []byte("m"), []Commitment{c[2], c[1]})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keys[0].Sign(nonces[2], own); !errors.Is(err, ErrNonceUsed) {
			t.Errorf("a nonce outlived a refused session: %v", err)
		}
		if nonces[0].hiding != nil || nonces[0].binding != nil {
			t.Error("a burnt nonce keeps its scalars")
		}
	})
}

func TestSignRefusesForeignSessions(t *testing.T) {
	perGroup(t, func(t *testing.T, g kyber.Group) {
		group, keys := deal(t, g, 2, 3)
		otherGroup, otherKeys := deal(t, g, 2, 3)
		tests := []struct {
			name string
			key  *KeyShare // signs with its own fresh nonce
			list func(own Commitment) (*GroupKey, []Commitment)
		}{
			{"absent", keys[0], func(Commitment) (*GroupKey, []Commitment) {
				_, c := commit(t, keys[1], keys[2])
				return group, c
			}},
			{"another nonce of the same cosigner", keys[0], func(Commitment) (*GroupKey, []Commitment) {
				_, c := commit(t, keys[0], keys[1])
				return group, c
			}},
			{"hiding point changed", keys[0], func(own Commitment) (*GroupKey, []Commitment) {
				_, c := commit(t, keys[1])
				own.Hiding = c[0].Hiding
				return group, []Commitment{own, c[0]}
			}},
			{"binding point changed", keys[0], func(own Commitment) (*GroupKey, []Commitment) {
				_, c := commit(t, keys[1])
				own.Binding = c[0].Binding
				return group, []Commitment{own, c[0]}
			}},
			{"own points under another id", keys[0], func(own Commitment) (*GroupKey, []Commitment) {
				_, c := commit(t, keys[0])
				own.ID = 2
				return group, []Commitment{c[0], own}
			}},
			{"another key", keys[0], func(own Commitment) (*GroupKey, []Commitment) {
				_, c := commit(t, otherKeys[1])
				return otherGroup, []Commitment{own, c[0]}
			}},
		}
		for _, tt := range tests {
			nonces, own := commit(t, tt.key)
			k, list := tt.list(own[0])
			s, err := NewSession(k, []byte("m"), list)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			if z, err := tt.key.Sign(nonces[0], s); !errors.Is(err, ErrNotInSession) || z != [32]byte{} {
				t.Errorf("%s: %x, %v", tt.name, z, err)
			}
		}
	})
}

func TestSignRefusesNoncesOfOthers(t *testing.T) {
	perGroup(t, func(t *testing.T, g kyber.Group) {
		group, keys := deal(t, g, 2, 3)
		nonces, c := commit(t, keys[0], keys[0], keys[1])
		renamed := c[1]
		renamed.ID = 2
		for i, list := range [][]Commitment{{c[0], c[2]}, {c[0], renamed}} {
			s, err := NewSession(group, []byte("m"), list)
			if err != nil {
				t.Fatal(err)
			}
			if z, err := keys[1].Sign(nonces[i], s); !errors.Is(err, ErrNotInSession) || z != [32]byte{} {
				t.Errorf("session %d: cosigner 2 signs with a nonce of cosigner 1: %x, %v", i, z, err)
			}
		}
	})
}

func TestConcurrentSignsOfOneNonce(t *testing.T) {
	group, keys := deal(t, edgroup.Group{}, 2, 3)
	for range 50 {
		nonces, c := commit(t, keys[0], keys[1])
		var signed, refused atomic.Int32
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range 8 {
			s, err := NewSession(group, []byte{byte(i)}, c)
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				<-start
				switch z, err := keys[0].Sign(nonces[0], s); {
				case err == nil && s.VerifyShare(1, z) == nil:
					signed.Add(1)
				case errors.Is(err, ErrNonceUsed):
					refused.Add(1)
				}
			})
		}
		close(start)
		wg.Wait()
		if signed.Load() != 1 || refused.Load() != 7 {
			t.Fatalf("%d signed and %d refused, want 1 and 7", signed.Load(), refused.Load())
		}
	}
}

func TestCommitNeedsRandomness(t *testing.T) {
	_, keys := deal(t, edgroup.Group{}, 2, 3)
	if n, err := keys[0].Commit(strings.NewReader(strings.Repeat("r", 63))); err == nil || n != nil {
		t.Errorf("63 random bytes gave %v, %v", n, err)
	}
}
