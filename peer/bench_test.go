package peer

import (
	"testing"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// BenchmarkCall is what two presences add to a call: one shows them, one does not. Indexes move
// from call to call, as they do when each call is for a signature.
func BenchmarkCall(b *testing.B) {
	p := newPair(b)
	b.Run("with presences", func(b *testing.B) {
		for b.Loop() {
			p.c1.set(func(s *side) { s.shows.LastIndex++ })
			p.c2.set(func(s *side) { s.shows.LastIndex++ })
			if _, err := cosignerv1.NewPeerServiceClient(p.conn).Barrier(b.Context(), &cosignerv1.BarrierRequest{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("without", func(b *testing.B) {
		for b.Loop() {
			if _, err := cosignerv1.NewSignerServiceClient(p.conn).Sign(b.Context(), &cosignerv1.SignRequest{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
