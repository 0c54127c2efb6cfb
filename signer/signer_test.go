package signer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
)

func wantReason(t *testing.T, err error, want cosignerv1.RefusalReason) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) || wire.Reason(r.Reason) != want {
		t.Errorf("got %v, want refusal %v", err, want)
	}
}

func (r *rig) mustSign(node string, m casper.Message) {
	r.t.Helper()
	a, err := r.ask(r.t.Context(), node, m)
	if err != nil || a.Message != m {
		r.t.Fatalf("%s asked for %v: got %v, %v", node, m, a, err)
	}
	if !r.cluster.File.Validator.Verify(m, a.Signature) {
		r.t.Fatalf("%s asked for %v: the signature is not valid", node, m)
	}
}

// TestBound: whoever asks for a bound slot, with whatever value, gets the held value with a
// valid signature.
func TestBound(t *testing.T) {
	r := newRig(t, nil)
	for _, pair := range [][2]casper.Message{
		{echo(10, 0, 1), echo(10, 0, 2)},
		{vote(10, 0, true), vote(10, 0, false)},
		{block(1000, 1), block(1000, 2)},
	} {
		r.mustSign("node-a", pair[0])
		r.mustSign("node-b", pair[0])
		for _, node := range []string{"node-a", "node-b"} {
			a, err := r.ask(t.Context(), node, pair[1])
			if err != nil || a.Message != pair[0] || !r.cluster.File.Validator.Verify(pair[0], a.Signature) {
				t.Errorf("%s asked for %v: got %v, %v; want the held %v, signed", node, pair[1], a, err, pair[0])
			}
		}
	}
	if r.quorum.rounds != 3 {
		t.Errorf("%d rounds of shares for 3 slots: kept signatures were not used", r.quorum.rounds)
	}
}

// TestOtherNodeFinishes: the leader dies, or cannot tell, right after a claim; then only the other
// node asks, with the other value.
func TestOtherNodeFinishes(t *testing.T) {
	r := newRig(t, nil)
	r.log.loseAnswers = true
	if _, err := r.ask(t.Context(), "node-a", echo(10, 3, 1)); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("got %v, want unavailable: whether the slot is bound is not known", err)
	}
	r.log.loseAnswers = false
	a, err := r.ask(t.Context(), "node-b", echo(10, 3, 2))
	if err != nil || a.Message != casper.Message(echo(10, 3, 1)) {
		t.Fatalf("got %v, %v; want what node-a's claim bound", a, err)
	}
}

// TestHeldComesBeforePolicy: a slot that is bound is finished in fenced mode, for a standby, and
// when the node that bound it has been suspended since.
func TestHeldComesBeforePolicy(t *testing.T) {
	r := newRig(t, nil)
	r.mustSign("node-a", echo(10, 0, 1))
	r.quorum.rounds, r.signatures = 0, newSignatures()
	apply := func(c machine.Command) {
		t.Helper()
		if res, err := r.log.Apply(t.Context(), c); err != nil || res.Outcome != machine.Done {
			t.Fatal(res, err)
		}
	}
	apply(machine.SetMode{Mode: failover.Fenced, Change: failover.Change{Epoch: 0}})
	apply(machine.Suspend{Node: "node-a", Suspended: true, Change: failover.Change{Epoch: 1}})
	a, err := r.ask(t.Context(), "node-b", echo(10, 0, 2))
	if err != nil || a.Message != casper.Message(echo(10, 0, 1)) {
		t.Fatalf("got %v, %v; want the held echo", a, err)
	}
	_, err = r.ask(t.Context(), "node-b", echo(10, 1, 2))
	wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_NOT_ACTIVE)
	r.mustSign("node-b", block(1000, 1)) // finality goes to all
	_, err = r.ask(t.Context(), "node-a", block(1001, 1))
	wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_SUSPENDED)
}

