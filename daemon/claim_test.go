package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"casper-cosigner/cluster"
	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/claim"
)

// stockNodes marks the named nodes in the cluster file, lets all of them vote, and has no claim
// wait for the active node's.
func stockNodes(names ...string) func(*cluster.File) {
	return func(f *cluster.File) {
		f.Grace, f.Failover.Standby = 0, "hot"
		for i := range f.Nodes {
			for _, name := range names {
				f.Nodes[i].Stock = f.Nodes[i].Stock || f.Nodes[i].Name == name
			}
		}
	}
}

// gate returns what the gate of a stock node asks with.
func (l *local) gate(name string) *claim.Client {
	l.t.Helper()
	client, err := claim.Dial(claim.Config{Socket: filepath.Join(l.path, name, "signer.sock"),
		Attesters: l.File.Attesters()})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { client.Close() })
	return client
}

// claim claims, and returns what the slot holds.
func (l *local) claim(ctx context.Context, gate *claim.Client, m casper.Message) (held casper.Message, err error) {
	_, err = gate.Claim(ctx, m)
	var other *claim.HeldError
	switch {
	case err == nil:
		return m, nil
	case errors.As(err, &other):
		return other.Held, nil
	}
	return nil, err
}

// mustHold claims m, and must be answered that its slot holds want.
func (l *local) mustHold(gate *claim.Client, m, want casper.Message) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	if held, err := l.claim(ctx, gate, m); err != nil || held != want {
		l.t.Fatalf("claimed %v: the slot holds %v, %v; want %v", m, held, err, want)
	}
}

// TestMixedPair: a node that signs itself and one that holds no key bind a slot once, in both
// directions, also over a change of leaders and a restart of all; and neither gets what the other
// kind does.
func TestMixedPair(t *testing.T) {
	t.Parallel()
	l := newLocal(t, stockNodes("node-b"))
	l.start(all...)
	a, b := l.node("node-a"), l.gate("node-b")
	l.mustSign(a, echo(1, 0, 1))
	l.mustHold(b, echo(1, 0, 2), echo(1, 0, 1))
	l.mustHold(b, echo(1, 1, 2), echo(1, 1, 2))
	l.mustBind(a, echo(1, 1, 1), echo(1, 1, 2))
	l.mustSign(a, echo(1, 1, 2))

	leader := l.leader()
	_ = l.stop(leader)
	l.mustHold(b, echo(1, 1, 1), echo(1, 1, 2))
	l.mustHold(b, echo(1, 2, 2), echo(1, 2, 2))
	l.start(leader)
	l.stopAll()
	l.start(all...)
	l.mustBind(l.node("node-a"), echo(1, 2, 1), echo(1, 2, 2))

	var refused *claim.RefusedError
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // which a gate asks on for, after a refusal
	defer cancel()
	if _, err := l.gate("node-a").Claim(ctx, echo(1, 3, 1)); !errors.As(err, &refused) {
		t.Errorf("a node that holds no key claims: %v", err)
	}
	if r := l.sign(l.node("node-b"), echo(1, 3, 1)); r.GetRefused() == nil {
		t.Errorf("a stock node asks for a signature: %v", r)
	}
	l.mustSign(l.node("node-a"), echo(1, 3, 2)) // so neither bound it
}

// The race goes on for so many slots, or for so long where each takes longer; so many at a time.
const (
	racedSlots  = 4000
	racedFor    = 10 * time.Second
	racedAtOnce = 8
)

// race is two stock nodes that claim different values of the same slots.
type race struct {
	*local
	gates [2]*claim.Client
	won   [2]atomic.Int32 // slots that went to each
}

// slot has both claim the same slot at the same time. It fails unless one of them gets it and the
// other is told so.
func (r *race) slot(round uint32) error {
	var held [2]casper.Message
	var wait errgroup.Group
	for i, gate := range r.gates {
		wait.Go(func() (err error) {
			ctx, cancel := context.WithTimeout(r.t.Context(), patience)
			defer cancel()
			held[i], err = r.claim(ctx, gate, echo(1, round, byte(1+i)))
			return err
		})
	}
	if err := wait.Wait(); err != nil {
		return fmt.Errorf("round %d: %w", round, err)
	}
	if held[0] != held[1] {
		return fmt.Errorf("round %d: DOUBLE SIGN: one node is granted %v, the other %v", round, held[0], held[1])
	}
	for i := range r.won {
		if held[0] == casper.Message(echo(1, round, byte(1+i))) {
			r.won[i].Add(1)
		}
	}
	return nil
}

// TestStockRace: two stock nodes claim different values of the same slots at the same time, while
// the leader stops and starts. No slot is granted to both.
func TestStockRace(t *testing.T) {
	t.Parallel()
	r := &race{local: newLocal(t, stockNodes("node-a", "node-b"))}
	r.start(all...)
	r.gates = [2]*claim.Client{r.gate("node-a"), r.gate("node-b")}
	r.mustHold(r.gates[0], echo(1, 0, 1), echo(1, 0, 1))
	over, raced := time.Now().Add(racedFor), int32(0)
	var slots errgroup.Group
	slots.SetLimit(racedAtOnce)
	for raced < racedSlots && time.Now().Before(over) {
		raced++
		if raced%500 == 50 {
			leader := r.leader()
			_ = r.stop(leader)
			r.start(leader)
		}
		round := uint32(raced)
		slots.Go(func() error { return r.slot(round) })
	}
	if err := slots.Wait(); err != nil {
		t.Fatal(err)
	}
	a, b := r.won[0].Load(), r.won[1].Load()
	t.Logf("%d slots: %d went to the one node, %d to the other", raced, a, b)
	if a+b != raced {
		t.Errorf("of %d slots %d and %d went to the nodes", raced, a, b)
	}
}
