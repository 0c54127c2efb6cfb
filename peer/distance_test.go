package peer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/timing"
)

const gather = cosignerv1.PeerService_Gather_FullMethodName

// asker asks c2 over c1's admission, without a network: each call takes as long as the test says.
type asker struct {
	t    *testing.T
	side *side
	*Admission
}

func newAsker(t *testing.T) *asker {
	s := newSide(1)
	return &asker{t: t, side: s, Admission: New("c1", nil, s)}
}

// call makes one call, which is answered after so long, or fails then.
func (a *asker) call(method string, took time.Duration, fails error) {
	a.t.Helper()
	theirs := text(a.t, newSide(2).Presence())
	answer := func(_ context.Context, _ string, _, _ any, _ *grpc.ClientConn, options ...grpc.CallOption) error {
		time.Sleep(took)
		for _, o := range options {
			if h, ok := o.(grpc.HeaderCallOption); ok {
				*h.HeaderAddr = metadata.Pairs(header, theirs)
			}
		}
		return fails
	}
	ask := func(ctx context.Context, method string, r, to any, conn *grpc.ClientConn, o ...grpc.CallOption) error {
		return a.ask("c2")(ctx, method, r, to, conn, answer, o...)
	}
	err := a.measure("c2")(a.t.Context(), method, nil, nil, nil, ask)
	if (err != nil) != (fails != nil || a.side.refuse != nil) {
		a.t.Fatal(err)
	}
}

func (a *asker) want(what string, want time.Duration) {
	a.t.Helper()
	if got, ok := a.Distance("c2"); got != want || ok != (want > 0) {
		a.t.Errorf("%s: %v, %v; want %v", what, got, ok, want)
	}
}

// TestDistance is one cosigner's way as it is measured, changes, and is lost.
func TestDistance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAsker(t)
		a.want("nothing was asked yet", 0)
		a.call(gather, 240*time.Millisecond, nil) // with the connection and TLS
		a.call(gather, 80*time.Millisecond, nil)
		a.want("two answers", 0)
		a.call(gather, 81*time.Millisecond, nil)
		a.want("three", 81*time.Millisecond)
		for range timing.Remembered {
			a.call(gather, 80*time.Millisecond, nil)
		}
		for range timing.Remembered/2 - 1 {
			a.call(gather, time.Second, nil)
		}
		a.want("stalls", 80*time.Millisecond)
		for range timing.Remembered/2 + 1 {
			a.call(gather, 30*time.Millisecond, nil)
		}
		a.want("another route", 30*time.Millisecond)

		// A share waits for a disk, and a signature that is passed on for everything.
		for range 2 * timing.Remembered {
			a.call(cosignerv1.CosignerService_Share_FullMethodName, time.Second, nil)
			a.call(cosignerv1.SignerService_Sign_FullMethodName, time.Second, nil)
		}
		a.want("other calls", 30*time.Millisecond)
		if _, ok := a.Distance("c3"); ok {
			t.Error("another cosigner's distance is known")
		}
	})
}

// TestGatherMeasures: it does so on the connections that are made.
func TestGatherMeasures(t *testing.T) {
	p := newPair(t)
	a := New("c1", nil, p.c1)
	p.conn = p.dial(a.DialOptions("c2")...)
	for range timing.Enough {
		if _, err := cosignerv1.NewPeerServiceClient(p.conn).Gather(t.Context(), &cosignerv1.GatherRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	if got, ok := a.Distance("c2"); !ok || got <= 0 {
		t.Errorf("got %v, %v", got, ok)
	}
}

// TestDistanceIsForgotten: one that no longer answers, or on a state that is refused, is nowhere in
// the end; a pause changes nothing.
func TestDistanceIsForgotten(t *testing.T) {
	gone := errors.New("gone")
	synctest.Test(t, func(t *testing.T) {
		for name, refuse := range map[string]error{"failed": nil, "refused": errOlder} {
			a := newAsker(t)
			fails := gone
			if refuse != nil {
				fails = nil
			}
			miss := func(times int) {
				a.side.refuse = refuse
				for range times {
					a.call(gather, time.Millisecond, fails)
				}
				a.side.refuse = nil
			}
			miss(1)
			for range timing.Enough {
				a.call(gather, 80*time.Millisecond, nil)
			}
			miss(timing.ForgottenAfter - 1)
			a.want(name+" for a while", 80*time.Millisecond)
			a.call(gather, 80*time.Millisecond, nil)
			miss(timing.ForgottenAfter - 1)
			a.want(name+" again, after an answer", 80*time.Millisecond)
			miss(1)
			a.want(name+" for long", 0)
		}
	})
}