func TestRefusals(t *testing.T) {
	r := newRig(t, nil)
	otherChain := block(1000, 1)
	otherChain.ChainName = casper.ChainNameHash("casper")
	r.mustSign("node-a", echo(10, 0, 1))
	second := echo(10, 5, 1)
	second.Chainspec[0] = 9
	for _, c := range []struct {
		name string
		m    casper.Message
		want cosignerv1.RefusalReason
	}{
		{"era below the first", echo(9, 0, 1), cosignerv1.RefusalReason_REFUSAL_REASON_BELOW_FLOOR},
		{"height below the first", block(999, 1), cosignerv1.RefusalReason_REFUSAL_REASON_BELOW_FLOOR},
		{"three eras ahead", echo(13, 0, 1), cosignerv1.RefusalReason_REFUSAL_REASON_TOO_FAR_AHEAD},
		{"era 2^63", echo(1<<63, 0, 1), cosignerv1.RefusalReason_REFUSAL_REASON_TOO_FAR_AHEAD},
		{"height 2^64-1", block(1<<64-1, 1), cosignerv1.RefusalReason_REFUSAL_REASON_TOO_FAR_AHEAD},
		{"round 7200", echo(10, 7200, 1), cosignerv1.RefusalReason_REFUSAL_REASON_TOO_FAR_AHEAD},
		{"second instance of an era", second, cosignerv1.RefusalReason_REFUSAL_REASON_OTHER_INSTANCE},
		{"other chain", otherChain, cosignerv1.RefusalReason_REFUSAL_REASON_UNSUPPORTED},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := r.ask(t.Context(), "node-a", c.m)
			wantReason(t, err, c.want)
		})
	}
	t.Run("signed by another node", func(t *testing.T) {
		m := echo(10, 6, 1)
		_, err := r.Sign(t.Context(), watermark.Claim{Message: m, Node: "node-a",
			Signature: r.cluster.Request(t, "node-b", m)})
		wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_BAD_REQUEST_SIGNATURE)
	})
	t.Run("signature of another message", func(t *testing.T) {
		_, err := r.Sign(t.Context(), watermark.Claim{Message: echo(10, 6, 1), Node: "node-a",
			Signature: r.cluster.Request(t, "node-a", echo(10, 6, 2))})
		wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_BAD_REQUEST_SIGNATURE)
	})
	if n := r.log.claims(); n > 3 { // the echo of era 10, and what only the state machine refuses
		t.Errorf("%d commands reached the log; the leader must refuse before it proposes", n)
	}
}

// TestGivenUp: a request whose asker has given up, or that was found after a pause, binds nothing.
func TestGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.ask(ctx, "node-a", echo(10, 0, 1)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("got %v, want unavailable", err)
		}
		r.steady = false
		if _, err := r.ask(t.Context(), "node-a", echo(10, 0, 1)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("got %v, want unavailable", err)
		}
		r.steady = true
		r.quorum.fail = errors.New("too few cosigners")
		if _, err := r.ask(t.Context(), "node-a", echo(10, 0, 1)); !errors.Is(err, ErrUnavailable) {
			t.Errorf("got %v, want unavailable", err)
		}
		synctest.Wait() // a claim may outlive its asker
		if n := r.log.claims(); n != 0 {
			t.Errorf("%d claims reached the log", n)
		}
	})
}

// TestFinishOutlivesAsker: once claimed, a slot is finished although its asker is gone, and both
// nodes share one round.
func TestFinishOutlivesAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.quorum.blocked = make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
		defer cancel()
		if _, err := r.ask(ctx, "node-a", echo(10, 0, 1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want deadline exceeded", err)
		}
		close(r.quorum.blocked)
		synctest.Wait()
		a, err := r.ask(t.Context(), "node-b", echo(10, 0, 2))
		if err != nil || a.Message != casper.Message(echo(10, 0, 1)) || r.quorum.rounds != 1 {
			t.Errorf("got %v, %v after %d rounds; want the held echo after one", a, err, r.quorum.rounds)
		}
	})
}

// TestRace: two values for one slot at the same instant from both nodes; both get the same one.
func TestRace(t *testing.T) {
	r := newRig(t, nil)
	for round := range uint32(200) {
		var got [2]Answer
		var wait sync.WaitGroup
		for i, node := range []string{"node-a", "node-b"} {
			wait.Go(func() {
				var err error
				if got[i], err = r.ask(t.Context(), node, echo(10, round, byte(i))); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if got[0].Message != got[1].Message {
			t.Fatalf("round %d: two values were answered: %v and %v", round, got[0].Message, got[1].Message)
		}
	}
}

// TestHandOver: a leader that cannot sign for a second while asked hands over; one success in
// between resets it.
func TestHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.quorum.fail = errors.New("too few cosigners")
		ask := func() { _, _ = r.ask(t.Context(), "node-a", echo(10, 0, 1)) }
		ask()
		time.Sleep(900 * time.Millisecond)
		ask()
		if r.handed.Load() != 0 {
			t.Error("handed over before a second was up")
		}
		time.Sleep(100 * time.Millisecond)
		ask()
		if r.handed.Load() != 1 {
			t.Errorf("%d hand-overs after a second, want 1", r.handed.Load())
		}
	})
}

// TestNobodyHoldsStuckLeader: a leader that can sign nothing hands over, also while a node asks it
// for what was signed before, for what others dispute and for what is refused.
func TestNobodyHoldsStuckLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.mustSign("node-a", echo(10, 0, 1))
		for range 12 {
			r.quorum.fail, r.quorum.disputed = errors.New("too few cosigners"), false
			_, _ = r.ask(t.Context(), "node-a", echo(10, 1, 1))
			r.quorum.fail = nil
			if _, err := r.ask(t.Context(), "node-b", echo(10, 0, 1)); err != nil {
				t.Error("it was signed before:", err)
			}
			if _, err := r.ask(t.Context(), "node-b", echo(2, 0, 1)); err == nil {
				t.Error("below the floor")
			}
			r.quorum.disputed = true
			if _, err := r.ask(t.Context(), "node-b", echo(10, 1, 1)); !errors.Is(err, ErrDisputed) {
				t.Errorf("got %v, want disputed", err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if r.handed.Load() != 1 {
			t.Errorf("%d hand-overs in 1.2 s in which nothing was signed, want 1", r.handed.Load())
		}
	})
}

