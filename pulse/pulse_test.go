package pulse

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestPulse: not steady before Run, nor after a gap until the quiet time is over.
func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New()
		time.Sleep(time.Second)
		if p.Steady() {
			t.Error("steady without a beat")
		}
		ctx, cancel := context.WithCancel(t.Context())
		go p.Run(ctx)
		time.Sleep(time.Second)
		if !p.Steady() {
			t.Error("not steady while it beats")
		}
		cancel()
		synctest.Wait()
		time.Sleep(missed + time.Millisecond)
		if p.Steady() {
			t.Error("steady during a gap")
		}
		ctx, cancel = context.WithCancel(t.Context())
		defer cancel()
		p.beat() // the first beat after the gap
		go p.Run(ctx)
		time.Sleep(Settle / 2)
		if p.Steady() {
			t.Error("steady before the cancellations were read")
		}
		time.Sleep(Settle)
		if !p.Steady() {
			t.Error("not steady again")
		}
	})
}
