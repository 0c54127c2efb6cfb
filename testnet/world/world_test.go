package world

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/testnet/zug"
)

var (
	seedFlag  = flag.Int64("seed", -1, "play this seed only; with -v every line of its history is shown")
	seedsFlag = flag.Int("seeds", 0, "how many seeds to play")
	firstFlag = flag.Int("first", 0, "the first of them")
)

// TestWorlds plays many worlds. Nothing that the referee watches for may happen in any.
func TestWorlds(t *testing.T) {
	if *seedFlag >= 0 {
		playOne(t, Options{})
		return
	}
	seeds := 200 // make hostile plays more
	if testing.Short() {
		seeds = 100
	}
	if *seedsFlag > 0 {
		seeds = *seedsFlag
	}
	start := time.Now()
	sum := playAll(t, seeds, Options{})
	t.Logf("%d seeds in %v: %v", seeds, time.Since(start).Round(time.Millisecond), sum)
	if seeds < 100 {
		return
	}
	for c, n := range sum {
		elsewhere := slices.Contains([]Count{Undone, Unindexed, Hoarded, Sidelined, Orders, Eras}, Count(c)) // own tests
		if n < seeds/50 && !elsewhere {
			t.Errorf("%v: %d in %d seeds; the worlds have become too tame", Count(c), n, seeds)
		}
	}
}

func tell(t *testing.T, seed uint64, r Result) {
	if len(r.Failures) > 0 {
		t.Error(explain(t, seed, r))
	}
}

// explain says how to replay a failure. A test that plays no worlds of its own plays those of
// TestWorlds.
func explain(t *testing.T, seed uint64, r Result) string {
	test := "TestWorlds"
	if strings.HasPrefix(t.Name(), "TestSites/") || slices.Contains([]string{"TestUndone", "TestStock", "TestFaked"},
		t.Name()) {
		test = t.Name()
	}
	return fmt.Sprintf("seed %d: %s\nreplay it with: go test ./testnet/world -run %s -v -args -seed %d\nthe "+
		"last events:\n%s",
		seed, strings.Join(r.Failures, "; "), test, seed, strings.Join(r.Last, "\n"))
}

// playOne plays the seed of the command line, and shows its history.
func playOne(t *testing.T, o Options) {
	o.Log = func(line string) {
		if testing.Verbose() {
			fmt.Println(line)
		}
	}
	tell(t, uint64(*seedFlag), Run(uint64(*seedFlag), o))
}

// playAll plays the first seeds on all processors.
func playAll(t *testing.T, seeds int, o Options) (sum Stats) {
	each(t, seeds, o, func(seed uint64, r Result) {
		tell(t, seed, r)
		sum.add(r.Stats)
	})
	return sum
}

// each plays the first seeds on all processors until the test has failed, and hands over what came
// of one at a time.
func each(t *testing.T, seeds int, o Options, take func(seed uint64, r Result)) {
	defer debug.SetGCPercent(debug.SetGCPercent(1000)) // worlds are short-lived garbage
	var next atomic.Int64
	var mu sync.Mutex
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= seeds || t.Failed() {
					return
				}
				seed := uint64(*firstFlag + n)
				r := Run(seed, o)
				mu.Lock()
				take(seed, r)
				mu.Unlock()
			}
		})
	}
	all.Wait()
}

// TestHashes prints each world's history as one number, which a change of shape alone
// leaves as it is:
//
//	go test ./testnet/world -run TestHashes -v -args -seeds 1000 >FILE
//
// before the change and after it, and compare the lines that begin with "seed" (without -v, go test
// keeps them to itself).
func TestHashes(t *testing.T) {
	seeds := 4
	if *seedsFlag > 0 {
		seeds = *seedsFlag
	}
	hashes := make([]uint64, seeds)
	each(t, seeds, Options{}, func(seed uint64, r Result) {
		tell(t, seed, r)
		hashes[seed-uint64(*firstFlag)] = r.Hash
	})
	if *seedsFlag == 0 {
		return
	}
	for n, hash := range hashes {
		fmt.Printf("seed %d %016x\n", *firstFlag+n, hash)
	}
}

// TestReplay: a seed fixes everything.
func TestReplay(t *testing.T) {
	for seed := range uint64(12) {
		a, b := Run(seed, Options{}), Run(seed, Options{})
		if a.Hash != b.Hash || a.Stats != b.Stats {
			t.Errorf("seed %d: hashes %x and %x, %v and %v", seed, a.Hash, b.Hash, a.Stats, b.Stats)
		}
	}
	if Run(1, Options{}).Hash == Run(2, Options{}).Hash {
		t.Error("two seeds have one history")
	}
}

