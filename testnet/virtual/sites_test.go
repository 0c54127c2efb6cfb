//go:build !race

package virtual

import (
	"slices"
	"testing"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/link"
)

// sites are how far the cosigners are from each other: each is at a site of its own, main at that
// of the first, the standby at that of the second.
type sites struct {
	name             string
	near, far, other time.Duration // round trips from the first to the second, to the last, and between those
	timing           string        // of the log
	rest             time.Duration // times as much between two faults as at one site
	room             int           // one in so many slots must be signed while there are faults
}

// oneSite is where all cosigners are beside each other.
var oneSite = sites{name: "one site", timing: "lan", rest: 1, room: 4}

// run is one seed, at these sites.
type run struct {
	sites
	seed uint64
}

// between is the round trip between the sites of two cosigners, of which these are the names.
func (s sites) between(names []string, a, b string) time.Duration {
	i, j := slices.Index(names, a), slices.Index(names, b)
	switch i, j = min(i, j), max(i, j); {
	case i == j:
		return 0
	case j == 1:
		return s.near
	case i == 0:
		return s.far
	}
	return s.other
}

// home is the cosigner at whose site a node is.
func (w *world) home(node string) string {
	if node == testnet.Main {
		return w.names[0]
	}
	return w.names[1]
}

// part gives the links their lengths.
func (w *world) part(seed uint64) {
	for i, l := range w.wire.links {
		if trip := w.sites.between(w.names, l.From, l.To); trip > 0 {
			l.Part(link.Distance{Delay: trip / 2, Jitter: 0.05, Stall: 200 * time.Millisecond, Lost: 0.001,
				Seed: seed + uint64(i)})
		}
	}
}

// TestSitesApart plays the same faults while the cosigners are at sites apart. Those that wait for
// each other for long need longer to elect a leader than faults are apart elsewhere. Timing that is
// too short for the distance may cost elections, and nothing else.
func TestSitesApart(t *testing.T) {
	const ms, oneIn = time.Millisecond, 3 // seeds, since there are so many tables of them
	for _, s := range []sites{
		{"5 ms", 5 * ms, 5 * ms, 5 * ms, "lan", 1, 4},
		{"30 ms", 30 * ms, 30 * ms, 30 * ms, "lan", 1, 4},
		{"80 ms", 80 * ms, 80 * ms, 80 * ms, "region", 2, 16},
		{"80 ms, timed for further", 80 * ms, 80 * ms, 80 * ms, "wan", 4, 16},
		{"80 ms, timed for one site", 80 * ms, 80 * ms, 80 * ms, "lan", 2, 16},
		{"30, 80 and 80 ms", 30 * ms, 80 * ms, 80 * ms, "region", 2, 16},
	} {
		t.Run(s.name, func(t *testing.T) { play(t, s, max(1, *seedsFlag/oneIn)) })
	}
}
