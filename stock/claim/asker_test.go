package claim_test

import (
	"context"
	"errors"
	"testing"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/stock/claim"
)

// knowing is what an agent says of instances.
type knowing struct {
	cosignerv1.UnimplementedInstanceServiceServer
	after int // so many questions
	of    casper.Round
	asked int
}

func (k *knowing) Find(context.Context, *cosignerv1.FindRequest) (*cosignerv1.FindResponse, error) {
	if k.asked++; k.asked <= k.after {
		return &cosignerv1.FindResponse{Missing: "not heard of"}, nil
	}
	return &cosignerv1.FindResponse{Origin: &cosignerv1.Origin{Era: k.of.Era, ChainspecHash: k.of.Chainspec[:],
		KeyBlockHash: k.of.KeyBlock[:]}}, nil
}

// TestAsker: what a gate has of a message is claimed as that very message, once it is known what
// its instance is made of, and never as another one.
func TestAsker(t *testing.T) {
	agent := &told{}
	agent.tell(granted(yes))
	own, _ := casper.BallotOf(yes)
	within := func(knows *knowing, d time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		agent.tell(granted(yes))
		p, err := claim.Asker{Client: serve(t, agent, knows)}.Claim(ctx, own)
		if p.Of(own) != (err == nil) {
			t.Errorf("the proof is of it: %v; error: %v", p.Of(own), err)
		}
		return err
	}
	if err := within(&knowing{after: 3, of: casper.Round{Era: yes.Era}}, time.Minute); err != nil {
		t.Error(err)
	}
	if n, last := agent.heard(); n != 1 || last != casper.Message(yes) {
		t.Errorf("asked %d times, for %v", n, last)
	}
	if err := within(&knowing{of: casper.Round{Era: yes.Era + 1}}, soon); err == nil {
		t.Error("another era's message was granted")
	}
	if err := within(&knowing{after: 1 << 30}, soon); err == nil {
		t.Error("granted, and nothing is known of the instance")
	}
	if n, _ := agent.heard(); n != 0 {
		t.Errorf("the agent was asked %d times", n)
	}
}

// TestAskerOfOld: for what was signed already no node waits, so that what is never granted is told
// at once; what may pass is asked again, and so is all that a node waits for.
func TestAskerOfOld(t *testing.T) {
	agent := &told{}
	client := serve(t, agent, &knowing{of: casper.Round{Era: yes.Era}})
	own, _ := casper.BallotOf(yes)
	for why, never := range map[refusal.Reason]bool{refusal.BelowFloor: true, refusal.OtherInstance: true,
		refusal.TooFarAhead: false, refusal.Suspended: false, refusal.NotActive: false} {
		for _, old := range []bool{false, true} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			agent.tell(refused(why), granted(yes))
			_, err := claim.Asker{Client: client, Old: old}.Claim(ctx, own)
			cancel()
			var no *claim.RefusedError
			if atOnce := errors.As(err, &no) && no.Never(); atOnce != (never && old) || !atOnce && err != nil {
				t.Errorf("%v, old %v: %v", why, old, err)
			}
		}
	}
}

// TestAskerRemembers: what made an instance is asked once, and makes no other one.
func TestAskerRemembers(t *testing.T) {
	agent, knows := &told{}, &knowing{of: casper.Round{Era: yes.Era}}
	asker := claim.Asker{Client: serve(t, agent, knows)}
	own, _ := casper.BallotOf(yes)
	for range 3 {
		agent.tell(granted(yes))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if p, err := asker.Claim(ctx, own); !p.Of(own) {
			t.Error(err)
		}
		cancel()
	}
	if knows.asked != 1 {
		t.Errorf("the agent was asked %d times", knows.asked)
	}
	own.Instance[0]++
	agent.tell(granted(yes))
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if _, err := asker.Claim(ctx, own); err == nil {
		t.Error("another instance's message was granted")
	}
	if n, _ := agent.heard(); n != 0 || knows.asked == 1 {
		t.Errorf("for another instance the agent was asked %d times for a claim, %d times for the instance", n, knows.asked)
	}
}

// TestFind: what an agent tells counts only if it makes the very instance.
func TestFind(t *testing.T) {
	find := func(of casper.Round) (claim.Origin, error) {
		return serve(t, &told{}, &knowing{of: of}).Find(t.Context(), yes.Instance())
	}
	want := casper.Round{Era: yes.Era}
	if o, err := find(want); err != nil || o.Round != want || o.Index != nil {
		t.Errorf("found %+v, %v", o, err)
	}
	for _, wrong := range []casper.Round{{Era: yes.Era + 1}, {Era: yes.Era, Chainspec: casper.Hash{1}},
		{Era: yes.Era, KeyBlock: casper.Hash{1}}} {
		if o, err := find(wrong); err == nil {
			t.Errorf("found %+v for another instance", o)
		}
	}
}
