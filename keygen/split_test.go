package keygen

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"math/bits"
	"os"
	"strings"
	"testing"

	"casper-cosigner/cosigner/frost"
	"casper-cosigner/rule/casper"
)

// The validator key of the recorded network, and its public half.
const (
	pemFile    = "../testdata/node-1.secret_key.pem"
	pemPublic  = "01c6b1344a3fd2c89e1255d843d8535db28110ef49bf64efe0e284d288c7c18f42"
	zeroPublic = "013b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29" // of the seed of 32 zeros
)

func pemSeed(t testing.TB) [32]byte {
	t.Helper()
	text, err := os.ReadFile(pemFile)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := casper.ParseSecretKeyPEM(text)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

func split(t testing.TB, threshold, n int) []*frost.KeyShare {
	t.Helper()
	_, shares, err := Split(pemSeed(t), threshold, n, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return shares
}

func TestSplitKeepsThePublicKey(t *testing.T) {
	var random [32]byte
	if _, err := rand.Read(random[:]); err != nil {
		t.Fatal(err)
	}
	randomPublic := casper.PublicKey(ed25519.NewKeyFromSeed(random[:])[32:])
	for _, tt := range []struct {
		seed   [32]byte
		public string
		t, n   int
	}{
		{pemSeed(t), pemPublic, 2, 3},
		{pemSeed(t), pemPublic, 3, 5},
		{pemSeed(t), pemPublic, 4, 5},
		{pemSeed(t), pemPublic, 5, 5},
		{[32]byte{}, zeroPublic, 8, 15},
		{random, randomPublic.String(), 2, 3},
	} {
		group, shares, err := Split(tt.seed, tt.t, tt.n, rand.Reader)
		if err != nil {
			t.Fatalf("%d of %d: %v", tt.t, tt.n, err)
		}
		if got := casper.PublicKey(group.Public()).String(); got != tt.public {
			t.Errorf("%d of %d: public key %s, want %s", tt.t, tt.n, got, tt.public)
		}
		if group.Threshold() != tt.t || group.Size() != tt.n || len(shares) != tt.n {
			t.Errorf("%d of %d: got %d of %d and %d shares", tt.t, tt.n, group.Threshold(), group.Size(), len(shares))
		}
		for i, k := range shares {
			if k.ID() != i+1 || k.Group() != group {
				t.Errorf("%d of %d: share %d is of cosigner %d", tt.t, tt.n, i, k.ID())
			}
		}
	}
}

func TestSplitLimits(t *testing.T) {
	for _, tt := range []struct {
		t, n int
		ok   bool
	}{
		{2, 3, true}, {3, 3, true}, {3, 4, true}, {8, 15, true}, {15, 15, true},
		{1, 1, false}, {1, 2, false}, {2, 2, false}, // too few cosigners
		{9, 16, false}, {16, 16, false}, {2, 1 << 40, false}, // too many
		{2, 4, false}, {7, 15, false}, {1, 3, false}, // not more than half
		{4, 3, false}, {0, 3, false}, {-1, 3, false}, {2, 0, false}, {2, -3, false},
	} {
		if err := checkSize(tt.t, tt.n); (err == nil) != tt.ok {
			t.Errorf("checkSize(%d, %d) = %v, want ok %v", tt.t, tt.n, err, tt.ok)
		}
		if !tt.ok {
			if _, shares, err := Split(pemSeed(t), tt.t, tt.n, rand.Reader); err == nil || shares != nil {
				t.Errorf("Split(%d, %d) gave %d shares, %v", tt.t, tt.n, len(shares), err)
			}
		}
	}
}

func TestSplitNeedsRandomness(t *testing.T) {
	// Two coefficients for 3 of 5, then whatever the trials take.
	for _, n := range []int64{0, 63, 64, 127, 128, 128 + 64, 128 + 64*29} {
		_, shares, err := Split(pemSeed(t), 3, 5, io.LimitReader(rand.Reader, n))
		if err == nil || shares != nil {
			t.Errorf("with %d random bytes: %d shares, %v", n, len(shares), err)
		}
	}
}

func TestSplitsDiffer(t *testing.T) {
	one, two := split(t, 2, 3), split(t, 2, 3)
	if one[0].Group().Equal(two[0].Group()) || string(one[0].Secret()) == string(two[0].Secret()) {
		t.Error("two splits of one key are the same")
	}
}

func TestVerify(t *testing.T) {
	five, other, sameSize := split(t, 3, 5), split(t, 2, 3), split(t, 3, 5)
	reparsed := func(k *frost.KeyShare) *frost.KeyShare { // as from a file of its own
		group, err := frost.ParseGroupKey(k.Group().Commitments(), k.Group().Size())
		if err != nil {
			t.Fatal(err)
		}
		again, err := frost.ParseKeyShare(group, k.ID(), k.Secret())
		if err != nil {
			t.Fatal(err)
		}
		return again
	}
	for _, tt := range []struct {
		name   string
		shares []*frost.KeyShare
		want   error
	}{
		{"all", five, nil},
		{"just t, unsorted", []*frost.KeyShare{five[4], five[0], five[2]}, nil},
		{"of separate files", []*frost.KeyShare{reparsed(five[1]), reparsed(five[0]), reparsed(five[3])}, nil},
		{"none", nil, errTooFew},
		{"fewer than t", five[:2], errTooFew},
		{"of another size", append(five[:3:3], other[0]), errOtherSplit},
		{"of another split", append(five[:3:3], sameSize[4]), errOtherSplit},
		{"twice the same", append(five[:3:3], reparsed(five[0])), errSameID},
	} {
		if err := Verify(tt.shares, rand.Reader); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestTrialQuorums(t *testing.T) {
	for _, tt := range []struct{ n, t, want int }{
		{3, 2, 3}, {5, 3, 10}, {9, 5, maxTrials}, {15, 8, maxTrials}, {15, 15, 1}, {9, 7, 36},
	} {
		quorums, err := trialQuorums(tt.n, tt.t, rand.Reader)
		if err != nil || len(quorums) != tt.want {
			t.Errorf("%d of %d: %d quorums, %v, want %d", tt.t, tt.n, len(quorums), err, tt.want)
		}
		seen, union := make(map[uint]bool), uint(0)
		for _, q := range quorums {
			if seen[q] || bits.OnesCount(q) != tt.t || q >= 1<<tt.n {
				t.Errorf("%d of %d: quorum %b", tt.t, tt.n, q)
			}
			seen[q] = true
			union |= q
		}
		if union != 1<<tt.n-1 {
			t.Errorf("%d of %d: some cosigner was never tried: %b", tt.t, tt.n, union)
		}
	}
	if _, err := trialQuorums(15, 8, strings.NewReader("short")); err == nil {
		t.Error("quorums were chosen without randomness")
	}
}

func TestTrialMessageIsNoCasperMessage(t *testing.T) {
	switch len(trialMessage) {
	case 32, 40, 80:
		t.Errorf("%d bytes are the length of something that Casper signs", len(trialMessage))
	}
}

func TestErrorsDoNotQuoteTheSeed(t *testing.T) {
	seed := pemSeed(t)
	_, _, err := Split(seed, 1, 3, rand.Reader)
	if err == nil || strings.Contains(err.Error(), hex.EncodeToString(seed[:4])) {
		t.Errorf("the error is %v", err)
	}
}
