package testnet

import (
	"math/rand/v2"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
)

// TestKillLeaderAtAnyStep kills the leader at a random moment of a signature. Then only the
// other node asks, and for the other value: whatever the dead leader did or began, the slot
// gets one value.
func TestKillLeaderAtAnyStep(t *testing.T) {
	const (
		rounds = 12
		latest = 6 * time.Millisecond // a signature takes about half of this
	)
	r := newRig(t, fast())
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	free, outcomes := freeRounds(1), map[string]int{}
	for range rounds {
		if t.Failed() {
			return // each unanswered slot costs a quarter of a minute
		}
		leader := r.ready()
		r.until(r.a, free.Next()) // so that the agent knows the leader
		delay := time.Duration(random.Int64N(int64(latest)))
		outcome := r.killWhileSigning(leader, free.Next(), delay)
		t.Logf("%s killed after %v: %s", leader.Name, delay, outcome)
		outcomes[outcome]++
		if err := leader.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r.ready()
	r.askOthers()
	t.Logf("outcomes: %v", outcomes)
}

// killWhileSigning has the main ask for the message and kills the leader meanwhile. It says
// what that led to.
func (r *rig) killWhileSigning(leader *Process, m casper.Message, delay time.Duration) string {
	r.t.Helper()
	first := make(chan Answer, 1)
	go func() { first <- r.once(r.t.Context(), r.a, m) }()
	if err := Pause(r.t.Context(), delay); err != nil {
		r.t.Fatal(err)
	}
	if err := leader.Kill(); err != nil {
		r.t.Fatal(err)
	}
	before := <-first
	other := r.until(r.b, Other(m))
	again := r.until(r.a, m)
	if held := other.Message(Other(m)); held != again.Message(m) {
		r.t.Errorf("one node is told %v, the other %v", held, again.Message(m))
	}
	switch {
	case before.Kind == Bound || before.Kind == Refused:
		r.t.Errorf("a free slot was answered with %s %s", before.Kind, before.Reason)
	case before.Kind == Signed:
		return "signed before the kill"
	case other.Kind == Bound:
		return "bound before the kill, finished by another leader"
	}
	return "not bound, the other value is signed"
}