// TestHungLog: neither a log that does not answer nor askers with short deadlines hide from it that
// nothing is signed.
func TestHungLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.log.hang = true
		for range 8 {
			ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
			if _, err := r.ask(ctx, "node-a", echo(10, 0, 1)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want deadline exceeded", err)
			}
			cancel()
		}
		if r.handed.Load() == 0 {
			t.Error("a leader whose log hangs did not hand over")
		}
		time.Sleep(finishWithin) // the last claims end
	})
}

// TestGivingUpUnseatsNobody: a node that gives up all its requests, or asks for what other
// cosigners dispute, does not make a sound leader hand over.
func TestGivingUpUnseatsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.mustSign("node-a", echo(10, 0, 1))
		for i := range 100 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(25*time.Millisecond, cancel)
			if _, err := r.ask(ctx, "node-b", echo(10, 1, byte(i))); !errors.Is(err, ErrUnavailable) {
				t.Errorf("got %v, want unavailable", err)
			}
			cancel()
		}
		r.signatures = newSignatures()
		r.quorum.disputed = true
		for range 100 {
			if _, err := r.ask(t.Context(), "node-b", echo(10, 0, 2)); !errors.Is(err, ErrDisputed) {
				t.Errorf("got %v, want disputed", err)
			}
			time.Sleep(25 * time.Millisecond)
		}
		if r.handed.Load() != 0 {
			t.Errorf("%d hand-overs", r.handed.Load())
		}
	})
}

// TestFloodAfterLeaderChange: nor does a hostile standby get rounds ahead from a leader that has
// not heard of the active node yet.
func TestFloodAfterLeaderChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.mustSign("node-a", echo(10, 7, 1))
		next := newRig(t, nil) // another cosigner, with the same log
		next.log.state = r.log.state
		for round := uint32(9); round < 60; round++ {
			_, err := next.ask(t.Context(), "node-b", echo(10, round, 66))
			wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_NOT_PREFERRED)
		}
		next.mustSign("node-b", echo(10, 8, 1)) // it may be that the active node is dead
	})
}

// TestFollower: only a leader answers.
func TestFollower(t *testing.T) {
	r := newRig(t, nil)
	r.log.follower = true
	if _, err := r.ask(t.Context(), "node-a", echo(10, 0, 1)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
}

// TestKept: another cosigner's word for a signature is checked before it is passed on.
func TestKept(t *testing.T) {
	r := newRig(t, nil)
	r.mustSign("node-a", echo(10, 0, 1))
	digest := casper.Digest(echo(10, 0, 1))
	r.signatures = newSignatures()
	r.Keep(digest, casper.Signature{1})
	r.mustSign("node-b", echo(10, 0, 1))
	for i := range keptSignatures + 10 {
		r.signatures.put(casper.Hash{1, byte(i), byte(i >> 8), byte(i >> 16)}, casper.Signature{})
	}
	if n := len(r.signatures.byDigest); n != keptSignatures {
		t.Errorf("%d signatures are kept, want %d", n, keptSignatures)
	}
}

// TestWalk: a hostile node that is the only one to ask cannot move the marks faster than four
// times the chain.
func TestWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.mustSign("node-b", echo(10, 0, 1))
		time.Sleep(time.Minute) // until the active node is taken for gone
		start, era := time.Now(), uint64(10)
		for time.Since(start) < 6*time.Hour {
			if _, err := r.ask(t.Context(), "node-b", echo(era+1, 0, 1)); err == nil {
				era++
			} else {
				wantReason(t, err, cosignerv1.RefusalReason_REFUSAL_REASON_TOO_FAR_AHEAD)
				time.Sleep(time.Minute)
			}
		}
		if walked := era - 10; walked > 2+4*3 {
			t.Errorf("walked %d eras in the time of 3", walked)
		}
	})
}

func ExampleRefusal() {
	fmt.Println(unserved(refusal.PointsTooOften))
	// Output: refused, REFUSAL_REASON_TOO_MANY: this node has registered other TLS keys within the last minute, too many; wait and try again
}

// TestFork: a standby on a fork takes no height while the active node is well.
func TestFork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.mustSign("node-a", block(1000, 1))
		for height := uint64(1001); height < 1020; height++ {
			time.Sleep(7 * time.Second)
			var standby sync.WaitGroup
			standby.Go(func() {
				a, err := r.ask(t.Context(), "node-b", block(height, 66))
				if err != nil || a.Message != casper.Message(block(height, 1)) {
					t.Errorf("height %d: got %v, %v; want the active node's block", height, a, err)
				}
			})
			time.Sleep(time.Second)
			r.mustSign("node-a", echo(10, uint32(height-1000), 1))
			r.mustSign("node-a", block(height, 1))
			standby.Wait()
		}
	})
}