// TestReplayFailure: a failure says how to replay it, and fails again in the same way at
// the same event.
func TestReplayFailure(t *testing.T) {
	for seed := range uint64(100) {
		r := Run(seed, Options{Rules: rebound(false)})
		if len(r.Failures) == 0 {
			continue
		}
		if told := explain(t, seed, r); !strings.Contains(told, fmt.Sprintf(" -args -seed %d\n", seed)) ||
			!strings.Contains(told, r.Last[len(r.Last)-1]) {
			t.Errorf("a failure is told as:\n%s", told)
		}
		if again := Run(seed, Options{Rules: rebound(false)}); again.Hash != r.Hash ||
			explain(t, seed, again) != explain(t, seed, r) {
			t.Errorf("the second time:\n%s", explain(t, seed, again))
		}
		return
	}
	t.Error("no seed fails")
}

// TestContradiction: the referee hears of it when a node saw two values of one validator, or
// two blocks at one height. No rule that can be broken shows that alone: two values signed
// are seen first.
func TestContradiction(t *testing.T) {
	vote := func(yes bool) casper.Message { return casper.Vote{Value: yes} }
	for _, f := range []zug.Fault{{Have: vote(true), Other: vote(false)}, {Height: 7}} {
		w := newWorld(1, Options{Plan: calm()})
		w.referee.saw(w.nodes[mainHost], zug.Output{Faults: []zug.Fault{f}})
		if len(w.failures) != 1 {
			t.Errorf("of %+v the referee says %q", f, w.failures)
		}
	}
}

// calm is a plan in which nothing happens but what is given.
func calm(faults ...Fault) *Plan {
	return &Plan{Block: 4 * time.Second, EraBlocks: 8, Ping: 500 * time.Millisecond, After: 4 * time.Second,
		FailbackAfter: 10 * time.Second, Grace: 100 * time.Millisecond, Failover: failover.Auto, Failback: failover.Auto,
		Faults: faults, End: 150 * time.Second}
}

// flooded is a plan in which the standby is hostile.
func flooded(faults ...Fault) *Plan {
	p := calm(faults...)
	p.Hostile, p.Flood = true, 30*time.Second
	return p
}

// planned is what is to come of a plan.
type planned struct {
	name    string
	plan    *Plan
	changes int // of the active node
	votes   int // demanded, at least
}

// heldPlans are plans in which the roles are held, or the standby is suspended, more than once.
func heldPlans() []planned {
	fenced := Fault{Kind: SetMode, At: 10 * time.Second, Mode: failover.Fenced}
	return []planned{
		{"held a second time, until an operator resumes",
			calm(fenced, Fault{Kind: Hold, At: 20 * time.Second, For: 5 * time.Second, Keep: true},
				Fault{Kind: Hold, At: 30 * time.Second, For: time.Minute, Keep: true},
				Fault{Kind: KillNode, At: 41 * time.Second, For: 20 * time.Second}), 0, 15},
		{"held twice at a time: the first end is not the second's",
			calm(fenced, Fault{Kind: Hold, At: 20 * time.Second, For: 15 * time.Second, Keep: true},
				Fault{Kind: Hold, At: 30 * time.Second, For: time.Minute, Keep: true},
				Fault{Kind: KillNode, At: 41 * time.Second, For: 20 * time.Second}), 0, 15},
		{"the standby is suspended a second time",
			calm(fenced, Fault{Kind: Suspend, Host: 1, At: 20 * time.Second, For: 5 * time.Second},
				Fault{Kind: Suspend, Host: 1, At: 30 * time.Second, For: time.Minute},
				Fault{Kind: KillNode, At: 41 * time.Second, For: 20 * time.Second}), 0, 15},
		{"a node tells of an equivocation, main dies, and nobody has looked into it", calm(fenced,
			Fault{Kind: Evidence, Host: 1, At: 30 * time.Second, For: time.Minute},
			Fault{Kind: KillNode, At: 41 * time.Second, For: 20 * time.Second}), 0, 15},
		{"a node tells of an equivocation, and again after an operator looked into it", calm(fenced,
			Fault{Kind: Evidence, Host: 1, At: 20 * time.Second, For: 10 * time.Second},
			Fault{Kind: KillAgent, Host: 1, At: 35 * time.Second, For: time.Second},
			Fault{Kind: KillNode, At: 50 * time.Second, For: 20 * time.Second}), 2, 25},
		{"a node is shown a false equivocation, and main dies", calm(fenced,
			Fault{Kind: Faked, Host: 1, At: 20 * time.Second},
			Fault{Kind: KillNode, At: 41 * time.Second, For: 20 * time.Second}), 2, 15},
		{"a node cannot show an equivocation, and main dies in the next era", calm(fenced,
			Fault{Kind: Unread, Host: 1, At: 20 * time.Second},
			Fault{Kind: KillNode, At: 61 * time.Second, For: 20 * time.Second}), 2, 15},
		{"held until an operator resumes, who does",
			calm(fenced, Fault{Kind: Hold, At: 20 * time.Second, For: 30 * time.Second, Keep: true},
				Fault{Kind: KillNode, At: 41 * time.Second, For: 30 * time.Second}), 2, 15},
	}
}

