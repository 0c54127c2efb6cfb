package monitor

import (
	"crypto/ed25519"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// TestResetOfTheLogAlone: that the log resets the heights makes two blocks at one height no less a
// fork. Once the ledger has followed, for which an operator signed it, what was known is set aside.
func TestResetOfTheLogAlone(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	public := casper.PublicKey(key.Public().(ed25519.PublicKey))
	final := func(block byte) (f failover.Final) {
		f.Finality = casper.Finality{Block: casper.Hash{block}, Height: 105, Era: 10}
		f.Signature = casper.Signature(ed25519.Sign(key, f.SignBytes()))
		return f
	}
	for resets, forked := range map[uint64]bool{0: true, 1: false} {
		story(t, func(t *testing.T, w *world) {
			w.set(func() {
				w.state, w.resets = machine.New(), resets
				w.state.Apply(machine.Genesis{First: watermark.Mark{Era: 10, Height: 100}, Active: "a"})
				for i, c := range []machine.Command{
					machine.Claim{Claim: watermark.Claim{Node: "a", AskedAt: 1, Message: final(1).Finality}},
					machine.ResetHeights{Reset: watermark.Reset{Height: 101, Until: 110, Count: 1, SeenAt: 1,
						Network: watermark.Version{Major: 2}, Seen: watermark.Seen{From: 101, Bits: "\xff"}}}} {
					place := machine.Place{Index: uint64(i) + 2, Version: machine.Version}
					if r := w.state.ApplyAt(place, c); r.Outcome != machine.Done {
						t.Fatalf("%+v", r)
					}
				}
			})
			c := w.config("cosigner-1")
			c.Settings.Validator, c.Others = public.String(), nil
			m := New(c)
			sees := func(block byte) failover.Fork {
				var n failover.Node
				n.Sees(final(block))
				o := failover.Observation{Nodes: map[string]failover.Node{"a": n}}
				m.blocks.Take(&o, func(casper.Finality) string { return "" }, time.Now())
				return o.Fork
			}
			sees(1)
			m.look(t.Context(), nil)
			if f := sees(2); f.At.IsZero() == forked {
				t.Errorf("%d resets were followed: %v", resets, f)
			}
		})
	}
}
