package zug

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
)

var start = time.UnixMilli(1_800_000_000_000)

// network is nodes 0 and 1 of validator 0, and a node each of validators 1 to 3. The first two
// ask an arbiter.
type network struct {
	*testing.T
	queue   Queue
	now     time.Time
	rng     *rand.Rand
	chain   *Chain
	nodes   []*Node
	down    [5]bool
	cut     [5][5]bool
	loss    float64
	arbiter func(node int, m casper.Message) (Verdict, casper.Message)
	table   map[string]casper.Message
	adopted int // answers with another value
	ended   map[[2]uint64]Ended
	lost    []Ended // rounds with a block and without our vote at node 2, a block's time after their end
	faults  []Fault
	hash    uint64
}

func newNetwork(t *testing.T, seed uint64) *network {
	n := &network{T: t, now: start, rng: rand.New(rand.NewPCG(seed, 3)), table: map[string]casper.Message{},
		ended: map[[2]uint64]Ended{}}
	n.chain = &Chain{Name: "test", Weights: []uint64{1, 1, 1, 1}, Seed: seed, Genesis: start, Block: 2 * time.Second,
		Timeout: 3 * time.Second, EraBlocks: 10}
	n.arbiter = n.bind
	for id := range 5 {
		c := Config{Chain: n.chain, Validator: uint32(max(0, id-1)),
			Seed: seed*10 + uint64(id), Deadline: 250 * time.Millisecond,
			Sync: 50 * time.Millisecond, IdleSync: 500 * time.Millisecond, CatchUp: 50 * time.Millisecond, StartUp: time.Second}
		for peer := range 5 {
			if peer != id {
				c.Peers = append(c.Peers, peer)
			}
		}
		if id > 1 {
			c.Sign = func(casper.Message) casper.Signature { return casper.Signature{} }
		}
		n.nodes = append(n.nodes, New(c, n.now))
	}
	for id := range n.nodes {
		n.wake(id)
	}
	return n
}

// bind is a table: the first value of a slot is its value.
func (n *network) bind(_ int, m casper.Message) (Verdict, casper.Message) {
	slot, _ := casper.SlotOf(m)
	key := fmt.Sprintf("%v", slot)
	if held, ok := n.table[key]; ok {
		if held != m {
			n.adopted++
		}
		return Granted, held
	}
	n.table[key] = m
	return Granted, m
}

func (n *network) wake(id int) {
	at := n.nodes[id].Wake()
	n.queue.At(maxTime(at, n.now), func() {
		if !n.down[id] && !n.now.Before(n.nodes[id].Wake()) {
			n.drive(id, n.nodes[id].Tick(n.now))
		}
	})
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (n *network) drive(id int, out Output) {
	for _, e := range out.Send {
		for to := range n.nodes {
			if to != id && (e.To == All || e.To == to) {
				n.send(id, to, e.Message)
			}
		}
	}
	for _, r := range out.Requests {
		verdict, held := n.arbiter(id, r.Message)
		if verdict == 0 { // it hangs
			continue
		}
		n.queue.At(n.now.Add(time.Millisecond), func() {
			if !n.down[id] {
				n.drive(id, n.nodes[id].Answer(Answer{ID: r.ID, Verdict: verdict, Message: held}, n.now))
			}
		})
	}
	n.faults = append(n.faults, out.Faults...)
	if id == 2 {
		for _, e := range out.Ended {
			n.ended[[2]uint64{e.Era, uint64(e.Round)}] = e
			n.queue.At(n.now.Add(n.chain.Block), func() {
				if _, vote := n.nodes[2].Seen(e.Era, e.Round, 0); vote == nil && !e.Skipped {
					n.lost = append(n.lost, e)
				}
			})
		}
	}
	n.wake(id)
}

func (n *network) send(from, to int, m Message) {
	if n.rng.Float64() < n.loss {
		return
	}
	n.queue.At(n.now.Add(time.Duration(1+n.rng.IntN(20))*time.Millisecond), func() {
		if !n.down[to] && !n.cut[from][to] {
			n.drive(to, n.nodes[to].Receive(from, m, n.now))
		}
	})
}

// play lets time pass.
func (n *network) play(d time.Duration) {
	until := n.now.Add(d)
	n.queue.At(until, func() {})
	for n.now.Before(until) {
		at, do, _ := n.queue.Next()
		n.now = at
		f := fnv.New64a()
		fmt.Fprint(f, n.hash, at.UnixNano())
		n.hash = f.Sum64()
		do()
	}
}

func (n *network) kill(id int) { n.down[id] = true }

func (n *network) restart(id int, keepLog bool) {
	n.down[id] = false
	n.nodes[id].Restart(keepLog, n.now)
	n.wake(id)
}

func (n *network) isolate(id int, cut bool) {
	for o := range n.nodes {
		n.cut[id][o], n.cut[o][id] = cut, cut
	}
}

// skipped counts the rounds without a block.
func (n *network) skipped() (all, ours int) {
	for _, e := range n.ended {
		if e.Skipped {
			all++
			if e.Leader == 0 {
				ours++
			}
		}
	}
	return all, ours
}

// sound checks that nobody saw a contradiction, that all chains agree, and that node 2's has so
// many blocks at least.
func (n *network) sound(blocks int) {
	n.Helper()
	if len(n.faults) > 0 {
		n.Fatalf("faults: %+v", n.faults)
	}
	tip := n.nodes[2].Status().Tip
	if tip.Height < uint64(blocks) {
		n.Errorf("%d blocks, want %d", tip.Height, blocks)
	}
	for id, node := range n.nodes {
		for h := range tip.Height + 1 {
			if b, ok := node.Block(h); ok {
				if want, _ := n.nodes[2].Block(h); b != want {
					n.Fatalf("node %d: block %d is %v, want %v", id, h, b, want)
				}
			}
		}
	}
}

// current checks that the node is where node 2 is.
func (n *network) current(id int) {
	n.Helper()
	got, want := n.nodes[id].Status(), n.nodes[2].Status()
	if got.Reactor != Validate || got.Tip.Height+1 < want.Tip.Height || got.Open.Era != want.Open.Era ||
		got.Open.ID+1 < want.Open.ID {
		n.Errorf("node %d is at %+v, and the others at %+v", id, got, want)
	}
}
