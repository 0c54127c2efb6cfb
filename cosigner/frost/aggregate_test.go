package frost

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"errors"
	"maps"
	"slices"
	"testing"

	ed "filippo.io/edwards25519"
	"go.dedis.ch/kyber/v3"

	"casper-cosigner/cosigner/frost/edgroup"
)

// verifyStrict is the rule of ed25519-dalek 2.1 verify_strict: canonical R and
// S, neither R nor the key of small order, and S*B - k*A = R without a cofactor.
func verifyStrict(public [32]byte, msg []byte, sig [64]byte) error {
	a, err := new(ed.Point).SetBytes(public[:])
	if err != nil || !bytes.Equal(a.Bytes(), public[:]) {
		return errors.New("the key is not canonical")
	}
	r, err := new(ed.Point).SetBytes(sig[:32])
	if err != nil || !bytes.Equal(r.Bytes(), sig[:32]) {
		return errors.New("R is not canonical")
	}
	for _, p := range []*ed.Point{a, r} {
		if new(ed.Point).MultByCofactor(p).Equal(ed.NewIdentityPoint()) == 1 {
			return errors.New("a point has small order")
		}
	}
	s, err := ed.NewScalar().SetCanonicalBytes(sig[32:])
	if err != nil {
		return errors.New("S is not canonical")
	}
	hash := sha512.Sum512(slices.Concat(sig[:32], public[:], msg))
	k, err := ed.NewScalar().SetUniformBytes(hash[:])
	if err != nil {
		return err
	}
	want := new(ed.Point).VarTimeDoubleScalarBaseMult(k, new(ed.Point).Negate(a), s)
	if !bytes.Equal(want.Bytes(), sig[:32]) {
		return errors.New("the equation does not hold")
	}
	return nil
}

func TestSignaturesOfAnyQuorum(t *testing.T) {
	sizes := []struct{ t, n int }{{2, 2}, {2, 3}, {3, 4}, {3, 5}, {5, 9}, {15, 15}}
	perGroup(t, func(t *testing.T, g kyber.Group) {
		for _, size := range sizes {
			group, keys := deal(t, g, size.t, size.n)
			quorums := [][]*KeyShare{keys[:size.t], keys[size.n-size.t:], keys} // the last has more than t
			for i, quorum := range quorums {
				for _, msg := range [][]byte{nil, bytes.Repeat([]byte{byte(i)}, 32), make([]byte, 80)} {
					s, shares := sign(t, group, msg, quorum...)
					sig, err := s.Aggregate(shares)
					if err != nil {
						t.Fatalf("%d of %d, quorum %d: %v", size.t, size.n, i, err)
					}
					public := group.Public()
					if !ed25519.Verify(public[:], msg, sig[:]) {
						t.Errorf("%d of %d, quorum %d: the signature does not verify", size.t, size.n, i)
					}
					if err := verifyStrict(public, msg, sig); err != nil {
						t.Errorf("%d of %d, quorum %d: %v", size.t, size.n, i, err)
					}
				}
			}
		}
	})
}

