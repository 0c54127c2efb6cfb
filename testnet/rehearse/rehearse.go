// Package rehearse has the main of a simulated network fail, and waits for what comes of it: the
// ways in which it fails and is mended (Strike), what operators do meanwhile, and waits for roles,
// rounds and nodes.
//
// It promises that each wait is bounded and asks rather than sleeps, and that instants are drawn
// from the seed. What a failure may cost, and what it did, its callers say: the demo claims, the
// bench measures.
package rehearse

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/simnet"
)

// looksEvery is the time between two looks that cost the machine next to nothing.
const looksEvery = 100 * time.Millisecond

// Rehearsal is a network in which main fails.
type Rehearsal struct {
	Net    *simnet.Network
	Random *rand.Rand    // instants
	Reason string        // that operators give for what they do
	Within time.Duration // how long what must come may take
}

// Setup makes the network's folder and its files, with the next instants drawn from the seed. It
// starts nothing.
func (r *Rehearsal) Setup(ctx context.Context, s simnet.Settings) (err error) {
	if err := os.Mkdir(s.Dir, 0o700); err != nil {
		return fmt.Errorf("making the network's folder: %w", err)
	}
	r.Net, err = simnet.Setup(ctx, s)
	return err
}

// Instant lets time pass until a random instant of a round.
func (r *Rehearsal) Instant(ctx context.Context) error {
	return testnet.Pause(ctx, time.Duration(r.Random.Int64N(int64(r.Net.Block))))
}

// Command runs an operator's command: failover, and these words.
func (r *Rehearsal) Command(ctx context.Context, args ...string) error {
	return r.Net.Cluster.Failover(ctx, append(args, "--reason", r.Reason)...)
}

// Operate has the command run again and again while it is refused: no cosigner may lead just now.
func (r *Rehearsal) Operate(ctx context.Context, args ...string) error {
	ctx, cancel := r.soon(ctx)
	defer cancel()
	return r.Net.Cluster.Operate(ctx, append(args, "--reason", r.Reason)...)
}

func (r *Rehearsal) soon(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, r.Within)
}
