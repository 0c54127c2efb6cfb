package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/history"
)

const (
	together   = 8                       // slots that are asked for when a leader is hit
	within     = 20 * time.Millisecond   // before the hit; a signature takes a few
	awayFor    = 1500 * time.Millisecond // the leader that was hit, at most
	lastWithin = time.Minute             // for every slot once more, from both nodes
	answered   = 15 * time.Second        // within which the other node must get a signature
	askAgain   = 20 * time.Millisecond
)

// silence hits the leader again and again just as one node asks. Then that node is silent, and
// only the other one asks, for the other values: whatever the leader did or began, each slot ends
// with one value.
func (r *run) silence(ctx context.Context, length time.Duration) error {
	random, free := draw{rand.New(rand.NewPCG(r.seed, 1))}, testnet.MadeUp{Round: round(0)}
	begin, tries, hits, outcomes := time.Now(), 0, 0, map[string]int{}
	for ; time.Since(begin) < length; tries++ {
		if _, err := r.cluster.Ready(ctx, readyWithin); err != nil {
			return err
		}
		h := hit{kind: random.oneOf(kill, kill, halt, cut), away: random.between(0, awayFor), first: testnet.Main,
			other: testnet.Standby}
		if random.IntN(2) == 0 {
			h.first, h.other = h.other, h.first
		}
		r.until(ctx, history.Call{Asker: h.first + "/before", Asked: free.Next()}) // so that its agent knows who leads
		for range together {
			h.asked, h.after = append(h.asked, free.Next()), append(h.after, random.between(0, within))
		}
		struck, err := r.hit(ctx, h, outcomes)
		if err != nil {
			return err
		}
		if struck {
			hits++
		}
	}
	fmt.Fprintf(r.out, "  %d leaders killed, halted or cut off within %v of being asked, and only the other node asks "+
		"then: %s\n", hits, within, history.Counts(outcomes))
	const what = "a leader hit as it was asked"
	return history.TooRare(map[string]int{what: tries}, map[string]int{what: hits})
}

// hit is one time that a leader is hit.
type hit struct {
	kind         string
	away         time.Duration
	first, other string // nodes
	asked        []casper.Message
	after        []time.Duration // since the beginning, when each is asked for; the hit is at the end of within
}

// hit reports whether there was a leader to be hit.
func (r *run) hit(ctx context.Context, h hit, outcomes map[string]int) (struck bool, err error) {
	status, err := r.cluster.Status(ctx)
	leader := r.cluster.Cosigner(status.Leader)
	if leader == nil {
		return false, err // nobody leads just now: an election by chance; the next one will
	}
	var asking sync.WaitGroup
	defer asking.Wait() // what is asked after the history's end would not be in it
	first, second := make([]testnet.Answer, len(h.asked)), make([]testnet.Answer, len(h.asked))
	for i, m := range h.asked {
		asking.Go(func() {
			testnet.Pause(ctx, h.after[i]) //nolint:errcheck // a call without a context that goes on is recorded as one
			first[i] = r.call(ctx, history.Call{Asker: fmt.Sprintf("%s/first %d", h.first, i), Asked: m})
		})
	}
	testnet.Pause(ctx, within) //nolint:errcheck // as above
	undo, err := r.strike(ctx, h.kind, leader)
	if err != nil {
		return false, err
	}
	undone := make(chan error, 1)
	go func() {
		testnet.Pause(ctx, h.away) //nolint:errcheck // undone all the same
		undone <- undo()
	}()
	for i, m := range h.asked {
		asking.Go(func() {
			second[i] = r.until(ctx, history.Call{Asker: fmt.Sprintf("%s/only %d", h.other, i), Asked: testnet.Other(m)})
		})
	}
	asking.Wait()
	for i := range h.asked {
		outcomes[outcome(first[i], second[i])]++
	}
	return true, <-undone
}

// strike hits the leader and returns how that is undone.
func (r *run) strike(ctx context.Context, kind string, leader *testnet.Process) (undo func() error, err error) {
	switch kind {
	case kill:
		return func() error { return leader.Start(ctx) }, leader.Kill()
	case halt:
		return leader.Cont, leader.Stop()
	}
	links := r.network.Of([]string{leader.Name}, false)
	for _, l := range links {
		l.Cut()
	}
	return func() error {
		for _, l := range links {
			l.Mend()
		}
		return nil
	}, nil
}

func outcome(first, second testnet.Answer) string {
	switch {
	case first.Kind == testnet.Signed || first.Kind == testnet.Bound:
		return "signed for the first"
	case second.Kind == testnet.Bound:
		return "bound by the first, finished for the other"
	case second.Kind == testnet.Signed:
		return "signed for the other"
	}
	return "no answer"
}

// until asks until there is a signature, and returns that answer, or the last one when it
// takes too long.
func (r *run) until(ctx context.Context, c history.Call) testnet.Answer {
	ctx, cancel := context.WithTimeout(ctx, answered)
	defer cancel()
	for {
		a := r.call(ctx, c)
		if a.Kind == testnet.Signed || a.Kind == testnet.Bound || testnet.Pause(ctx, askAgain) != nil {
			return a
		}
	}
}

// last mends everything, if it is not, and has both nodes ask for every slot once more,
// for another value.
func (r *run) last(ctx context.Context) error {
	if err := r.cluster.Start(ctx); err != nil {
		return err
	}
	begin := time.Now()
	if _, err := r.cluster.Ready(ctx, readyWithin); err != nil {
		return err
	}
	// What nobody claimed yet a standby may not claim in fenced mode.
	if err := r.cluster.Failover(ctx, "mode", "hot", "--reason", "chaos ends"); err != nil {
		return err
	}
	took := time.Since(begin)
	ctx, cancel := context.WithTimeout(ctx, lastWithin)
	defer cancel()
	slots := make(chan casper.Message)
	var asking sync.WaitGroup
	for i := range together {
		asking.Go(func() {
			for m := range slots {
				nodes := []string{testnet.Main, testnet.Standby}
				for n := range nodes {
					a := r.until(ctx, history.Call{Asker: nodes[(i+n)%len(nodes)] + "/last", Asked: testnet.Other(m), Last: true})
					if held := a.Message(testnet.Other(m)); held != nil {
						m = held
					}
				}
			}
		})
	}
	all := r.history.Slots()
	for _, m := range all {
		slots <- m
	}
	close(slots)
	asking.Wait()
	fmt.Fprintf(r.out, "  all mended and ready after %.1f s; both nodes asked for all %d slots again, for other values\n",
		took.Seconds(), len(all))
	return nil // what got no answer the history tells
}
