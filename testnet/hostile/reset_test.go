package hostile

import (
	"path/filepath"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
)

// TestRestartedAfterReset: the network took blocks back, and an operator has reset the heights.
// Each cosigner is restarted then, one after the other and all at once, while the agents remember
// higher heights: that keeps nobody down, heights of the reset are signed anew, and nothing else
// is, nor one above the last block of the old chain.
func TestRestartedAfterReset(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	rounds := r.signSome(2)
	finality := func(height uint64) casper.Message { return testnet.MadeUpFinality(chain, era, height) }
	for height := uint64(1); height <= 6; height++ {
		r.sign(r.a, finality(height))
	}
	r.remembered(testnet.Main, r.names...)
	operator := filepath.Join(r.Dir, "operator", "operator.toml")
	if err := r.Command(t.Context(), "watermark", "reset-heights", "--height", "4", "--until", "5", "--again", "4/5",
		"--network-version", "2.0.5", "--reason", "test", "--timeout", "20s", "--config", operator); err != nil {
		t.Fatal(err)
	}
	for _, name := range r.names {
		r.stop(name)
		r.start(name)
		r.ready()
	}
	r.sign(r.a, testnet.Other(finality(4))) // the network's new block there
	r.stop(r.names...)
	r.start(r.names...)
	r.ready()
	r.sign(r.a, testnet.Other(finality(5)))
	r.sound(r.names...)
	if n := r.values(finality(5)); n != 2 {
		t.Errorf("height 5 has %d values, of which one was taken back", n)
	}
	r.nothingTwice(append(rounds, finality(2), finality(3), finality(6)), 0)
}
