package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
)

const (
	roundsPerEra  = 900 // two hours of rounds of eight seconds
	finalityEvery = 5   // messages
	inFlight      = 64

	askAgain = 5 * time.Millisecond
	sample   = 50 // one in so many signatures is verified while others wait for the processor
)

// load hands out the messages that a node would ask for, as fast as it is asked. It is safe for
// concurrent use.
type load struct {
	mu     sync.Mutex
	zug    testnet.MadeUp
	height uint64
	count  int
	urgent bool // only what a node waits 250 ms for: no finality signatures
}

func newLoad() *load {
	l := &load{}
	l.enter(1)
	return l
}

func (l *load) enter(era uint64) {
	l.zug = testnet.MadeUp{Round: casper.Round{Era: era, Chainspec: casper.ChainNameHash("made up"),
		KeyBlock: casper.ChainNameHash(fmt.Sprintf("made up, before era %d", era)), Validator: 1}}
}

func (l *load) next() casper.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	if l.count%finalityEvery == 0 && !l.urgent {
		l.height++
		return testnet.MadeUpFinality(chain, l.zug.Round.Era, l.height)
	}
	if l.zug.Round.ID == roundsPerEra {
		l.enter(l.zug.Round.Era + 1)
	}
	return l.zug.Next()
}

// tally is what became of a number of requests.
type tally struct {
	mu        sync.Mutex
	latencies testnet.Latencies
	again     atomic.Int64 // answers that said nothing, and were asked for again
	early     atomic.Int64 // refused as too far ahead, likewise
}

// sign asks for the next free slot until it is signed, and notes how long the last attempt took.
func (b *bench) sign(ctx context.Context, t *tally, verify bool) error {
	m := b.load.next()
	for {
		a := b.node.Sign(ctx, m)
		switch {
		case a.Kind == testnet.Signed:
			if verify && !b.key.Verify(m, a.Signature) {
				return fmt.Errorf("signing: the signature of %v is not valid", m)
			}
			t.mu.Lock()
			t.latencies = append(t.latencies, a.Took)
			t.mu.Unlock()
			return nil
		case a.Kind == testnet.Unknown:
			t.again.Add(1)
		case a.Kind == testnet.Refused && a.Reason == "TOO_FAR_AHEAD":
			t.early.Add(1)
		default:
			return fmt.Errorf("signing: a free slot was answered with %s %s", a.Kind, a.Reason)
		}
		if err := testnet.Pause(ctx, askAgain); err != nil {
			return fmt.Errorf("signing, last answer %s %s: %w", a.Kind, a.Reason, err)
		}
	}
}

// closedLoop asks for one signature after the other.
func (b *bench) closedLoop(ctx context.Context, count int) (*tally, error) {
	t := &tally{}
	for range count {
		if err := b.sign(ctx, t, true); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// flood keeps inFlight requests waiting.
func (b *bench) floodWith(ctx context.Context, count int) (*tally, error) {
	t := &tally{}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var left atomic.Int64
	left.Store(int64(count))
	var workers sync.WaitGroup
	for range inFlight {
		workers.Go(func() {
			for {
				n := left.Add(-1)
				if n < 0 {
					return
				}
				if err := b.sign(ctx, t, n%sample == 0); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	workers.Wait()
	return t, context.Cause(ctx)
}