// TestPlans: what is to come of single faults.
func TestPlans(t *testing.T) {
	fenced := Fault{Kind: SetMode, At: 10 * time.Second, Mode: failover.Fenced}
	for _, c := range append(heldPlans(), []planned{
		{"nothing happens", calm(), 0, 30},
		{"main is killed in hot mode", calm(Fault{Kind: KillNode, At: 41 * time.Second, For: 20 * time.Second}), 2, 30},
		{"main's host is cut off in hot mode", calm(Fault{Kind: CutHost, At: 41 * time.Second, For: 20 * time.Second}), 2,
			30},
		{"main hangs for a moment", calm(Fault{Kind: PauseNode, At: 41 * time.Second, For: 2 * time.Second}), 0, 30},
		{"main is killed in fenced mode", calm(fenced, Fault{Kind: KillNode, At: 41 * time.Second, For: 20 * time.Second}), 2,
			25},
		{"main hangs in fenced mode", calm(fenced, Fault{Kind: PauseNode, At: 41 * time.Second, For: 20 * time.Second}), 2,
			25},
		{"main is cut off from its peers in fenced mode",
			calm(fenced, Fault{Kind: CutPeers, At: 41 * time.Second, For: 30 * time.Second}), 2, 20},
		{"main's agent stops with a request in flight in fenced mode, and goes on when the standby is active", calm(fenced,
			Fault{Kind: PauseAgent, At: 41015 * time.Millisecond, For: 20 * time.Second}), 2, 25},
		{"main's host stops with a request in flight in hot mode",
			calm(Fault{Kind: PauseHost, At: 41015 * time.Millisecond, For: 20 * time.Second}), 2, 30},
		{"the leader's disk hangs", calm(Fault{Kind: HungDisk, At: 41 * time.Second, For: 3 * time.Second},
			Fault{Kind: HungDisk, Host: 1, At: 61 * time.Second, For: 3 * time.Second},
			Fault{Kind: HungDisk, Host: 2, At: 81 * time.Second, For: 3 * time.Second}), 0, 20},
		{"leadership changes all the time, and main dies meanwhile",
			calm(fenced, Fault{Kind: Elect, At: 41 * time.Second, For: 30 * time.Second},
				Fault{Kind: KillNode, At: 50 * time.Second, For: 40 * time.Second}), 2, 15},
		{"the standby is killed in fenced mode",
			calm(fenced, Fault{Kind: KillNode, Host: 1, At: 41 * time.Second, For: 20 * time.Second}), 0, 30},
		{"a planned handover in hot mode", calm(Fault{Kind: Promote, Host: 1, At: 41 * time.Second}), 0, 30},
		{"a planned handover in fenced mode", calm(fenced, Fault{Kind: Promote, Host: 1, At: 41 * time.Second}), 0, 30},
		{"a foreign validator is dead, so that ours is needed, and main is killed", calm(
			Fault{Kind: KillNode, Host: firstForeign, At: 20 * time.Second, For: time.Minute},
			Fault{Kind: KillNode, At: 41 * time.Second, For: 20 * time.Second}), 2, 15},
		{"a hostile standby floods an era ahead, and asks for heights of a fork", flooded(), 0, 30},
		{"the same in fenced mode", flooded(fenced), 0, 30},
		{"held", calm(fenced, Fault{Kind: Hold, At: 30 * time.Second, For: time.Minute},
			Fault{Kind: KillNode, At: 41 * time.Second, For: 20 * time.Second}), 0, 15},
	}...) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(3) {
				r := Run(seed, Options{Plan: c.plan})
				tell(t, seed, r)
				if r.Stats[Changes] != c.changes || r.Stats[Votes] < c.votes {
					t.Errorf("seed %d: %d changes of the active node, want %d; %v", seed, r.Stats[Changes], c.changes, r.Stats)
				}
			}
		})
	}
}

// TestFarBound: a hostile standby that becomes active, rightly, while main is down, and has rounds
// bound that the chain has not come to, loses the role again to a main that follows the chain.
func TestFarBound(t *testing.T) {
	for name, mode := range map[string]failover.Mode{"each node votes": failover.Hot, "one votes": failover.Fenced} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := flooded(Fault{Kind: SetMode, At: 10 * time.Second, Mode: mode},
				Fault{Kind: KillNode, At: 41 * time.Second, For: 20 * time.Second})
			p.Block, p.End = 2*time.Second, 270*time.Second
			r := Run(0, Options{Plan: p})
			tell(t, 0, r)
			if r.Stats[Changes] != 2 || r.Stats[Rests] == 0 {
				t.Errorf("%d changes of the active node; %v", r.Stats[Changes], r.Stats)
			}
		})
	}
}
