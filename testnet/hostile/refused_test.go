package hostile

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
)

// compacted signs until each cosigner has a snapshot of its log.
func (r *rig) compacted() {
	r.t.Helper()
	r.await("all have a snapshot", func() bool {
		batch := make([]casper.Message, 0, 256)
		for range cap(batch) {
			batch = append(batch, r.free.Next())
		}
		const askers = 16
		var g sync.WaitGroup
		for i := range askers {
			g.Go(func() {
				for j := i; j < len(batch); j += askers {
					r.once(r.a, batch[j])
				}
			})
		}
		g.Wait()
		for _, name := range r.names {
			if have, err := os.ReadDir(filepath.Join(r.StateDir(name), "raft", "snapshots")); err != nil || len(have) == 0 {
				return false
			}
		}
		return true
	})
}

// TestRefusedStatesNothing: of two directories of c3 the older one is started while no agent is
// heard. Its log has a snapshot, so it knows of the cluster at once; c1 and c2 refuse it all the
// while. Then the newer one, which has lost nothing, is let in and goes on.
func TestRefusedStatesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	r.compacted()
	r.ready()
	r.stop("c3")
	older := r.copyState("c3")
	r.start("c3")
	r.ready()
	r.signSome(2)
	r.seen("c3", "c1", "c2")
	r.stop(r.names...)
	r.stop(testnet.Main, testnet.Standby)
	newer := r.copyState("c3")
	older()
	r.start(r.names...)
	for _, by := range []string{"c1", "c2"} {
		r.await(by+" refuses c3", func() bool { return r.refusal("c3", by) != "" })
	}
	r.await("c3 waits for no agent any more", func() bool {
		s, err := r.Status(r.t.Context())
		if err != nil {
			return false
		}
		for _, c := range s.Cosigners {
			if c.Name == "c3" {
				return c.HeldBack != "" && !strings.Contains(c.HeldBack, "waits for what the agents remember")
			}
		}
		return false
	})
	r.stop("c3")
	newer()
	r.start(testnet.Main, testnet.Standby)
	r.start("c3")
	r.ready()
	r.sound("c3")
	r.stop("c1") // so that c3 is needed
	r.signSome(2)
}
