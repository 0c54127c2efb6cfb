package frost

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.dedis.ch/kyber/v3"
	"go.dedis.ch/kyber/v3/group/edwards25519"
	"go.dedis.ch/kyber/v3/share"

	"casper-cosigner/cosigner/frost/edgroup"
)

// groups are the two groups that every test runs on.
var groups = map[string]kyber.Group{
	"edgroup": edgroup.Group{},
	"kyber":   edwards25519.NewBlakeSHA256Ed25519(),
}

// perGroup runs a test on each group.
func perGroup(t *testing.T, test func(t *testing.T, g kyber.Group)) {
	for name, g := range groups {
		t.Run(name, func(t *testing.T) { test(t, g) })
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// deal splits a random key. Cosigner id is at index id-1.
func deal(t testing.TB, g kyber.Group, threshold, n int) (*GroupKey, []*KeyShare) {
	t.Helper()
	coefficients := make([]kyber.Scalar, threshold)
	for i := range coefficients {
		var b [64]byte
		if _, err := rand.Read(b[:]); err != nil {
			t.Fatal(err)
		}
		coefficients[i] = g.Scalar().SetBytes(b[:])
	}
	polynomial := share.CoefficientsToPriPoly(g, coefficients)
	_, commitments := polynomial.Commit(nil).Info()
	group, err := NewGroupKey(g, commitments, n)
	if err != nil {
		t.Fatal(err)
	}
	var keys []*KeyShare
	for _, s := range polynomial.Shares(n) {
		secret := encode(s.V)
		k, err := ParseKeyShare(group, s.I+1, secret[:])
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return group, keys
}

// commit runs round one for some cosigners, in their order.
func commit(t testing.TB, keys ...*KeyShare) ([]*Nonce, []Commitment) {
	t.Helper()
	var nonces []*Nonce
	var commitments []Commitment
	for _, k := range keys {
		n, err := k.Commit(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		nonces, commitments = append(nonces, n), append(commitments, n.Commitment())
	}
	return nonces, commitments
}

// sign runs both rounds up to the shares.
func sign(t testing.TB, group *GroupKey, msg []byte, keys ...*KeyShare) (*Session, map[int][32]byte) {
	t.Helper()
	nonces, commitments := commit(t, keys...)
	s, err := NewSession(group, msg, commitments)
	if err != nil {
		t.Fatal(err)
	}
	shares := make(map[int][32]byte)
	for i, k := range keys {
		if shares[k.ID()], err = k.Sign(nonces[i], s); err != nil {
			t.Fatal(err)
		}
	}
	return s, shares
}

// Bad points, by what is wrong with them. The mixed one is 7*B plus a point of
// order 8.
func badPoints(t testing.TB, g kyber.Group) map[string][]byte {
	t.Helper()
	order8 := unhex(t, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
	torsion := g.Point()
	if err := torsion.UnmarshalBinary(order8); err != nil {
		t.Fatal(err)
	}
	mixed := encode(g.Point().Add(torsion, g.Point().Mul(g.Scalar().SetInt64(7), nil)))
	top := strings.Repeat("ff", 30)
	return map[string][]byte{
		"identity":           encodeIdentity(g),
		"identity, y above":  unhex(t, "ee"+top+"7f"),
		"identity with sign": unhex(t, "01"+strings.Repeat("00", 30)+"80"),
		"order 2":            unhex(t, "ec"+top+"7f"),
		"order 2 with sign":  unhex(t, "ec"+top+"ff"),
		"order 8":            order8,
		"mixed order":        mixed[:],
		"not on the curve":   unhex(t, "02"+strings.Repeat("00", 31)),
		"short":              make([]byte, 31),
		"long":               make([]byte, 33),
		"nothing":            nil,
	}
}

func encodeIdentity(g kyber.Group) []byte {
	b := encode(g.Point().Null())
	return b[:]
}

func TestGroupKeyLimits(t *testing.T) {
	base := func(i int) []byte {
		g := edgroup.Group{}
		b := encode(g.Point().Mul(g.Scalar().SetInt64(int64(i+1)), nil))
		return b[:]
	}
	tests := []struct {
		t, n int
		ok   bool
	}{
		{0, 3, false}, {1, 3, false}, {2, 1, false}, {2, 2, true}, {2, 3, true}, {3, 2, false},
		{15, 15, true}, {8, 15, true}, {2, 16, false}, {16, 16, false}, {2, -1, false}, {100, 3, false},
	}
	for _, tt := range tests {
		var commitments [][]byte
		for i := range tt.t {
			commitments = append(commitments, base(i))
		}
		k, err := ParseGroupKey(commitments, tt.n)
		if (err == nil) != tt.ok {
			t.Errorf("%d of %d: error %v, want ok %v", tt.t, tt.n, err, tt.ok)
			continue
		}
		if err != nil {
			continue
		}
		if k.Threshold() != tt.t || k.Size() != tt.n || k.Public() != [32]byte(base(0)) {
			t.Errorf("%d of %d: got %d of %d, key %x", tt.t, tt.n, k.Threshold(), k.Size(), k.Public())
		}
		if !slices.EqualFunc(k.Commitments(), commitments, bytes.Equal) {
			t.Errorf("%d of %d: commitments differ", tt.t, tt.n)
		}
	}
}

func TestGroupKeyRefusesBadCommitments(t *testing.T) {
	good := encode(edgroup.Group{}.Point().Base())
	for name, bad := range badPoints(t, edgroup.Group{}) {
		for i := range 2 {
			commitments := [][]byte{good[:], good[:]}
			commitments[i] = bad
			if _, err := ParseGroupKey(commitments, 3); !errors.Is(err, ErrPoint) {
				t.Errorf("%s as commitment %d: %v", name, i, err)
			}
		}
	}
	perGroup(t, func(t *testing.T, g kyber.Group) {
		torsion := g.Point()
		if err := torsion.UnmarshalBinary(badPoints(t, g)["mixed order"]); err != nil {
			t.Fatal(err)
		}
		if _, err := NewGroupKey(g, []kyber.Point{torsion, g.Point().Base()}, 3); !errors.Is(err, ErrPoint) {
			t.Errorf("mixed order accepted: %v", err)
		}
		// 2 - x: the share of cosigner 2 would be zero.
		line := []kyber.Point{g.Point().Mul(g.Scalar().SetInt64(2), nil), g.Point().Mul(g.Scalar().SetInt64(-1), nil)}
		if _, err := NewGroupKey(g, line, 3); !errors.Is(err, ErrPoint) {
			t.Errorf("a share of zero accepted: %v", err)
		}
	})
}

func TestGroupKeyEqual(t *testing.T) {
	one, _ := deal(t, edgroup.Group{}, 2, 3)
	two, _ := deal(t, edgroup.Group{}, 2, 3)
	again, err := ParseGroupKey(one.Commitments(), 3)
	if err != nil {
		t.Fatal(err)
	}
	larger, err := ParseGroupKey(one.Commitments(), 4)
	if err != nil {
		t.Fatal(err)
	}
	if !one.Equal(again) || one.Equal(two) || one.Equal(larger) {
		t.Errorf("Equal says %v, %v, %v", one.Equal(again), one.Equal(two), one.Equal(larger))
	}
}

func TestKeyShareIsChecked(t *testing.T) {
	perGroup(t, func(t *testing.T, g kyber.Group) {
		group, keys := deal(t, g, 2, 3)
		_, others := deal(t, g, 2, 3)
		order := unhex(t, "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
		tests := []struct {
			name   string
			id     int
			secret []byte
			ok     bool
		}{
			{"right", 2, keys[1].Secret(), true},
			{"of another cosigner", 2, keys[0].Secret(), false},
			{"of another split", 2, others[1].Secret(), false},
			{"not canonical", 2, addOrder(keys[1].Secret(), order), false},
			{"zero", 2, make([]byte, 32), false},
			{"short", 2, keys[1].Secret()[:31], false},
			{"nothing", 2, nil, false},
			{"id 0", 0, keys[0].Secret(), false},
			{"id 4", 4, keys[0].Secret(), false},
			{"id -1", -1, keys[0].Secret(), false},
		}
		for _, tt := range tests {
			k, err := ParseKeyShare(group, tt.id, tt.secret)
			if (err == nil) != tt.ok {
				t.Errorf("%s: error %v, want ok %v", tt.name, err, tt.ok)
			}
			if err == nil && (k.ID() != tt.id || k.Group() != group || !bytes.Equal(k.Secret(), tt.secret)) {
				t.Errorf("%s: share %d came back changed", tt.name, k.ID())
			}
		}
	})
}

// addOrder returns s+L, the second 32-byte encoding of a scalar below 2^252.
func addOrder(s, order []byte) []byte {
	out, carry := make([]byte, 32), 0
	for i := range out {
		carry += int(s[i]) + int(order[i])
		out[i] = byte(carry)
		carry >>= 8
	}
	return out
}

func TestSecretsDoNotPrint(t *testing.T) {
	perGroup(t, func(t *testing.T, g kyber.Group) {
		_, keys := deal(t, g, 2, 3)
		nonces, _ := commit(t, keys[0])
		for _, v := range []any{keys[0], *keys[0], nonces[0]} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d"} {
				if got := fmt.Sprintf(verb, v); got != "[secret]" {
					t.Errorf("%T with %s prints %q", v, verb, got)
				}
			}
			if got, err := json.Marshal(v); err != nil || string(got) != `"[secret]"` {
				t.Errorf("%T in JSON is %s, %v", v, got, err)
			}
			if s, ok := v.(fmt.Stringer); !ok || s.String() != "[secret]" {
				t.Errorf("%T has no String that hides it", v)
			}
			if s, ok := v.(fmt.GoStringer); !ok || s.GoString() != "[secret]" {
				t.Errorf("%T has no GoString that hides it", v)
			}
		}
	})
}

func TestLagrangeCache(t *testing.T) {
	group, _ := deal(t, edgroup.Group{}, 2, 4)
	group.maxCached = 2
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, ids := range [][]int{{1, 2}, {1, 3}, {2, 3}, {1, 2, 3, 4}, {1, 2}} {
				set, err := group.signers(ids)
				if err != nil {
					t.Error(err)
					return
				}
				// The coefficients of a constant polynomial sum up to one.
				total := group.group.Scalar().Zero()
				for _, l := range group.lagrange(set, ids) {
					total.Add(total, l)
				}
				if !total.Equal(group.group.Scalar().One()) {
					t.Errorf("the coefficients of %v do not add up to one", ids)
				}
			}
		})
	}
	wg.Wait()
	if len(group.lambdas) != 2 {
		t.Errorf("%d sets are kept, the limit is 2", len(group.lambdas))
	}
}