func TestAggregateNamesAllCulprits(t *testing.T) {
	// Different bytes: two errors of the same size might cancel out.
	flip := func(i int) func([32]byte) [32]byte {
		return func(z [32]byte) [32]byte { z[i] ^= 1; return z }
	}
	tests := []struct {
		name  string
		spoil map[int]func([32]byte) [32]byte
	}{
		{"one, first", map[int]func([32]byte) [32]byte{1: flip(0)}},
		{"one, last", map[int]func([32]byte) [32]byte{5: flip(0)}},
		{"two", map[int]func([32]byte) [32]byte{2: flip(0), 5: flip(1)}},
		{"all", map[int]func([32]byte) [32]byte{1: flip(0), 2: flip(1), 4: flip(2), 5: flip(3)}},
		{"zero", map[int]func([32]byte) [32]byte{4: func([32]byte) [32]byte { return [32]byte{} }}},
		{"not canonical", map[int]func([32]byte) [32]byte{2: func(z [32]byte) [32]byte { z[31] |= 0xf0; return z }}},
		{"one more L", map[int]func([32]byte) [32]byte{2: func(z [32]byte) [32]byte {
			order := [32]byte{0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
				31: 0x10}
			return [32]byte(addOrder(z[:], order[:]))
		}}},
		{"not canonical and wrong", map[int]func([32]byte) [32]byte{
			1: func(z [32]byte) [32]byte { z[31] = 0xff; return z }, 4: flip(0),
		}},
	}
	perGroup(t, func(t *testing.T, g kyber.Group) {
		group, keys := deal(t, g, 3, 5)
		for _, tt := range tests {
			s, shares := sign(t, group, []byte("m"), keys[0], keys[1], keys[3], keys[4])
			want := slices.Sorted(maps.Keys(tt.spoil))
			for id, spoil := range tt.spoil {
				shares[id] = spoil(shares[id])
			}
			for id, z := range shares {
				err := s.VerifyShare(id, z)
				if wrong := slices.Contains(want, id); wrong != errors.Is(err, ErrShare) || !wrong && err != nil {
					t.Errorf("%s: share of %d: %v", tt.name, id, err)
				}
			}
			sig, err := s.Aggregate(shares)
			var culprits *CulpritError
			if !errors.As(err, &culprits) || !slices.Equal(culprits.IDs, want) || sig != [64]byte{} {
				t.Errorf("%s: %v, want culprits %v", tt.name, err, want)
			}
		}
	})
}

func TestOnlyTheSumCounts(t *testing.T) {
	group, keys := deal(t, edgroup.Group{}, 2, 3)
	s, shares := sign(t, group, []byte("m"), keys[0], keys[2])
	shares[1], shares[3] = shares[3], shares[1]
	// Their sum is right, so there is a signature and nobody to blame.
	if _, err := s.Aggregate(shares); err != nil {
		t.Error(err)
	}
	_, other := sign(t, group, []byte("m"), keys[0], keys[2])
	var culprits *CulpritError
	if _, err := s.Aggregate(other); !errors.As(err, &culprits) || !slices.Equal(culprits.IDs, []int{1, 3}) {
		t.Errorf("shares of another session: %v", err)
	} else if want := "aggregating: wrong signature shares of cosigners [1 3]"; err.Error() != want {
		t.Errorf("the error reads %q, want %q", err, want)
	}
}

func TestAggregateWantsTheSessionsShares(t *testing.T) {
	group, keys := deal(t, edgroup.Group{}, 2, 3)
	s, shares := sign(t, group, []byte("m"), keys[0], keys[1])
	if err := s.VerifyShare(3, shares[1]); !errors.Is(err, ErrNotInSession) {
		t.Errorf("a share of a cosigner that was not asked: %v", err)
	}
	for name, wrong := range map[string]map[int][32]byte{
		"none":     nil,
		"missing":  {1: shares[1]},
		"stranger": {1: shares[1], 3: shares[2]},
		"extra":    {1: shares[1], 2: shares[2], 3: {}},
	} {
		if _, err := s.Aggregate(wrong); !errors.Is(err, ErrSigners) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSessionKeepsItsInput(t *testing.T) {
	group, keys := deal(t, edgroup.Group{}, 2, 3)
	msg := []byte("message")
	nonces, c := commit(t, keys[0], keys[1])
	s, err := NewSession(group, msg, c)
	if err != nil {
		t.Fatal(err)
	}
	msg[0], c[0] = 'X', c[1]
	shares := make(map[int][32]byte)
	for i, k := range keys[:2] {
		if shares[k.ID()], err = k.Sign(nonces[i], s); err != nil {
			t.Fatal(err)
		}
	}
	sig, err := s.Aggregate(shares)
	if public := group.Public(); err != nil || !ed25519.Verify(public[:], []byte("message"), sig[:]) {
		t.Errorf("the session followed its caller's buffers: %v", err)
	}
}
