package cosigner

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/held"
)

// ownLog is a log that says what a test wants.
type ownLog struct {
	say     func(context.Context, held.Claim) (held.Answer, error)
	applied uint64
}

func (o ownLog) Await(ctx context.Context, c held.Claim) (held.Answer, error) { return o.say(ctx, c) }

func (o ownLog) Applied() uint64 { return o.applied }

// c1Asks is what the log is asked for then.
func c1Asks(slot casper.Slot, m casper.Message) held.Claim {
	return held.Claim{Asker: "c1", Term: 7, Index: 12, Slot: slot, Message: m, Node: "A", AskedAt: 9}
}

// TestShareOnlyForWhatIsHeld: no share leaves, and no ledger takes a slot, but for what the own log
// holds. It is asked for who calls, in which term, by which entry, and for the message itself.
func TestShareOnlyForWhatIsHeld(t *testing.T) {
	never := func(ctx context.Context, _ held.Claim) (held.Answer, error) {
		<-ctx.Done()
		return held.Waits, ctx.Err()
	}
	says := func(a held.Answer) func(context.Context, held.Claim) (held.Answer, error) {
		return func(context.Context, held.Claim) (held.Answer, error) { return a, nil }
	}
	for _, tt := range []struct {
		name string
		say  func(context.Context, held.Claim) (held.Answer, error)
		want codes.Code
	}{
		{"held", says(held.Holds), codes.OK},
		{"another value", says(held.Other), codes.FailedPrecondition},
		{"not there", says(held.Absent), codes.Aborted},
		{"the term is over", says(held.Over), codes.Aborted},
		{"at another date", says(held.Redated), codes.FailedPrecondition},
		{"an answer that nobody knows", says(200), codes.Aborted},
		{"never", never, codes.Unavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAsking(t)
				m := echo(1, 1)
				var asked held.Claim
				a.hosts[1].held = ownLog{say: func(ctx context.Context, c held.Claim) (held.Answer, error) {
					asked = c
					return tt.say(ctx, c)
				}}
				a.restart(1)
				r := a.request(m)
				r.Index, r.AskedAt = 12, 9
				start := time.Now()
				_, err := a.server().Share(a.ctx, r)
				wantCode(t, tt.name, err, tt.want)
				if waited := time.Since(start); waited > heldWithin {
					t.Errorf("it took %v", waited)
				}
				slot, _ := casper.SlotOf(m)
				if want := c1Asks(slot, m); asked != want {
					t.Errorf("the log was asked for %+v, want %+v", asked, want)
				}
				if err := a.hosts[1].ledger.Claim(slot, digest(1)); (err == nil) == (tt.want == codes.OK) {
					t.Errorf("the ledger says %v to another value", err)
				}
			})
		})
	}
}

// TestHandshakeIsInNoLog: a handshake has no slot, and the log is not asked.
func TestHandshakeIsInNoLog(t *testing.T) {
	a := newAsking(t)
	a.hosts[1].held = ownLog{say: func(context.Context, held.Claim) (held.Answer, error) {
		t.Error("the log was asked for a handshake")
		return held.Absent, nil
	}}
	a.restart(1)
	if _, err := a.server().Share(a.ctx, a.request(handshake(tlsPoint(t), tlsPoint(t), 1))); err != nil {
		t.Error(err)
	}
}

// TestQuorumNamesItsEntry: who asks says how far its own log goes, which holds the message, and
// asks its own log like all.
func TestQuorumNamesItsEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCommittee(t, 2, 3)
		var mu sync.Mutex
		asked := map[string]held.Claim{}
		for i, h := range c.hosts {
			h.held = ownLog{applied: uint64(30 + i), say: func(_ context.Context, c held.Claim) (held.Answer, error) {
				mu.Lock()
				defer mu.Unlock()
				asked[h.name] = c
				return held.Holds, nil
			}}
			c.restart(i)
		}
		q, stop := c.leadFilled()
		defer stop()
		c.mustSign(q, echo(1, 1))
		if len(asked) != 2 || asked["c1"].Asker != "c1" {
			t.Fatalf("asked were %+v", asked)
		}
		for name, c := range asked {
			if c.Index != 30 || c.Asker != "c1" || c.Term != 1 {
				t.Errorf("%s was asked for %+v", name, c)
			}
		}
	})
}
