package claim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
)

// errOther says that what was told makes another instance: a fault of whoever found it.
var errOther = errors.New("what was found makes another instance, or the message is neither an echo nor a vote")

// Asker claims what a gate has of a message: its short form, which names the instance only.
type Asker struct {
	Client *Client
	Old    bool // what it claims was signed before anybody was asked, so that no role keeps it from its slot
}

// Claim is Client.Claim. It waits until the agent knows what the instance is made of, never
// guesses, and claims nothing but the very message.
func (a Asker) Claim(ctx context.Context, own casper.Ballot) (attest.Proof, error) {
	for {
		round, err := a.Client.round(ctx, own.Instance)
		if err == nil {
			m, ok := own.Message(round)
			if !ok {
				return attest.Proof{}, fmt.Errorf("claiming %v: %w", own, errOther)
			}
			r := wire.Claim(m)
			// Of any other message the agent must not see the signature: it could send what is refused.
			if a.Old {
				r.SignedAlready = own.Signature[:]
			}
			return a.Client.claim(ctx, m, r)
		}
		pause := time.NewTimer(askAgain)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return attest.Proof{}, fmt.Errorf("claiming %v in vain: %w: %w", own, ctx.Err(), err)
		}
	}
}

// Era returns the era of an instance, if the agent knows it now.
func (a Asker) Era(ctx context.Context, instance casper.Hash) (uint64, error) {
	o, err := a.Client.Find(ctx, instance)
	return o.Era, err
}

// round is what an instance is made of. Of the one that was found last the agent is not asked
// again, for a node waits: what makes an instance makes it for ever.
func (c *Client) round(ctx context.Context, instance casper.Hash) (casper.Round, error) {
	if last := c.found.Load(); last != nil && last.Instance() == instance {
		return *last, nil
	}
	o, err := c.Find(ctx, instance)
	if err == nil {
		c.found.Store(&o.Round)
	}
	return o.Round, err
}

// Signed returns what our key signed in an instance on any of our nodes, as far as the agent heard
// of it, which is not verified here; and our key's index, nil if the agent does not know.
func (a Asker) Signed(ctx context.Context, instance casper.Hash) (all []casper.Ballot, index *uint32, err error) {
	r, err := a.Client.i.Signed(ctx, &cosignerv1.SignedRequest{Instance: instance[:]}, grpc.WaitForReady(true))
	if err != nil {
		return nil, nil, fmt.Errorf("asking the agent: %w", err)
	}
	if o, err := a.Client.Find(ctx, instance); err == nil {
		index = o.Index
	}
	for _, told := range r.GetBallots() {
		if b, ok := wire.Ballot(told); ok {
			all = append(all, b)
		}
	}
	return all, index, nil
}

// Origin is what an instance is made of.
type Origin struct {
	casper.Round         // without what is of a round only
	Index        *uint32 // of our validator in that era; nil if the agent did not hear it from its node
}

// Find asks what the instance is made of. What the agent tells makes that instance, or is an error.
func (c *Client) Find(ctx context.Context, instance casper.Hash) (Origin, error) {
	r, err := c.i.Find(ctx, &cosignerv1.FindRequest{Instance: instance[:]}, grpc.WaitForReady(true))
	if err != nil {
		return Origin{}, fmt.Errorf("asking the agent: %w", err)
	}
	told := r.GetOrigin()
	if told == nil {
		return Origin{}, errors.New(r.GetMissing())
	}
	o := Origin{Round: casper.Round{Era: told.GetEra()}, Index: told.ValidatorIndex}
	err = errors.Join(wire.Copy(o.Chainspec[:], told.GetChainspecHash(), "chainspec_hash"),
		wire.Copy(o.KeyBlock[:], told.GetKeyBlockHash(), "key_block_hash"))
	if err == nil && o.Instance() != instance {
		err = errOther
	}
	if err != nil {
		return Origin{}, fmt.Errorf("reading the agent's answer: %w", err)
	}
	return o, nil
}
