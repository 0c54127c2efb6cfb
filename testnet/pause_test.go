package testnet

import (
	"context"
	"sync"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
)

const (
	piledUp  = 50
	patience = 100 * time.Millisecond // of the node whose requests pile up
	// halted is longer than what passes for no pause (package pulse). With what the leader has not
	// heard for when it begins, it is as a rule shorter than its lease of 200 ms, so that it
	// goes on leading.
	halted = 165 * time.Millisecond
)

// TestPausedLeaderBindsNothing halts the leader while requests pile up in its sockets, until their
// asker has given up. When it goes on it must bind none of them: the other node gets its own value
// in every slot. In one half of the acts the cancellations lie in the sockets behind the requests;
// in the other the asker's agent is halted too and sends none.
func TestPausedLeaderBindsNothing(t *testing.T) {
	const acts, wanted = 16, 2
	r := newRig(t, fast())
	free := freeRounds(1)
	counted := map[bool]int{}
	for act := 0; act < acts && min(counted[false], counted[true]) < wanted; act++ {
		silent := act%2 == 1
		leader := r.ready()
		r.until(r.a, free.Next()) // so that the agent knows the leader
		messages := make([]casper.Message, piledUp)
		for i := range messages {
			messages[i] = free.Next()
		}
		led := r.pileUp(leader, messages, silent)
		t.Logf("act %d, agent halted too %v: %s led all the time: %v", act, silent, leader.Name, led)
		if led {
			counted[silent]++
		}
	}
	if min(counted[false], counted[true]) == 0 {
		t.Skipf("NOT RUN: in %d acts the leader lost its lease during a halt of %v; the machine is too busy", acts, halted)
	}
}

// pileUp halts the leader, asks it for all messages and lets it go on when the asker has given up.
// Then the standby asks for other values. It reports whether the leader led all the time, so that
// the act proves something.
func (r *rig) pileUp(leader *Process, messages []casper.Message, silent bool) bool {
	r.t.Helper()
	defer leader.Cont()
	r.halt(leader)
	goesOn := time.Now().Add(halted)
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	answers := make([]Answer, len(messages))
	var asking sync.WaitGroup
	for i, m := range messages {
		asking.Go(func() { answers[i] = r.once(ctx, r.a, m) })
	}
	if silent {
		agent := r.Agents[0]
		defer agent.Cont()
		if err := Pause(ctx, patience/2); err != nil {
			r.t.Fatal(err)
		}
		r.halt(agent)
	}
	asking.Wait()
	if err := Pause(r.t.Context(), time.Until(goesOn)); err != nil {
		r.t.Fatal(err)
	}
	if err := leader.Cont(); err != nil {
		r.t.Fatal(err)
	}
	for _, a := range answers {
		if a.Kind != Unknown {
			return false // somebody else leads, and answered
		}
	}
	return r.askAfterPause(leader, messages)
}

// askAfterPause asks the standby for another value in every slot. It reports whether the leader is
// still the same.
func (r *rig) askAfterPause(leader *Process, messages []casper.Message) bool {
	r.t.Helper()
	same, bound := true, 0
	for _, m := range messages {
		a := r.until(r.b, Other(m))
		if a.Kind == Bound {
			bound++
		}
		same = same && a.DecidedBy == leader.Name
	}
	if bound > 0 {
		r.t.Errorf("%d of %d slots were bound to requests whose asker had given up", bound, len(messages))
	}
	return same
}

func (r *rig) halt(p *Process) {
	r.t.Helper()
	if err := p.Stop(); err != nil {
		r.t.Fatal(err)
	}
}
