package signer

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
)

// TestHandshake: certificates are signed for a registered TLS point only, and at a bounded rate.
func TestHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		points := testPoints(t)
		h := casper.Handshake{Random: [12]byte{1}, Our: points[0], Their: points[1]}
		_, err := r.ask(t.Context(), "node-a", h)
		wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_TLS_POINT)
		register := func(node string, p casper.TLSPoint) error {
			return r.Register(t.Context(), r.registration(node, node, p))
		}
		if err := register("node-a", points[0]); err != nil {
			t.Fatal(err)
		}
		r.mustSign("node-a", h)
		_, err = r.ask(t.Context(), "node-b", h)
		wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_TLS_POINT)
		before := r.log.claims()
		wantReason(t, register("node-b", points[0]), cosignerv1.RefusalReason_REFUSAL_REASON_TLS_POINT)
		if err := register("node-a", points[0]); err != nil {
			t.Error(err)
		}
		if n := r.log.claims() - before; n != 0 {
			t.Errorf("%d entries for a point that is taken and one that is registered already", n)
		}
		err = r.Register(t.Context(), r.registration("node-a", "node-b", points[1]))
		wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_BAD_REQUEST_SIGNATURE)
		const left = 4 // of the burst, the first one included
		r.limiter("node-a").AllowN(time.Now(), handshakeBurst-left)
		for range 2 * left { // a cosigner that it passed through may have kept it
			r.mustSign("node-a", h)
		}
		h.Random[3] = 1
		var all sync.WaitGroup
		r.quorum.blocked = make(chan struct{})
		for range 2 * left { // and may send it all at once
			all.Go(func() {
				if _, err := r.ask(t.Context(), "node-a", h); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(r.quorum.blocked)
		all.Wait()
		signed := 0
		for i := range 2 * left {
			h.Random[1] = byte(1 + i)
			if _, err = r.ask(t.Context(), "node-a", h); err != nil {
				break
			}
			signed++
		}
		if signed != left-2 {
			t.Errorf("%d of the burst were left, want %d", signed, left-2)
		}
		wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_TOO_MANY)
	})
}
