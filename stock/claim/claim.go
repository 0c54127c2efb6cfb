// Package claim is how the gate of a stock node asks whether the node may sign.
//
// It promises to say that a message is granted only if the node's agent answered so to this very
// message, which that does only when a threshold of cosigners attest that its slot holds it, for
// ever. Everything else is an error: a definite no, or that nothing is known, after which the slot
// may or may not hold the message. While asking again may find out, it asks again, for as long as
// its caller waits.
//
// It leaves to others what a message is and whose (the gate), and how long it is worth waiting for.
package claim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
)

// HeldError says that the slot holds another message: the one that was claimed must never be sent.
type HeldError struct{ Held casper.Message }

// Error says what the slot holds.
func (e *HeldError) Error() string {
	slot, _ := casper.SlotOf(e.Held)
	return fmt.Sprintf("%v holds another value, %v", slot, casper.Digest(e.Held))
}

// RefusedError says that the message may not be signed now, and why.
type RefusedError struct {
	Reason cosignerv1.RefusalReason
	Detail string // for people: what happened and what to do
}

// Error returns reason and detail.
func (e *RefusedError) Error() string { return fmt.Sprintf("refused, %v: %s", e.Reason, e.Detail) }

// errUnproven says that the agent's answer is none to what was claimed.
var errUnproven = errors.New("the agent's answer is not to this message: run the same version of agent and gate")

// askAgain is the pause before a claim is asked again.
const askAgain = 20 * time.Millisecond

// reconnect is how often an agent that is gone is looked for: it may be back at once.
func reconnect() grpc.ConnectParams {
	return grpc.ConnectParams{MinConnectTimeout: time.Second,
		Backoff: backoff.Config{BaseDelay: askAgain, Multiplier: 1.5, MaxDelay: 5 * askAgain}}
}

// Final reports whether the error of a claim is a no that stays one, so that asking again is of no
// use. That it is another node's turn, or that the chain cannot be so far, passes.
func Final(err error) bool {
	var held *HeldError
	var refused *RefusedError
	switch {
	case errors.As(err, &held):
		return true
	case !errors.As(err, &refused):
		return false
	}
	switch refused.Reason {
	case cosignerv1.RefusalReason_REFUSAL_REASON_NOT_PREFERRED, cosignerv1.RefusalReason_REFUSAL_REASON_TOO_FAR_AHEAD,
		cosignerv1.RefusalReason_REFUSAL_REASON_TOO_MANY, cosignerv1.RefusalReason_REFUSAL_REASON_STALE:
		return false
	}
	return true
}

// Client asks one agent. Dial makes one. It may be used concurrently.
type Client struct {
	conn *grpc.ClientConn
	c    cosignerv1.ClaimServiceClient
	i    cosignerv1.InstanceServiceClient
}

// Dial returns a client of the agent at that unix socket. It connects when it is asked, and again
// after the agent was started anew.
func Dial(socket string) (*Client, error) {
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(reconnect()))
	if err != nil {
		return nil, fmt.Errorf("reaching the agent at %s: %w", socket, err)
	}
	return &Client{conn: conn, c: cosignerv1.NewClaimServiceClient(conn),
		i: cosignerv1.NewInstanceServiceClient(conn)}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Claim returns nil only if the node may sign the message, an echo or a vote, from now on and for
// ever. A definite no is a *HeldError or a *RefusedError; with any other error nothing is known.
// The node is waited for while ctx lasts, which must have an end: what stands against a claim now,
// an agent that is just being started too, may pass. A claim whose asker is gone binds nothing that
// was not on its way.
func (c *Client) Claim(ctx context.Context, m casper.Message) error {
	return c.claim(ctx, m, wire.Claim(m))
}

func (c *Client) claim(ctx context.Context, m casper.Message, r *cosignerv1.ClaimRequest) error {
	for {
		err := c.once(ctx, m, r)
		if err == nil || Final(err) {
			return err
		}
		pause := time.NewTimer(askAgain)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return fmt.Errorf("claiming %v in vain: %w: %w", m.Kind(), ctx.Err(), err)
		}
	}
}

// once asks once.
func (c *Client) once(ctx context.Context, m casper.Message, request *cosignerv1.ClaimRequest) error {
	r, err := c.c.Claim(ctx, request, grpc.WaitForReady(true))
	if err != nil {
		return fmt.Errorf("asking the agent: %w", err)
	}
	switch answer := r.GetAnswer().(type) {
	case *cosignerv1.ClaimResponse_Granted:
		if digest := casper.Digest(m); !bytes.Equal(answer.Granted.GetDigest(), digest[:]) {
			return errUnproven
		}
		return nil
	case *cosignerv1.ClaimResponse_HeldElse:
		held, err := wire.Else(answer.HeldElse)
		if err != nil {
			return fmt.Errorf("reading the agent's answer: %w", err)
		}
		return &HeldError{Held: held}
	case *cosignerv1.ClaimResponse_Refused:
		return &RefusedError{Reason: answer.Refused.GetReason(), Detail: answer.Refused.GetDetail()}
	}
	return errUnproven
}
