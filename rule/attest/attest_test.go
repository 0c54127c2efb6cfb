package attest_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
)

// committee is a cluster of so many cosigners, c1 and on, and their keys.
type committee struct {
	attest.Cluster
	keys map[string]ed25519.PrivateKey
}

func newCommittee(threshold, size int) committee {
	c := committee{keys: map[string]ed25519.PrivateKey{},
		Cluster: attest.Cluster{ID: [16]byte{1, 2, 3}, Validator: casper.PublicKey{9}, Threshold: threshold,
			Cosigners: map[string]ed25519.PublicKey{}}}
	for i := range size {
		name, seed := fmt.Sprintf("c%d", i+1), [32]byte{byte(i + 1)}
		c.keys[name] = ed25519.NewKeyFromSeed(seed[:])
		c.Cosigners[name] = c.keys[name].Public().(ed25519.PublicKey)
	}
	return c
}

// by are the named cosigners' attestations.
func (c committee) by(h attest.Holding, names ...string) (all []attest.Attestation) {
	for _, name := range names {
		all = append(all, c.Sign(c.keys[name], name, h))
	}
	return all
}

var round = casper.Round{Chainspec: casper.Hash{1}, Era: 12, KeyBlock: casper.Hash{2}, ID: 3, Validator: 4}

func holding(t *testing.T, m casper.Message) attest.Holding {
	t.Helper()
	h, ok := attest.Of(m)
	if !ok {
		t.Fatalf("%v holds nothing that is attested", m)
	}
	return h
}

// TestOf: only the slots of rounds are attested.
func TestOf(t *testing.T) {
	for _, m := range []casper.Message{casper.Finality{Height: 7}, casper.Handshake{}} {
		if h, ok := attest.Of(m); ok {
			t.Errorf("%v is attested: %v", m.Kind(), h)
		}
	}
	for _, m := range []casper.Message{casper.Echo{Round: round}, casper.Vote{Round: round}} {
		slot, _ := casper.SlotOf(m)
		if h := holding(t, m); h != (attest.Holding{Slot: slot, Digest: casper.Digest(m)}) {
			t.Errorf("%v: %v", m.Kind(), h)
		}
	}
}

// TestBytes: what is signed, byte by byte.
func TestBytes(t *testing.T) {
	c := newCommittee(2, 3)
	m := casper.Vote{Round: round, Value: true}
	instance, digest := round.Instance(), casper.Digest(m)
	text := slices.Concat([]byte("casper-cosigner attestation 1\x00"), c.ID[:], []byte{2}, []byte("c1"), c.Validator[:],
		[]byte{2}, []byte{0, 0, 0, 0, 0, 0, 0, 12}, instance[:], []byte{0, 0, 0, 4}, []byte{0, 0, 0, 3}, digest[:])
	a := c.Sign(c.keys["c1"], "c1", holding(t, m))
	if !ed25519.Verify(c.Cosigners["c1"], text, a.Signature[:]) {
		t.Error("something else is signed")
	}
	const vector = "f36c11369d99befd8671d193b9c255842bd771928ad9fcb1878365be7214fa68" +
		"bbcc82efcb1a0e15dc5eb76fd83c73a1f9fe3fb187700a8680e3d3e122a0770f"
	if got := hex.EncodeToString(a.Signature[:]); got != vector {
		t.Errorf("signature %s, want %s", got, vector)
	}
}

