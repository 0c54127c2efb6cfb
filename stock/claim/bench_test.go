package claim_test

import (
	"crypto/ed25519"
	"fmt"
	"testing"

	"casper-cosigner/rule/attest"
)

// BenchmarkSettle is what it costs a gate to verify what it is answered, for each message of ours:
// go test -run '^$' -bench Settle ./stock/claim
func BenchmarkSettle(b *testing.B) {
	for _, size := range [][2]int{{2, 3}, {3, 4}, {3, 5}, {8, 15}} {
		b.Run(fmt.Sprintf("%d of %d", size[0], size[1]), func(b *testing.B) {
			c := attest.Cluster{Threshold: size[0], Cosigners: map[string]ed25519.PublicKey{}}
			h, _ := attest.Of(yes)
			var all []attest.Attestation
			for i := range size[1] {
				name := fmt.Sprintf("c%d", i)
				key := ed25519.NewKeyFromSeed(append(make([]byte, 31), byte(i)))
				c.Cosigners[name] = key.Public().(ed25519.PublicKey)
				if i < size[0] {
					all = append(all, c.Sign(key, name, h))
				}
			}
			for b.Loop() {
				if _, err := c.Settle(yes, yes, all); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
