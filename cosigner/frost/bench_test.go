package frost

import (
	"crypto/rand"
	"fmt"
	"testing"
)

// perSize runs a benchmark on each group for each common split.
func perSize(b *testing.B, run func(b *testing.B, group *GroupKey, quorum []*KeyShare)) {
	for name, g := range groups {
		for _, size := range [][2]int{{2, 3}, {3, 5}, {5, 9}} {
			b.Run(fmt.Sprintf("%s/%dof%d", name, size[0], size[1]), func(b *testing.B) {
				group, keys := deal(b, g, size[0], size[1])
				b.ReportAllocs()
				run(b, group, keys[size[1]-size[0]:])
			})
		}
	}
}

var benchMsg = make([]byte, 80) // as long as a finality signature's

func BenchmarkCommit(b *testing.B) {
	perSize(b, func(b *testing.B, _ *GroupKey, quorum []*KeyShare) {
		for b.Loop() {
			if _, err := quorum[0].Commit(rand.Reader); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkParseCommitment(b *testing.B) {
	perSize(b, func(b *testing.B, group *GroupKey, quorum []*KeyShare) {
		_, c := commit(b, quorum[0])
		for b.Loop() {
			if _, err := ParseCommitment(group, c[0].ID, c[0].Hiding[:], c[0].Binding[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkParseEighths(b *testing.B) {
	perSize(b, func(b *testing.B, group *GroupKey, quorum []*KeyShare) {
		_, c := commit(b, quorum[0])
		e, _ := c[0].Eighths()
		for b.Loop() {
			if _, err := ParseEighths(group, c[0].ID, e.Hiding[:], e.Binding[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSign is a cosigner's whole second round: its session and its share.
func BenchmarkSign(b *testing.B) {
	perSize(b, func(b *testing.B, group *GroupKey, quorum []*KeyShare) {
		nonces, c := commit(b, quorum...)
		d, e := nonces[0].hiding.Clone(), nonces[0].binding.Clone()
		for b.Loop() {
			s, err := NewSession(group, benchMsg, c)
			if err != nil {
				b.Fatal(err)
			}
			nonces[0].hiding, nonces[0].binding = d.Clone(), e.Clone() // only here
			if _, err := quorum[0].Sign(nonces[0], s); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkVerifyShare(b *testing.B) {
	perSize(b, func(b *testing.B, group *GroupKey, quorum []*KeyShare) {
		s, shares := sign(b, group, benchMsg, quorum...)
		id := quorum[0].ID()
		for b.Loop() {
			if err := s.VerifyShare(id, shares[id]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkAggregate includes the final verification.
func BenchmarkAggregate(b *testing.B) {
	perSize(b, func(b *testing.B, group *GroupKey, quorum []*KeyShare) {
		s, shares := sign(b, group, benchMsg, quorum...)
		for b.Loop() {
			if _, err := s.Aggregate(shares); err != nil {
				b.Fatal(err)
			}
		}
	})
}
