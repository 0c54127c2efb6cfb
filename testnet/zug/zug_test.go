package zug

import (
	"testing"
	"time"

	"casper-cosigner/rule/casper"
)

// each runs a story with a few seeds.
func each(t *testing.T, story func(n *network)) {
	for seed := range uint64(8) {
		n := newNetwork(t, seed)
		story(n)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func (n *network) nothingLost() {
	n.Helper()
	if len(n.lost) > 0 {
		n.Errorf("rounds without our vote: %+v", n.lost)
	}
	for h := uint64(1); h+3 < n.nodes[2].Status().Tip.Height; h++ {
		if !n.nodes[2].HasFinality(h, 0) {
			n.Errorf("block %d has no finality signature of ours", h)
		}
	}
}

// TestSteady: two nodes of one validator live side by side through eras, and in a round that theirs
// is to lead, one of their two blocks wins.
func TestSteady(t *testing.T) {
	each(t, func(n *network) {
		n.play(2 * time.Minute)
		n.sound(50)
		n.nothingLost()
		n.current(0)
		n.current(1)
		if all, _ := n.skipped(); all > 0 {
			n.Errorf("%d rounds were skipped", all)
		}
		if n.adopted == 0 {
			n.Error("no node ever took the other's value")
		}
		if era := n.nodes[2].Status().Open.Era; era < 5 {
			n.Errorf("era %d", era)
		}
	})
}

// TestTwoKeys: without the cosigners the same two nodes contradict themselves as soon as theirs is
// a round to lead.
func TestTwoKeys(t *testing.T) {
	n := newNetwork(t, 1)
	n.arbiter = func(_ int, m casper.Message) (Verdict, casper.Message) { return Granted, m }
	n.play(time.Minute)
	if len(n.faults) == 0 {
		t.Error("nobody saw a contradiction")
	}
}

// TestOneDies: while one of our two nodes lives, no round lacks our vote, and after a restart,
// with its log or without, the other one catches up. It proposes anew in old rounds, and takes
// what they hold.
func TestOneDies(t *testing.T) {
	for _, keepLog := range []bool{true, false} {
		again := 0
		each(t, func(n *network) {
			for id := range 2 {
				n.play(15*time.Second + time.Duration(n.rng.Int64N(int64(4*time.Second))))
				n.kill(id)
				n.play(9 * time.Second)
				before := n.adopted
				n.restart(id, keepLog)
				n.play(11 * time.Second)
				n.current(id)
				again += n.adopted - before
			}
			n.play(20 * time.Second)
			n.sound(30)
			n.nothingLost()
		})
		if again == 0 {
			t.Errorf("log kept: %v: no node asked for another value than its slot holds", keepLog)
		}
	}
}

// TestRefused: what was refused is asked for again, even if nothing else wakes the node: with a
// dead foreign validator the chain stands still until ours votes.
func TestRefused(t *testing.T) {
	each(t, func(n *network) {
		n.play(10 * time.Second)
		n.kill(4)
		refuse := true
		n.arbiter = func(node int, m casper.Message) (Verdict, casper.Message) {
			if refuse {
				return Refused, nil
			}
			return n.bind(node, m)
		}
		n.play(20 * time.Second)
		still := n.nodes[2].Status().Tip.Height
		n.play(10 * time.Second)
		if got := n.nodes[2].Status().Tip.Height; got != still {
			n.Errorf("the chain went on without a quorum, from %d to %d", still, got)
		}
		refuse = false
		n.play(15 * time.Second)
		if got := n.nodes[2].Status().Tip.Height; got < still+3 {
			n.Errorf("from %d to %d blocks only", still, got)
		}
		n.sound(5)
	})
}

// TestDeadLeader: the rounds of a dead validator are voted down, and no others.
func TestDeadLeader(t *testing.T) {
	each(t, func(n *network) {
		n.kill(3)
		n.play(time.Minute)
		n.sound(10)
		for _, e := range n.ended {
			if e.Skipped != (e.Leader == 2) {
				n.Errorf("round %+v", e)
			}
		}
	})
}

// TestCutOff: a node that was cut off for longer than an era comes back.
func TestCutOff(t *testing.T) {
	each(t, func(n *network) {
		n.play(7 * time.Second)
		n.isolate(0, true)
		n.play(time.Duration(10+n.rng.IntN(60)) * time.Second)
		n.isolate(0, false)
		n.play(15 * time.Second)
		n.current(0)
		n.sound(15)
		n.nothingLost()
	})
}

// TestLoss: a fifth of all messages is lost, and the chain goes on.
func TestLoss(t *testing.T) {
	each(t, func(n *network) {
		n.loss = 0.2
		n.play(time.Minute)
		n.loss = 0
		n.play(10 * time.Second)
		n.sound(15)
		for id := range n.nodes {
			n.current(id)
		}
	})
}

// TestUnanswered: a signer that hangs costs rounds, and nothing else.
func TestUnanswered(t *testing.T) {
	each(t, func(n *network) {
		n.play(10 * time.Second)
		bind := n.arbiter
		n.arbiter = func(int, casper.Message) (Verdict, casper.Message) { return 0, nil }
		n.play(10 * time.Second)
		n.arbiter = bind
		n.play(15 * time.Second)
		n.sound(10)
		n.lost = nil
		n.play(10 * time.Second)
		n.nothingLost()
	})
}

// TestReplay: the same seed gives the same run.
func TestReplay(t *testing.T) {
	a, b := newNetwork(t, 5), newNetwork(t, 5)
	for _, n := range []*network{a, b} {
		n.loss = 0.1
		n.play(30 * time.Second)
		n.kill(0)
		n.play(10 * time.Second)
		n.restart(0, false)
		n.play(20 * time.Second)
	}
	if a.hash != b.hash {
		t.Error("two runs of one seed differ")
	}
}

// TestQuorum: the weight that makes a quorum, and leaders by weight.
func TestQuorum(t *testing.T) {
	for _, c := range []struct {
		weights []uint64
		least   uint64
	}{{[]uint64{1, 1, 1, 1}, 3}, {[]uint64{1, 1, 1}, 2}, {[]uint64{10, 20, 30, 40}, 67}} {
		chain := Chain{Weights: c.weights}
		if chain.IsQuorum(c.least-1) || !chain.IsQuorum(c.least) {
			t.Errorf("weights %v: %d is not the least quorum", c.weights, c.least)
		}
	}
	chain, led := Chain{Weights: []uint64{1, 3}, Seed: 7}, [2]int{}
	for round := range uint32(4000) {
		led[chain.Leader(1, round)]++
	}
	if led[0] < 900 || led[0] > 1100 {
		t.Errorf("of 4000 rounds a quarter of the weight led %d", led[0])
	}
}

// TestDiesWithSignature: a node dies with the echo of its proposal in hand. The other node, which
// has proposed another block, passes that echo on: it is the only one that there will be.
func TestDiesWithSignature(t *testing.T) {
	each(t, func(n *network) {
		var last casper.Echo
		n.arbiter = func(node int, m casper.Message) (Verdict, casper.Message) {
			before := len(n.table)
			verdict, held := n.bind(node, m)
			e, ok := m.(casper.Echo)
			if ok && node == 0 && last.ID == 0 && e.ID > 1 && len(n.table) > before && n.chain.Leader(e.Era, e.ID) == 0 {
				last = e
				n.kill(0)
			}
			return verdict, held
		}
		for range 60 {
			if n.play(time.Second); last.ID > 0 {
				break
			}
		}
		n.play(time.Second)
		if echo, _ := n.nodes[2].Seen(last.Era, last.ID, 0); echo != casper.Message(last) {
			n.Errorf("round %d of era %d: our echo is %v, want %v", last.ID, last.Era, echo, last)
		}
		n.play(10 * time.Second)
		n.sound(4)
		if e := n.ended[[2]uint64{last.Era, uint64(last.ID)}]; !e.Skipped {
			n.Errorf("a block without its proposal: %+v", e)
		}
	})
}

// TestForgottenEra: once nobody holds the consensus of its era, as after an upgrade, a node can
// only ask for blocks.
func TestForgottenEra(t *testing.T) {
	for held, want := range map[bool]Reactor{true: Validate, false: CatchUp} {
		n := newNetwork(t, 1).nodes[0]
		n.Receive(2, SyncResponse{Held: held, Era: FirstEra + 1}, start)
		if got := n.Status().Reactor; got != want {
			t.Errorf("held %v: %v, want %v", held, got, want)
		}
	}
}
