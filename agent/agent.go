// Package agent stands beside a casper-node and passes its requests on to the cosigners.
//
// It serves SignerService on a unix socket, adds the node's name and its failover key's signature,
// and finds the cosigner that leads. It promises to keep the caller's deadline, to ask no further
// once the caller has given up, and to answer Unavailable soon when no cosigner leads.
//
// It pings the cosigners and the other agents, and tells them with each ping how its node is and
// whom it reaches. No member that is down or hangs delays the ping of another one, or a request.
//
// It decides nothing about slots or roles, and holds no part of the validator's key. How the node
// is, package health finds out.
package agent

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/wire"
)

const (
	patience      = 2 * time.Second       // of a caller that states no deadline
	deadlineSlack = 50 * time.Millisecond // between a caller's clock and ours; the shortest deadline of a node is 250 ms
)

// Handshakes come in bursts when a node starts, and each costs milliseconds of arithmetic on P-521
// points. Few at a time leave the processor to votes; more than may wait are refused at once.
const (
	handshakesAtOnce  = 4
	handshakesWaiting = 128
)

// Cosigner is a cosigner as an agent sees it.
type Cosigner struct {
	Name   string
	Client cosignerv1.SignerServiceClient
}

// Config is what an Agent is made of.
type Config struct {
	Name      string // of the node
	Cosigners []Cosigner
	// SignRequest must sign the node's request for m with its failover key.
	SignRequest func(m casper.Message) ([64]byte, error)
	// SignRegistration must sign the registration of its TLS point with the same.
	SignRegistration func(point casper.TLSPoint) [64]byte

	Steady  func() bool // false for a moment after this process was paused
	Observe func(method string, err error, elapsed time.Duration)
	// Asked is told of each request for a signature that cosigners were asked for, once it is over,
	// and of the answer: a refusal is one, a failed call is none, so nil. What the node withdrew is
	// left out, since nothing is known of it. It must not block.
	Asked  func(m casper.Message, answer *cosignerv1.SignResponse)
	Logger zerolog.Logger
}

// Agent serves SignerService to one node. New makes one.
type Agent struct {
	cosignerv1.UnimplementedSignerServiceServer
	Config
	leader  atomic.Int32  // index of the cosigner to ask first
	waiting chan struct{} // one for each handshake that waits or is being signed
	turns   chan struct{} // one for each handshake that is being signed
}

// New returns an Agent.
func New(c Config) *Agent {
	return &Agent{Config: c, waiting: make(chan struct{}, handshakesWaiting), turns: make(chan struct{}, handshakesAtOnce)}
}

// Sign signs the node's request with the failover key and passes it on.
func (a *Agent) Sign(ctx context.Context, r *cosignerv1.SignRequest) (*cosignerv1.SignResponse, error) {
	if !wire.IsHandshake(r) {
		return a.sign(ctx, r)
	}
	select {
	case a.waiting <- struct{}{}:
		defer func() { <-a.waiting }()
	default:
		return refused(refusal.TooMany, "handshakes are waiting; ask again"), nil
	}
	select {
	case a.turns <- struct{}{}:
		defer func() { <-a.turns }()
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	return a.sign(ctx, r)
}

func (a *Agent) sign(ctx context.Context, r *cosignerv1.SignRequest) (*cosignerv1.SignResponse, error) {
	message, err := wire.Message(r)
	if err == nil {
		err = casper.Validate(message)
	}
	if err != nil {
		return refused(refusal.Malformed, err.Error()), nil
	}
	signature, err := a.SignRequest(message)
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	request := wire.Request(message)
	request.Node, request.RequestSignature = a.Name, signature[:]
	var response *cosignerv1.SignResponse
	asked := false
	err = a.ask(ctx, "Sign", func(ctx context.Context, c Cosigner) error {
		asked = true
		response, err = c.Client.Sign(ctx, request)
		a.follow(response.GetDecidedBy())
		return err
	})
	switch {
	case err == nil:
		a.Asked(message, response)
	case asked && !withdrawn(ctx):
		a.Asked(message, nil)
	}
	return response, err
}

// withdrawn reports whether the caller gave up before its time, as a node does that ends. One
// whose time is over may cancel a moment before our own clock says so; that one was left
// without an answer.
func withdrawn(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return errors.Is(ctx.Err(), context.Canceled) && (!ok || time.Until(deadline) > deadlineSlack)
}

// unanswered reports whether the error says no more than that the cosigner did not do it in time.
func unanswered(ctx context.Context, err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		return true
	case codes.Canceled: // its time was over, if by the caller's clock
		return !withdrawn(ctx)
	}
	return false
}

// RegisterTLSPoint signs the node's registration with the failover key and passes it on.
func (a *Agent) RegisterTLSPoint(ctx context.Context,
	r *cosignerv1.RegisterTLSPointRequest) (*cosignerv1.RegisterTLSPointResponse, error) {
	var point casper.TLSPoint
	if err := wire.Copy(point[:], r.GetTlsPoint(), "tls_point"); err != nil {
		return &cosignerv1.RegisterTLSPointResponse{Refused: wire.Refused(refusal.Malformed, err.Error())}, nil
	}
	signature := a.SignRegistration(point)
	request := &cosignerv1.RegisterTLSPointRequest{TlsPoint: point[:], Node: a.Name, RequestSignature: signature[:]}
	var response *cosignerv1.RegisterTLSPointResponse
	err := a.ask(ctx, "RegisterTLSPoint", func(ctx context.Context, c Cosigner) (err error) {
		response, err = c.Client.RegisterTLSPoint(ctx, request)
		return err
	})
	return response, err
}

// ask tries the cosigners, the last known leader first, until one answers or the caller gives up.
// Each is tried once: when none leads, the node is better served by a quick no than by a late one.
func (a *Agent) ask(ctx context.Context, method string, try func(context.Context, Cosigner) error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	start := time.Now()
	err := status.Error(codes.Unavailable, "this agent was paused, its node may have given up")
	first := int(a.leader.Load())
	for i := range a.Cosigners {
		if !a.Steady() || ctx.Err() != nil {
			break
		}
		c := a.Cosigners[(first+i)%len(a.Cosigners)]
		if err = try(ctx, c); err == nil {
			break
		}
		a.Logger.Debug().Err(err).Str("cosigner", c.Name).Str("method", method).Msg("asking a cosigner")
		if !unanswered(ctx, err) {
			break // an answer, if not one to be glad of
		}
		// A hung cosigner uses up its request's time, so that the next request must begin with
		// another one.
		a.leader.Store(int32((first + i + 1) % len(a.Cosigners)))
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = status.Error(codes.DeadlineExceeded, err.Error())
	}
	a.Observe(method, err, time.Since(start))
	return err
}

// follow notes who decided, to ask that one first.
func (a *Agent) follow(name string) {
	for i, c := range a.Cosigners {
		if c.Name == name {
			a.leader.Store(int32(i))
		}
	}
}

func refused(why refusal.Reason, detail string) *cosignerv1.SignResponse {
	return &cosignerv1.SignResponse{Answer: &cosignerv1.SignResponse_Refused{Refused: wire.Refused(why, detail)}}
}
