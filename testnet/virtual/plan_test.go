//go:build !race

package virtual

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// The kinds of fault.
const (
	killed  = "killed"
	cut     = "cut off"
	oneWay  = "cut off one way"
	slow    = "slowed down"
	severed = "severed"
	roles   = "change of roles"
	clock   = "clock jump"
)

// deck is how often each kind comes up, among as many faults as there are cards.
func deck() []string {
	return []string{killed, killed, killed, cut, cut, oneWay, slow, severed, roles, clock}
}

// fault is one thing that goes wrong.
type fault struct {
	after  time.Duration // since the one before
	kind   string
	victim int           // a cosigner; less than 0: whoever leads
	other  int           // how many further on is the one that it is cut off from; 0: from all
	away   time.Duration // how long
	jump   time.Duration // of a clock, either way
	late   time.Duration // every byte
	broken bool          // connections, when a cut is mended
	fenced bool          // the mode, after a change of roles
	active string        // or who is active then, if not empty
}

// plan draws the faults of a run. The same seed gives the same ones.
func plan(seed uint64, nodes []string) (all []fault) {
	r := rand.New(rand.NewPCG(seed, 0))
	upTo := func(d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }
	var cards []string
	for at := time.Duration(0); at < length; {
		if len(cards) == 0 {
			cards = deck()
			r.Shuffle(len(cards), func(i, j int) { cards[i], cards[j] = cards[j], cards[i] })
		}
		f := fault{after: upTo(apart), kind: cards[0], victim: r.IntN(6) - 3, other: r.IntN(cosigners), away: upTo(awayFor),
			late: upTo(latest), broken: r.IntN(2) == 0, fenced: r.IntN(2) == 0, jump: upTo(2*farthest) - farthest}
		if r.IntN(2) == 0 {
			f.active = nodes[r.IntN(len(nodes))]
		}
		all, cards, at = append(all, f), cards[1:], at+f.after
	}
	return all
}

func TestTheSeedFixesThePlan(t *testing.T) {
	nodes := []string{"a", "b"}
	if !reflect.DeepEqual(plan(7, nodes), plan(7, nodes)) || reflect.DeepEqual(plan(7, nodes), plan(8, nodes)) {
		t.Error("seed 7 has two plans, or that of seed 8")
	}
	for seed := range uint64(100) {
		kinds := map[string]bool{}
		for _, f := range plan(seed, nodes) {
			kinds[f.kind] = true
		}
		for _, kind := range deck() {
			if !kinds[kind] {
				t.Errorf("seed %d: nobody is %s", seed, kind)
			}
		}
	}
}
