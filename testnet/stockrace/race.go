package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/pair"
)

const (
	within   = 10 * time.Millisecond // of a write, something is killed: it takes about as long
	minBlock = 10 * time.Millisecond
	comesIn  = time.Minute // a cosigner that was killed
)

// victims are who is killed, each as often as any other.
var victims = [...]string{"gate of node 1", "gate of node 2", "leading cosigner", "following cosigner"}

// race is one run.
type race struct {
	options
	*pair.Pair
	random *rand.Rand // of the killer
	killed int        // how often it killed, in the order of victims
	book   *book      // of the era that is on
	down   [2]atomic.Bool
	raced  atomic.Int64 // slots

	mu       sync.Mutex // guards what follows
	outcomes [3]int     // of writes
	took     testnet.Latencies
	bound    int // slots that have a value
}

func open(ctx context.Context, o options, dir string) (*race, error) {
	p, err := pair.Open(ctx, pair.Settings{Binary: o.binary, Dir: dir, PEM: o.pem, MinBlock: minBlock})
	return &race{options: o, Pair: p, random: rand.New(rand.NewPCG(o.seed, 1))}, err
}

// run races all slots, era after era, and prints what it came to.
func (r *race) run(ctx context.Context, out io.Writer) error {
	fmt.Fprintf(out, "%d slots, %d at a time, a kill -9 each %d; seed %d; load %s\n", r.slots, r.lanes, r.every, r.seed,
		testnet.LoadAverage())
	began := time.Now()
	for era := 0; int(r.raced.Load()) < r.slots; era++ {
		if era > 0 {
			if err := r.NextEra(ctx); err != nil {
				return err
			}
		}
		err := r.era(ctx, min(r.perEra, r.slots-int(r.raced.Load())))
		if err != nil || era%5 == 4 || int(r.raced.Load()) >= r.slots {
			r.print(out, time.Since(began))
		}
		if err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "no slot has two values, and all that was sent is in its sender's unit file")
	return nil
}

// era races so many slots of the chain's era, and looks at both unit files.
func (r *race) era(ctx context.Context, slots int) error {
	r.book = newBook(r.Chain.Era().Instance(), r.Key.Public())
	all, inner := errgroup.WithContext(ctx)
	lanes, over := new(sync.WaitGroup), make(chan struct{})
	for lane := range r.lanes {
		lanes.Add(1)
		all.Go(func() error {
			defer lanes.Done()
			return r.lane(inner, lane, slots)
		})
	}
	all.Go(func() error { return r.kill(ctx, inner, over) }) // what it starts lasts longer than an era
	lanes.Wait()
	close(over)
	err := all.Wait()
	if err == nil {
		err = r.book.judge(r.Pair)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bound += r.book.slots()
	return err
}

// lane has both nodes want each of its slots at the same time.
func (r *race) lane(ctx context.Context, lane, slots int) error {
	var hands [2]*writer
	for i := range hands {
		seed := r.seed<<20 + uint64(r.raced.Load())
		hands[i] = &writer{race: r, node: i, random: rand.New(rand.NewPCG(seed, uint64(lane*2+i))), at: lane}
		defer hands[i].close()
	}
	for n := lane; n < slots; n += r.lanes {
		s := slot{uint32(n / 2), casper.KindEcho}
		if n%2 == 1 {
			s.kind = casper.KindVote
		}
		both, inner := errgroup.WithContext(ctx)
		for _, w := range hands {
			both.Go(func() error { return w.want(inner, s) })
		}
		if err := both.Wait(); err != nil {
			return err
		}
		r.raced.Add(1)
	}
	return nil
}

// kill kills something each so many slots, some time within a write, until the era is over.
func (r *race) kill(ctx, era context.Context, over <-chan struct{}) error {
	for next := r.raced.Load() + int64(r.every)/2; ; next = r.raced.Load() + int64(r.every) {
		for r.raced.Load() < next {
			select {
			case <-over:
				return nil
			case <-time.After(time.Millisecond):
			}
		}
		if err := testnet.Pause(era, time.Duration(r.random.Int64N(int64(within)))); err != nil {
			return nil // whoever failed says why
		}
		which := r.killed % len(victims)
		var err error
		if which < len(r.Nodes) {
			err = r.killGate(ctx, which)
		} else {
			err = r.killCosigner(ctx, victims[which] == "leading cosigner")
		}
		if err != nil {
			return fmt.Errorf("killing the %s: %w", victims[which], err)
		}
		r.killed++
	}
}

// killGate kills a gate and starts it again. The node reads its file before it writes on.
func (r *race) killGate(ctx context.Context, i int) error {
	r.down[i].Store(true)
	defer r.down[i].Store(false)
	n := r.Nodes[i]
	if err := n.Gate.Kill(); err != nil {
		return err
	}
	if err := n.Stand(ctx); err != nil {
		return err
	}
	return r.book.look(i, n.Path(r.book.instance))
}

func (r *race) killCosigner(ctx context.Context, leads bool) error {
	s, err := r.Status(ctx)
	if err != nil {
		return err
	}
	for _, c := range r.Cosigners {
		if (c.Name == s.Leader) != leads {
			continue
		}
		if err := c.Kill(); err != nil {
			return err
		}
		if err := c.Start(ctx); err != nil {
			return err
		}
		break
	}
	_, err = r.Ready(ctx, comesIn)
	return err
}

func (r *race) count(o outcome, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes[o]++
	if o == sent {
		r.took = append(r.took, took)
	}
}

func (r *race) print(out io.Writer, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(out, "%6d slots raced in %.0f s, %d have a value; writes of our key: %d taken (p50 %s, p99 %s), %d "+
		"refused, %d with their gate gone; %d kill -9, in turn of", r.raced.Load(), took.Seconds(), r.bound, r.outcomes[sent],
		testnet.Millis(r.took.Quantile(0.5)), testnet.Millis(r.took.Quantile(0.99)), r.outcomes[refused], r.outcomes[gone],
		r.killed)
	fmt.Fprintf(out, " %s; load %s\n", strings.Join(victims[:], ", "), testnet.LoadAverage())
}
