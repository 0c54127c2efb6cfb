package world

import (
	"testing"
	"time"
)

// TestFaked plays worlds in which nodes tell of faults of our validator that are none, or that they
// cannot show. Roles are not held for good, and nothing that is due is missed for it.
func TestFaked(t *testing.T) {
	o := Options{Faked: true}
	if *seedFlag >= 0 {
		playOne(t, o)
		return
	}
	seeds := 50 // make hostile plays more
	if *seedsFlag > 0 {
		seeds = *seedsFlag
	}
	sum := playAll(t, seeds, o)
	t.Logf("%d seeds: %v", seeds, sum)
	for _, c := range []Count{Claims, Votes, Finalities, Told} {
		if sum[c] < seeds/2 {
			t.Errorf("%v: %d in %d seeds; the worlds have become too tame", c, sum[c], seeds)
		}
	}
}

// TestVoteLostOnItsWay: what a node sent just before its links were cut is lost. The other one has
// it, and does not ask for it again.
func TestVoteLostOnItsWay(t *testing.T) {
	p := calm(Fault{Kind: SlowDisk, Host: 2, At: 7386804379, For: 6026383898},
		Fault{Kind: SlowDisk, Host: 2, At: 10560580998, For: 5286651901},
		Fault{Kind: CutPeers, At: 17058509566, For: 2360476585}, // a millisecond after the round ended
		Fault{Kind: Clock, Host: 2, At: 19595088310, For: 5173617850, Jump: time.Hour})
	p.Block, p.EraBlocks, p.After, p.FailbackAfter = 2*time.Second, 10, 2*time.Second, 6086813768
	p.End = 57 * time.Second
	r := Run(936, Options{Plan: p})
	tell(t, 936, r)
	if r.Stats[Votes] < 10 {
		t.Errorf("%d votes were demanded", r.Stats[Votes])
	}
}