// TestSuffice: attestations of a threshold of different cosigners do, of exactly this.
func TestSuffice(t *testing.T) {
	c := newCommittee(3, 4)
	m := casper.Vote{Round: round, Value: true}
	h := holding(t, m)
	later := round
	later.ID++
	next := round
	next.Era++
	of := func(round uint32, instance casper.Hash, validator uint32) attest.Holding {
		return attest.Holding{Digest: h.Digest,
			Slot: casper.Slot{Kind: h.Slot.Kind, Era: 12, Round: round, Instance: instance, Validator: validator}}
	}
	others := map[string]attest.Holding{
		"another value":       holding(t, casper.Vote{Round: round, Value: false}),
		"another slot":        {Slot: holding(t, casper.Vote{Round: later, Value: true}).Slot, Digest: h.Digest},
		"another era":         {Slot: holding(t, casper.Vote{Round: next, Value: true}).Slot, Digest: h.Digest},
		"the echo's slot":     {Slot: holding(t, casper.Echo{Round: round}).Slot, Digest: h.Digest},
		"another digest":      {Slot: h.Slot, Digest: casper.Hash{7}},
		"another round":       of(5, h.Slot.Instance, 4),
		"another instance":    of(3, casper.Hash{5}, 4),
		"another validator's": of(3, h.Slot.Instance, 5),
	}
	forged := attest.Attestation{Cosigner: "c3"}
	twin := attest.Attestation{Cosigner: "c3", Signature: c.by(h, "c1")[0].Signature}
	wrongKey := c.Sign(c.keys["c1"], "c3", h)
	another, sameKeys := newCommittee(3, 4), newCommittee(3, 4)
	another.ID[0]++
	sameKeys.Validator[0]++
	tests := map[string]struct {
		all  []attest.Attestation
		want bool
	}{
		"three":                    {c.by(h, "c1", "c2", "c3"), true},
		"other three":              {c.by(h, "c4", "c2", "c3"), true},
		"all":                      {c.by(h, "c1", "c2", "c3", "c4"), true},
		"three and a forged one":   {append([]attest.Attestation{forged}, c.by(h, "c1", "c2", "c4")...), true},
		"none":                     {nil, false},
		"two":                      {c.by(h, "c1", "c2"), false},
		"one twice":                {c.by(h, "c1", "c2", "c2"), false},
		"one four times":           {c.by(h, "c1", "c1", "c1", "c1"), false},
		"one under another's name": {append(c.by(h, "c1", "c2"), twin), false},
		"one for another":          {append(c.by(h, "c1", "c2"), wrongKey), false},
		"a forged one":             {append(c.by(h, "c1", "c2"), forged), false},
		"a stranger's":             {append(c.by(h, "c1", "c2"), attest.Attestation{Cosigner: "c9"}), false},
		"of another cluster":       {another.by(h, "c1", "c2", "c3"), false},
		"of another validator":     {sameKeys.by(h, "c1", "c2", "c3"), false},
		"one of another cluster":   {append(c.by(h, "c1", "c2"), another.by(h, "c3")...), false},
	}
	for name, o := range others {
		one := tests["three"]
		one.all, one.want = append(c.by(h, "c1", "c2"), c.by(o, "c3")...), false
		tests["one of "+name] = one
		one.all = c.by(o, "c1", "c2", "c3")
		tests["three of "+name] = one
	}
	for name, tt := range tests {
		if err := c.Suffice(h, tt.all); (err == nil) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (attest.Cluster{}).Suffice(h, nil); err == nil {
		t.Error("no cluster grants something")
	}
}

// TestTwoThresholds: of the sets of attestations that honest cosigners and fewer than the threshold
// allows of others can give, none proves two values. Each honest cosigner attests one value.
func TestTwoThresholds(t *testing.T) {
	yes, no := holding(t, casper.Vote{Round: round, Value: true}), holding(t, casper.Vote{Round: round})
	for size := 3; size <= 7; size++ {
		for threshold := size/2 + 1; threshold <= size; threshold++ {
			c := newCommittee(threshold, size)
			names := slices.Sorted(maps.Keys(c.Cosigners))
			compromised, honest := names[:2*threshold-size-1], names[2*threshold-size-1:]
			for split := range len(honest) + 1 {
				for_, against := c.by(yes, honest[:split]...), c.by(no, honest[split:]...)
				for_, against = append(for_, c.by(yes, compromised...)...), append(against, c.by(no, compromised...)...)
				if c.Suffice(yes, for_) == nil && c.Suffice(no, against) == nil {
					t.Errorf("%d of %d: %d compromised prove two values", threshold, size, len(compromised))
				}
			}
		}
	}
}

// TestFault: whoever is shown too few is told whose count for nothing.
func TestFault(t *testing.T) {
	c := newCommittee(2, 3)
	h := holding(t, casper.Vote{Round: round})
	err := c.Suffice(h, append(c.by(h, "c1"), attest.Attestation{Cosigner: "c2"}, attest.Attestation{Cosigner: "c9"}))
	for _, part := range []string{"1 cosigners attest vote era 12 round 3", "needed are 2", `cosigner "c2"`, `"c9"`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v, want %q in it", err, part)
		}
	}
}
