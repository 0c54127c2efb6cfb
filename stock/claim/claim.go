// Package claim is how the gate of a stock node asks whether the node may sign.
//
// It promises to believe nobody, the node's agent neither: a message is granted, or its slot bound
// to another one, only by the attestations of a threshold of cosigners of the cluster file of this
// host, which come with the answer. Everything else is an error after which the slot may or may not
// hold the message. While asking again may find out, it asks again, as long as its caller waits;
// also after a refusal, which nobody attests: whoever leads may refuse what it likes, and another
// one may lead a second later.
//
// It leaves to others what a message is and whose (the gate), what suffices (rule/attest), and how
// long it is worth waiting for.
package claim

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
)

// HeldError says that the slot holds another message, which is proven: the one that was claimed
// must never be sent.
type HeldError struct{ Held casper.Message }

// Error says what the slot holds.
func (e *HeldError) Error() string {
	slot, _ := casper.SlotOf(e.Held)
	return fmt.Sprintf("%v holds another value, %v", slot, casper.Digest(e.Held))
}

// RefusedError says that the message may not be signed now, and why, by the word of whoever
// answered.
type RefusedError struct {
	Reason cosignerv1.RefusalReason
	Detail string // for people: what happened and what to do
}

// Error returns reason and detail.
func (e *RefusedError) Error() string { return fmt.Sprintf("refused, %v: %s", e.Reason, e.Detail) }

// Never reports whether the slot is free, and nothing is granted there to this node any more. What
// is bound is told whatever the floor and the node's instance are.
func (e *RefusedError) Never() bool {
	return e.Reason == cosignerv1.RefusalReason_REFUSAL_REASON_BELOW_FLOOR ||
		e.Reason == cosignerv1.RefusalReason_REFUSAL_REASON_OTHER_INSTANCE
}

// unproven says that an answer is not borne out here, and what to do about that.
func unproven(err error) error {
	return fmt.Errorf("the agent answers what the gate's own cluster file does not bear out. If the cluster was founded "+
		"anew, or a cosigner has another key: put the present cluster file in its place, and start the gate and then the "+
		"node again. If not, somebody else answers at the agent's socket: look into this host: %w", err)
}

// The pause before a claim is asked again; before one that was refused for what seldom passes.
const (
	askAgain  = 20 * time.Millisecond
	askSeldom = 10 * askAgain
)

// reconnect is how often an agent that is gone is looked for: it may be back at once.
func reconnect() grpc.ConnectParams {
	return grpc.ConnectParams{MinConnectTimeout: time.Second,
		Backoff: backoff.Config{BaseDelay: askAgain, Multiplier: 1.5, MaxDelay: 5 * askAgain}}
}

// passes reports whether a refusal is one that passes by itself as a rule: it is another node's
// turn, the chain cannot be so far yet, too much is in hand, or the log has gone on.
func passes(err error) bool {
	var refused *RefusedError
	if !errors.As(err, &refused) {
		return true
	}
	switch refused.Reason {
	case cosignerv1.RefusalReason_REFUSAL_REASON_NOT_PREFERRED, cosignerv1.RefusalReason_REFUSAL_REASON_TOO_FAR_AHEAD,
		cosignerv1.RefusalReason_REFUSAL_REASON_TOO_MANY, cosignerv1.RefusalReason_REFUSAL_REASON_STALE:
		return true
	}
	return false
}

// final reports whether asking again is of no use: the slot is proven to hold something else; or
// nothing is granted there any more, and no node waits for what was signed already.
func final(err error, old bool) bool {
	var held *HeldError
	var refused *RefusedError
	return errors.As(err, &held) || old && errors.As(err, &refused) && refused.Never()
}

// Config is what a Client is made of.
type Config struct {
	Socket    string         // of the agent
	Attesters attest.Cluster // whose word counts, by the cluster file of this host
}

// Client asks one agent. Dial makes one. It may be used concurrently.
type Client struct {
	conn *grpc.ClientConn
	c    cosignerv1.ClaimServiceClient
	i    cosignerv1.InstanceServiceClient
	who  attest.Cluster

	found atomic.Pointer[casper.Round] // what made the last instance
}

// Dial returns a client of the agent. It connects when it is asked, and again after the agent was
// started anew.
func Dial(c Config) (*Client, error) {
	conn, err := grpc.NewClient("unix:"+c.Socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(reconnect()))
	if err != nil {
		return nil, fmt.Errorf("reaching the agent at %s: %w", c.Socket, err)
	}
	return &Client{conn: conn, c: cosignerv1.NewClaimServiceClient(conn), i: cosignerv1.NewInstanceServiceClient(conn),
		who: c.Attesters}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Keys returns a client of what the agent serves to a gate whose node's key the cosigners keep.
func (c *Client) Keys() cosignerv1.KeyServiceClient { return cosignerv1.NewKeyServiceClient(c.conn) }

// Claim returns the proof that the node may sign the message, an echo or a vote, from now on, for
// ever. With a *HeldError it never may; with any other error nothing is known. The node is waited
// for while ctx lasts, which must have an end: what stands against a claim now, an agent that is
// just being started too, may pass. A claim whose asker is gone binds nothing that was not on its
// way.
func (c *Client) Claim(ctx context.Context, m casper.Message) (attest.Proof, error) {
	return c.claim(ctx, m, wire.Claim(m))
}

func (c *Client) claim(ctx context.Context, m casper.Message, r *cosignerv1.ClaimRequest) (attest.Proof, error) {
	var why error
	for {
		proof, err := c.once(ctx, m, r)
		if err == nil || final(err, len(r.GetSignedAlready()) > 0) {
			return proof, err
		}
		if why == nil || ctx.Err() == nil { // else it says no more than that time was over
			why = err
		}
		wait := askAgain
		if !passes(err) {
			wait = askSeldom
		}
		pause := time.NewTimer(wait)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return attest.Proof{}, fmt.Errorf("claiming %v in vain: %w: %w", m.Kind(), ctx.Err(), why)
		}
	}
}

// once asks once. It returns a proof of the very message, or an error.
func (c *Client) once(ctx context.Context, m casper.Message, request *cosignerv1.ClaimRequest) (attest.Proof, error) {
	r, err := c.c.Claim(ctx, request, grpc.WaitForReady(true))
	if err != nil {
		return attest.Proof{}, fmt.Errorf("asking the agent: %w", err)
	}
	if no := r.GetRefused(); no != nil {
		return attest.Proof{}, &RefusedError{Reason: no.GetReason(), Detail: no.GetDetail()}
	}
	answer, err := wire.AnswerToClaim(m, r)
	if err != nil {
		return attest.Proof{}, fmt.Errorf("reading the agent's answer; run the same version of agent and gate: %w", err)
	}
	proof, err := c.who.Settle(m, answer.Held, answer.Attestations)
	if err != nil {
		return attest.Proof{}, unproven(err)
	}
	if answer.Held != m {
		return attest.Proof{}, &HeldError{Held: answer.Held}
	}
	return proof, nil
}
