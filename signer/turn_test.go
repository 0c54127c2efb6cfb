package signer

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/turn"
)

// TestPreferenceWaits: while the active node is well, a standby's claim of a free slot
// waits for it.
func TestPreferenceWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.mustSign("node-a", echo(10, 0, 1))
		var standby sync.WaitGroup
		standby.Go(func() {
			a, err := r.ask(t.Context(), "node-b", echo(10, 1, 2))
			if err != nil || a.Message != casper.Message(echo(10, 1, 1)) {
				t.Errorf("got %v, %v; want the active node's echo", a, err)
			}
		})
		synctest.Wait()
		time.Sleep(50 * time.Millisecond)
		r.mustSign("node-a", echo(10, 1, 1))
		standby.Wait()

		start := time.Now()
		r.mustSign("node-b", echo(10, 2, 2)) // the active one does not come
		if waited := time.Since(start); waited != 8*time.Second+100*time.Millisecond {
			t.Errorf("waited %v for the active node, want its turn, a block's time later, and 100ms", waited)
		}
		time.Sleep(17 * time.Second) // two round lengths and a bit: it is silent
		start = time.Now()
		r.mustSign("node-b", echo(10, 3, 2))
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %v for a silent node", waited)
		}
	})
}

// TestFollows: nobody waits for an active node that only follows another's heights; for one whose
// heights others took with other blocks, or that has its own, they do.
func TestFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		next := uint64(1000)
		for ; next < 1012; next++ {
			r.mustSign("node-b", block(next, 1)) // the active node is not there
			time.Sleep(9 * time.Second)
		}
		r.mustSign("node-a", echo(10, 0, 1))
		wantServed := func(want bool, why string) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := r.ask(ctx, "node-b", block(next, 1)); (err == nil) != want {
				t.Errorf("%s: got %v", why, err)
			}
			next++
			time.Sleep(9 * time.Second)
		}
		follow := func(from, to uint64) {
			for height := from; height <= to; height++ {
				r.mustSign("node-a", block(height, 1))
				r.mustSign("node-a", block(height, 1)) // a retry
			}
			r.mustSign("node-a", echo(10, uint32(next-1000), 1))
		}
		follow(1000, 1003)
		wantServed(true, "it follows")
		if _, err := r.ask(t.Context(), "node-a", block(1004, 2)); err != nil {
			t.Fatal(err)
		}
		wantServed(false, "it has another block")
		next--
		follow(1005, 1008)
		wantServed(true, "it follows again")
		r.mustSign("node-a", block(next, 1))
		next++
		wantServed(false, "it has its own")
	})
}

// TestGrace: how long a standby waits beyond the active node's turn is the setting.
func TestGrace(t *testing.T) {
	for _, grace := range []time.Duration{0, 30 * time.Millisecond, 125 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.Grace = grace })
			r.mustSign("node-a", echo(10, 0, 1))
			start := time.Now()
			r.mustSign("node-b", echo(10, 1, 2))
			if waited := time.Since(start); waited != 8*time.Second+grace {
				t.Errorf("waited %v for the active node, want its turn, a block's time later, and %v", waited, grace)
			}
		})
	}
}

// TestTurnTooLate: a claim whose turn comes after its asker's deadline is refused before that, and
// is the claim that it was when it is asked for again.
func TestTurnTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.mustSign("node-a", echo(10, 0, 1))
		r.mustSign("node-a", block(1000, 1))
		start := time.Now()
		ask := func(deadline time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			_, err := r.ask(ctx, "node-b", block(1001, 2))
			return err
		}
		wantReason(t, ask(3*time.Second), cosignerv1.RefusalReason_REFUSAL_REASON_NOT_PREFERRED)
		if waited := time.Since(start); waited != 3*time.Second-turn.AnswerBefore {
			t.Errorf("answered after %v", waited)
		}
		wantReason(t, ask(turn.AnswerBefore), cosignerv1.RefusalReason_REFUSAL_REASON_NOT_PREFERRED)
		time.Sleep(10 * time.Second)
		if err := ask(3*time.Second + 2*turn.AnswerBefore); err != nil || time.Since(start) != 16*time.Second {
			t.Errorf("%v after %v; want its turn two blocks' time later", err, time.Since(start))
		}
	})
}

// TestTurnLeavesRoom: where signatures take long, whoever waits is answered so long before its
// deadline.
func TestTurnLeavesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.quorum.takes = 120 * time.Millisecond
		for round := range uint32(50) {
			r.mustSign("node-a", echo(10, round, 1))
			r.mustSign("node-a", echo(10, round, 1)) // what is signed already takes no time, and tells nothing
		}
		r.mustSign("node-a", block(1000, 1))
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := r.ask(ctx, "node-b", block(1001, 2))
		wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_NOT_PREFERRED)
		left := 3*time.Second - time.Since(start)
		if left < 149*time.Millisecond || left > 150*time.Millisecond {
			t.Errorf("answered %v before the deadline", left)
		}
	})
}

// TestFlood: a hostile standby that claims every round ahead gets none while the active node is
// well, and the active node loses none.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		for round := range uint32(50) {
			r.mustSign("node-a", echo(10, round, 1))
			for ahead := uint32(2); ahead < 40; ahead++ {
				_, err := r.ask(t.Context(), "node-b", echo(10, round+ahead, 66))
				wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_NOT_PREFERRED)
			}
			r.mustSign("node-a", block(1000+uint64(round), 1))
			_, err := r.ask(t.Context(), "node-b", block(1000+64, 66))
			wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_NOT_PREFERRED)
			time.Sleep(8 * time.Second)
		}
	})
}

// TestFewBlocks: two rounds without a block open one height to a hostile standby, not all that the
// tokens are good for, and that is all that main ever loses.
func TestFewBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		round, height := uint32(0), uint64(1000)
		next := func(blocks uint64) {
			r.mustSign("node-a", vote(10, round, blocks == 1))
			round, height = round+1, height+blocks
			time.Sleep(8100 * time.Millisecond)
		}
		steal := func() (stolen uint64) {
			for ahead := range uint64(70) {
				ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
				if _, err := r.ask(ctx, "node-b", block(height+ahead, 66)); err == nil {
					stolen++
				}
				cancel()
			}
			return stolen
		}
		r.mustSign("node-a", block(height, 1))
		next(1)
		r.mustSign("node-a", block(height, 1))
		next(1)
		if n := steal(); n != 0 {
			t.Errorf("%d heights are free after one round", n)
		}
		next(0)
		if n := steal(); n != 1 {
			t.Errorf("%d heights are free after two rounds without a block, want 1", n)
		}
		lost := 0
		for range 100 {
			got, err := r.ask(t.Context(), "node-a", block(height, 1))
			if err != nil {
				t.Fatal(err)
			}
			if got.Message != casper.Message(block(height, 1)) {
				lost++
			}
			next(1)
			steal()
		}
		if lost != 1 {
			t.Errorf("main lost %d finality signatures of 100", lost)
		}
	})
}

// TestNextEra: nor does it get the next era ahead by binding that era's first rounds.
func TestNextEra(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.mustSign("node-a", echo(10, 500, 1))
		for round := range uint32(2) {
			r.mustSign("node-b", echo(11, round, 66)) // served after the grace
		}
		for round := uint32(2); round < 100; round++ {
			_, err := r.ask(t.Context(), "node-b", echo(11, round, 66))
			wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_NOT_PREFERRED)
		}
	})
}
