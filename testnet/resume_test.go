package testnet

import (
	"context"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
)

// resumePatience is of a node whose request is on its way while its agent stands still.
const resumePatience = 30 * time.Second

// TestOldMainResumes halts main's agent with requests in flight, makes the standby active and lets
// the old main go on. In fenced mode it is refused a free slot; what the standby has bound
// meanwhile it is told, in either mode.
func TestOldMainResumes(t *testing.T) {
	for _, mode := range []string{"hot", "fenced"} {
		t.Run(mode, func(t *testing.T) {
			r := newRig(t, Settings{MinEra: time.Second, MinBlock: time.Second})
			free := freeRounds(1)
			r.until(r.a, free.Next())
			if mode == "fenced" {
				r.change("mode", "fenced")
			}
			taken, untaken := free.Next(), free.Next()
			agent := r.Agents[0]
			defer agent.Cont() //nolint:errcheck // it runs already, if the test came to its end
			r.halt(agent)
			inFlight := map[casper.Message]chan Answer{taken: make(chan Answer, 1), untaken: make(chan Answer, 1)}
			for m, answer := range inFlight {
				go func() { answer <- r.a.Ask(t.Context(), m, resumePatience) }()
			}
			r.change("promote", Standby, "--force")
			if a := r.until(r.b, Other(taken)); a.Kind != Signed {
				t.Fatalf("the standby, active now, got %s %s", a.Kind, a.Reason)
			}
			if err := agent.Cont(); err != nil {
				t.Fatal(err)
			}
			for m, answer := range inFlight {
				a := <-answer
				t.Logf("in flight, taken meanwhile %v: %s %s", m == taken, a.Kind, a.Reason)
				r.witness.note(m, a)
				r.wantOfOldMain(mode, m == taken, a, true)
			}
			r.wantOfOldMain(mode, true, r.answer(r.a, taken), false)
			if mode == "fenced" {
				r.wantOfOldMain(mode, false, r.answer(r.a, untaken), false)
			}
		})
	}
}

// wantOfOldMain checks an answer to a node that was main and has been replaced. An agent that has
// just been paused may give none.
func (r *rig) wantOfOldMain(mode string, taken bool, a Answer, mayBeNone bool) {
	r.t.Helper()
	switch {
	case mayBeNone && a.Kind == Unknown:
	case taken && a.Kind == Bound:
	case !taken && mode == "fenced" && a.Kind == Refused && a.Reason == "NOT_ACTIVE":
	case !taken && mode == "hot" && a.Kind != Bound:
	default:
		r.t.Errorf("%s mode, slot taken by the other %v: the old main got %s %s", mode, taken, a.Kind, a.Reason)
	}
}

// change runs a change of roles as an operator does.
func (r *rig) change(args ...string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), answered)
	defer cancel()
	if err := r.Failover(ctx, append(args, "--reason=test")...); err != nil {
		r.t.Fatal(err)
	}
}

// answer asks until there is any answer.
func (r *rig) answer(n *Node, m casper.Message) Answer {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), answered)
	defer cancel()
	for {
		a := r.once(ctx, n, m)
		if a.Kind != Unknown || Pause(ctx, askAgain) != nil {
			return a
		}
	}
}
