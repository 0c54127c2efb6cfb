package main

import (
	"math/rand/v2"
	"slices"
	"time"
)

const (
	deadline = 250 * time.Millisecond // of casper-node
	rounds   = 5                      // bursts that are tried; in each every validator's node asks once
	apart    = 2 * time.Second        // from burst to burst: an echo and a vote each, and a finality signature, in 8 s
	hosts    = 3
)

// Reckoning is what validators on three hosts come to.
type Reckoning struct {
	Idle     float64 // cores of one host while nobody asks
	Memory   int64   // of one host, bytes
	Messages float64 // a second between the hosts while nobody asks
	Drowned  bool    // waiting alone takes all cores

	P50, P99 time.Duration // from asked to answered
	Late     float64       // share of requests that took longer than a node waits
}

// Reckon lets n validators ask at once, again and again.
func Reckon(c Costs, s Shape, n int, seed uint64) Reckoning {
	r := Reckoning{Idle: c.idle(s, n), Memory: c.memory(s, n), Messages: c.messages(s, n)}
	left := 1 - r.Idle/float64(c.Cores)
	if left <= 0 {
		r.Drowned = true
		return r
	}
	w := newWorld(c, s, left)
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range rounds {
		for v := range n {
			asks := time.Duration(round)*apart + time.Duration(random.Float64()*float64(c.Spread))
			w.clock.after(asks, func() { w.ask(v % hosts) })
		}
	}
	w.clock.run()
	slices.Sort(w.took)
	r.P50, r.P99 = w.took[len(w.took)/2], w.took[len(w.took)*99/100]
	inTime, _ := slices.BinarySearch(w.took, deadline+1)
	r.Late = 1 - float64(inTime)/float64(len(w.took))
	return r
}

// Most returns for how many validators no request is late, to a fiftieth; 0 if for none.
func Most(c Costs, s Shape, seed uint64) int {
	fits := func(n int) bool {
		r := Reckon(c, s, n, seed)
		return !r.Drowned && r.Late == 0
	}
	most, less := 0, 1
	for fits(less) {
		most, less = less, 2*less
	}
	for less-most > 1+most/50 {
		if n := (most + less) / 2; fits(n) {
			most = n
		} else {
			less = n
		}
	}
	return most
}

// world is three hosts.
type world struct {
	costs Costs
	clock *clock
	hosts [hosts]host
	slow  float64 // by how much what waits slows down what is asked for
	took  []time.Duration
}

type host struct{ cores, disk *queue }

func newWorld(c Costs, s Shape, left float64) *world {
	w := &world{costs: c, clock: &clock{}, slow: 1 / left}
	lanes := c.Lanes
	if s.Merged {
		lanes = 1
	}
	for i := range w.hosts {
		w.hosts[i] = host{
			cores: &queue{clock: w.clock, free: c.Cores},
			disk:  &queue{clock: w.clock, free: lanes, merged: s.Merged},
		}
	}
	return w
}

// ask is one signature: claimed once the leader and one follower have stored the entry, made of the
// leader's share and of the share of that follower.
func (w *world) ask(leader int) {
	asked := w.clock.now
	at := w.hosts[leader]
	stored, shared := 0, 0
	sum := func() {
		if shared++; shared == 2 {
			w.work(at, ofSum, func() { w.took = append(w.took, w.clock.now-asked) })
		}
	}
	share := func(follower host) {
		w.write(at, ofShare, sum)
		w.clock.after(w.costs.Hop/2, func() {
			w.write(follower, ofShare, func() { w.clock.after(w.costs.Hop/2, sum) })
		})
	}
	follow := func(follower host) {
		w.clock.after(w.costs.Hop/2, func() {
			w.write(follower, ofAppend, func() {
				w.clock.after(w.costs.Hop/2, func() {
					if stored++; stored == 1 {
						share(follower)
					}
				})
			})
		})
	}
	w.work(at, ofAdmit, func() {
		w.write(at, ofAppend, func() {
			for i := 1; i < hosts; i++ {
				follow(w.hosts[(leader+i)%hosts])
			}
		})
	})
}

// work is a share of a signature's processor time.
func (w *world) work(h host, share float64, then func()) {
	h.cores.use(time.Duration(share*w.slow*float64(w.costs.CPU)), then)
}

// write is work and then a durable write.
func (w *world) write(h host, share float64, then func()) {
	w.work(h, share, func() { h.disk.use(w.costs.Sync, then) })
}
