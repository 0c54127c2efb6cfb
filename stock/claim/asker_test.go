package claim_test

import (
	"context"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/claim"
)

// TestAsker: what a gate has of a message is claimed as that very message, once it is known what
// its instance is made of, and never as another one.
func TestAsker(t *testing.T) {
	agent := &told{}
	agent.tell(granted(yes))
	own, _ := casper.BallotOf(yes)
	looks := 0
	found := func(after int, r casper.Round) claim.Asker {
		looks = 0
		return claim.Asker{Client: serve(t, agent), Find: func(instance casper.Hash) (casper.Round, bool) {
			looks++
			return r, looks > after && instance == yes.Instance()
		}}
	}
	within := func(a claim.Asker, d time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		return a.Claim(ctx, own)
	}
	if err := within(found(3, casper.Round{Era: yes.Era}), time.Minute); err != nil {
		t.Error(err)
	}
	if n, last := agent.heard(); n != 1 || last != casper.Message(yes) {
		t.Errorf("asked %d times, for %v", n, last)
	}
	agent.tell(granted(yes))
	if err := within(found(0, casper.Round{Era: yes.Era + 1}), time.Minute); err == nil {
		t.Error("another era's message was granted")
	}
	if err := within(found(1<<30, casper.Round{}), soon); err == nil {
		t.Error("granted, and nothing is known of the instance")
	}
	if n, _ := agent.heard(); n != 0 {
		t.Errorf("the agent was asked %d times", n)
	}
}
