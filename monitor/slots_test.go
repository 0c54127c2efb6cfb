package monitor

import (
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// TestAsked: the log tells for which node a block was signed, and nothing of another block there.
func TestAsked(t *testing.T) {
	w := &world{t: t, state: machine.New()}
	log := slots{copyOf{w, "cosigner-1"}}
	f := casper.Finality{Block: casper.Hash{1}, Height: 101, Era: 10}
	if node := log.asked(f); node != "" {
		t.Errorf("before the log has begun: %q", node)
	}
	w.state.Apply(machine.Genesis{First: watermark.Mark{Era: 10, Height: 100}, Active: "a"})
	w.state.Apply(machine.Claim{Claim: watermark.Claim{Node: "b", Message: f}})
	if node := log.asked(f); node != "b" {
		t.Errorf("asked by %q", node)
	}
	f.Block = casper.Hash{2}
	if node := log.asked(f); node != "" {
		t.Errorf("another block: %q", node)
	}
}
