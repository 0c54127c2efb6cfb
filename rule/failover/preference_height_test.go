package failover

import (
	"slices"
	"testing"
	"time"
)

// TestFollows: an active node that finds its newest height signed by another catches up, and nobody
// waits for it; one that finds it free or bound to another block does not.
func TestFollows(t *testing.T) {
	state := State{Mode: Hot, Active: "main"}
	for _, c := range []struct {
		name    string
		follows []uint64 // of the heights 99 and 100, those that were the standby's
		wanted  uint64
		bound   uint64
		want    Verdict
	}{
		{"four behind what it follows", []uint64{100}, 105, 104, Serve},
		{"and further than the chain can be", []uint64{99, 100}, 106, 104, Refuse},
		{"three", []uint64{99, 100}, 104, 103, Refuse},
		{"no more: its newest height was free", []uint64{99}, 105, 104, Refuse},
		{"never", nil, 105, 104, Refuse},
	} {
		p := &Preference{Round: round, Grace: grace}
		p.Asked("main", zug(5, 10), start)
		for h := uint64(99); h <= 100; h++ {
			p.Asked("main", height(h), start)
			if slices.Contains(c.follows, h) {
				p.Follows("main", height(h))
			}
			p.Follows("main", height(h-1)) // a retry
		}
		p.Asked("main", zug(5, 11), start)
		bound := Bound{Place: Place{Era: 5, Round: 10, Height: c.bound}, HeightAt: start.Add(-round)}
		if got := p.Decide(state, "standby", height(c.wanted), bound, start); got.Verdict != c.want {
			t.Errorf("%s: got verdict %d, want %d", c.name, got.Verdict, c.want)
		}
	}
}

// chain is a chain whose heights two nodes ask for, one of them the active one. Time goes by in
// eighths of a round.
type chain struct {
	p      *Preference
	state  State
	bound  Bound
	holder map[uint64]string // of each height
	fake   map[uint64]bool   // of another block than the chain's
	now    time.Time
}

func newChain(mode Mode) *chain {
	c := &chain{p: &Preference{Round: round, Grace: grace}, state: State{Mode: mode, Active: "main"}, now: start,
		bound:  Bound{Place: Place{Era: 5, Round: 10, Height: 100}, HeightAt: start},
		holder: map[uint64]string{}, fake: map[uint64]bool{}}
	c.p.Lead(start)
	return c
}

// ask has a node ask for a height, and reports whether it is bound now.
func (c *chain) ask(node string, h uint64, fake bool) bool {
	c.p.Asked(node, height(h), c.now)
	if holder, held := c.holder[h]; held || h <= 100 {
		if holder != node && !fake && !c.fake[h] {
			c.p.Follows(node, height(h))
		}
		return true
	}
	if c.p.Decide(c.state, node, height(h), c.bound, c.now).Verdict != Serve {
		return false
	}
	c.holder[h], c.fake[h] = node, fake
	if h > c.bound.Height {
		c.bound.Height, c.bound.HeightAt = h, c.now
	}
	return true
}

// TestHeightsAfterGap: a hostile standby gets a height for each block's time without a block, in
// either mode, also from a new leader that has not heard of a height yet, and however it goes about
// it; when the chain grows again it gets no more.
func TestHeightsAfterGap(t *testing.T) {
	for _, gap := range []uint64{1, 2, 6, 10, 100} {
		for _, mode := range []Mode{Hot, Fenced} {
			for _, every := range []uint64{1, 2, 3} {
				for _, quick := range []bool{false, true} { // it asks for the true block a moment before main does
					c := newChain(mode)
					for r := range gap + 300 {
						tip := 100 + r - min(r, gap)
						for range 8 {
							if c.now.Equal(start.Add(time.Duration(r) * round)) {
								c.p.Asked("main", zug(5, uint32(10+r)), c.now)
								if quick && r > gap {
									c.ask("standby", tip, false)
								}
								if r > gap {
									c.ask("main", tip, false)
								}
							}
							for h := tip + 1; h < tip+gap+70; h++ {
								if h%every == 0 {
									c.ask("standby", h, true)
								}
							}
							c.now = c.now.Add(round / 8)
						}
					}
					if n := stolen(c, 400); n > gap+2 {
						t.Errorf("mode %v, %d block times without a block, each %d., quick %v: the standby took %d heights",
							mode, gap, every, quick, n)
					}
				}
			}
		}
	}
}

// stolen counts the heights up to one for which another block is signed.
func stolen(c *chain, tip uint64) (n uint64) {
	for h := range c.fake {
		if c.fake[h] && h <= tip {
			n++
		}
	}
	return n
}

// TestHeightsInTime: whatever the active node does or does not, an honest standby has each block
// signed within four more: a signature is of use for six.
func TestHeightsInTime(t *testing.T) {
	const blocks = 400
	for name, main := range map[string]func(c *chain, r, tip uint64){
		"is dead":               func(*chain, uint64, uint64) {},
		"dies":                  func(c *chain, r, tip uint64) { c.both(r, r, tip, r < 50) },
		"votes only":            func(c *chain, r, _ uint64) { c.p.Asked("main", zug(5, uint32(10+r)), c.now) },
		"follows only":          func(c *chain, r, tip uint64) { c.ask("main", tip, false) },
		"asks once, for old":    func(c *chain, r, _ uint64) { c.both(0, 0, 100, r == 0) },
		"catches up, and stops": func(c *chain, r, tip uint64) { c.both(r, r, min(100+2*r, tip), r > 50 && r < 90) },
		"is late":               func(c *chain, r, tip uint64) { c.both(r, r-min(r, 9), tip-min(r, 9), r > 50) },
		"is down now and then":  func(c *chain, r, tip uint64) { c.both(r, r, tip, r%20 < 10) },
	} {
		for _, outage := range []uint64{0, 75} {
			// blocks while no cosigner was there; then one leads that was started just now
			c, late := newChain(Hot), 0
			c.now = start.Add(time.Duration(outage) * round)
			c.p.Lead(c.now)
			for r := range uint64(blocks) {
				tip := 101 + outage + r
				main(c, r, tip)
				for range 8 {
					for h := tip - min(r, 5); h <= tip; h++ {
						c.ask("standby", h, false)
					}
					c.now = c.now.Add(round / 8)
				}
				if _, signed := c.holder[tip-4]; r > 4 && !signed {
					late++
				}
			}
			if late > 0 {
				t.Errorf("main %s, after %d blocks without cosigners: %d of %d heights were signed late",
					name, outage, late, blocks)
			}
		}
	}
}

// both has main ask for a round and a height, if it is there.
func (c *chain) both(_, round, height uint64, there bool) {
	if there {
		c.p.Asked("main", zug(5, uint32(10+round)), c.now)
		c.ask("main", height, false)
	}
}
