package hostile

import (
	"testing"
	"time"

	"casper-cosigner/testnet"
)

// TestLostElectsNobody: one is put back, the other one that saw what it signed is down, and the
// third, which was down when that was signed, takes it for sound. An agent remembers. So the two
// sign nothing, and neither do they lead the log, which would go on without what was signed.
func TestLostElectsNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	r.signSome(2)
	r.stop("c2", "c3")
	restore := r.copyState("c2")
	r.start("c2")
	signed := r.signSome(2)
	r.remembered(testnet.Main, "c2")
	r.stop("c1", "c2")
	restore()
	r.start("c2", "c3")
	r.heldBack("c2", "a statement signed by c2", "restored")
	leader := func() string {
		s, err := r.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s.Leader
	}
	r.await("nobody leads", func() bool { return leader() == "" })
	for until := time.Now().Add(asking); time.Now().Before(until); {
		if name := leader(); name != "" {
			t.Fatalf("%s leads, elected by one that lost its memory", name)
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.nothingTwice(signed, 0)
}
