package signer

import (
	"context"
	"errors"
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

// TestHandshakeOutlivesAsker: a cosigner that saw a node's handshake sends it again, with a
// moment's patience. The node's own shares that round and is answered, and its rate is not used up.
func TestHandshakeOutlivesAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		points := testPoints(t)
		h := casper.Handshake{Random: [12]byte{1}, Our: points[0], Their: points[1]}
		if err := r.Register(t.Context(), r.registration("node-a", "node-a", points[0])); err != nil {
			t.Fatal(err)
		}
		r.quorum.blocked = make(chan struct{})
		hasty := func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if _, err := r.ask(ctx, "node-a", h); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want deadline exceeded", err)
			}
		}
		hasty()
		var asking sync.WaitGroup
		asking.Go(func() {
			if _, err := r.ask(t.Context(), "node-a", h); err != nil {
				t.Errorf("who waits shares the failure of who gave up: %v", err)
			}
		})
		for range 10 {
			hasty()
		}
		close(r.quorum.blocked)
		asking.Wait()
		if left := int(r.limiter("node-a").Tokens()); left != handshakeBurst-1 || r.quorum.rounds != 1 {
			t.Errorf("%d left of %d after %d rounds, want one", left, handshakeBurst, r.quorum.rounds)
		}
		r.quorum.blocked = make(chan struct{}) // cosigners that never answer
		h.Random[1]++
		hasty()
		start := time.Now()
		if _, err := r.ask(t.Context(), "node-a", h); !errors.Is(err, ErrUnavailable) || time.Since(start) > certifyWithin {
			t.Errorf("got %v after %v, want unavailable within %v", err, time.Since(start), certifyWithin)
		}
	})
}
