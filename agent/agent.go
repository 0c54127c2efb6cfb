// Package agent stands beside a casper-node and passes its requests on to the cosigners.
//
// It serves SignerService on a unix socket, and to the gate of a stock node, which signs by itself,
// ClaimService; it adds the node's name, how far the log is and the
// failover key's signature, and asks the cosigner that leads, as far as lead knows. It promises to
// keep the caller's deadline, to ask no further once the caller has given up, to wait for no
// cosigner that has fallen silent while others answer, and to answer Unavailable soon when no
// cosigner leads. It believes no cosigner alone: what it passes on as signed is signed by the
// validator's key, what it grants to a stock node is attested by a threshold of cosigners, and a
// refusal counts only from the leader that the cosigners name, unless nobody knows better.
//
// It pings the cosigners and the other agents, and tells them with each ping how its node is and
// whom it reaches. No member that is down or hangs delays the ping of another one, or a request.
//
// It decides nothing about slots or roles, and holds no part of the validator's key. How the node
// is, package health finds out.
package agent

import (
	"context"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/wire"
)

const (
	patience      = 2 * time.Second       // of a caller that states no deadline; a node always does
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
	Claims cosignerv1.ClaimServiceClient
}

// Config is what an Agent is made of.
type Config struct {
	Name      string // of the node
	Validator casper.PublicKey
	Cosigners []Cosigner
	// Nodes is which nodes of the agent's own cluster file are stock, and Attesters whose attestations
	// count by it.
	Nodes     attest.Nodes
	Attesters attest.Cluster
	// SignRequest must sign the node's request for m with its failover key, as asked at that index of
	// the log; 0 for the form that does not say.
	SignRequest func(m casper.Message, askedAt uint64) ([64]byte, error)
	// SignRegistration must sign the registration of its TLS point with the same; likewise.
	SignRegistration func(point casper.TLSPoint, askedAt uint64) [64]byte
	// Position must return the index of the log that at least a threshold of the cosigners have
	// applied, as far as is proven; false if nothing is known. It must not block.
	Position func() (index uint64, ok bool)

	Steady  func() bool // false for a moment after this process was paused
	Nudge   func()      // has the cosigners pinged now, since one failed. It must not block
	Observe func(method string, err error, elapsed time.Duration)
	// Lied is told of a cosigner whose answer is not what it claims to be. It must not block.
	Lied func(cosigner string)
	// Asked is told of each request for a signature that cosigners were asked for, once it is over,
	// and of the answer: a refusal is one, a failed call is none, so nil. What the node withdrew is
	// left out, since nothing is known of it. It must not block.
	Asked func(m casper.Message, answer *cosignerv1.SignResponse)
	// Granted is told of what an old unit file holds and was granted now, with its signature as it
	// came: what a node is granted otherwise its gate tells, once it has the proof. It must
	// not block.
	Granted func(casper.Ballot)
	Logger  zerolog.Logger
}

// Agent serves SignerService to one node. New makes one.
type Agent struct {
	cosignerv1.UnimplementedSignerServiceServer
	cosignerv1.UnimplementedClaimServiceServer
	Config
	guide   guide
	waiting chan struct{} // one for each handshake that waits or is being signed
	turns   chan struct{} // one for each handshake that is being signed
}

// New returns an Agent.
func New(c Config) *Agent {
	return &Agent{Config: c, guide: newGuide(c.Cosigners), waiting: make(chan struct{}, handshakesWaiting),
		turns: make(chan struct{}, handshakesAtOnce)}
}

// Sign signs the node's request with the failover key and passes it on.
func (a *Agent) Sign(ctx context.Context, r *cosignerv1.SignRequest) (*cosignerv1.SignResponse, error) {
	if why := a.Nodes.AgainstSigning(a.Name); why != refusal.None {
		return refused(why, why.String()), nil
	}
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
	ctx, cancel := within(ctx)
	defer cancel()
	asked := false
	var response *cosignerv1.SignResponse
	err = a.dated(ctx, func(at uint64) (stale bool, err error) {
		request, err := a.request(message, at)
		if err != nil {
			return false, status.Error(codes.Internal, err.Error())
		}
		response, err = ask(ctx, a, "Sign", func(ctx context.Context, c Cosigner) (answer[*cosignerv1.SignResponse], error) {
			asked = true
			r, err := c.Client.Sign(ctx, request)
			if err == nil {
				if _, wrong := Read(a.Validator, message, r); wrong != nil {
					err = lie{wrong}
				}
			}
			return answer[*cosignerv1.SignResponse]{r, r.GetDecidedBy(), r.GetRefused() != nil}, err
		})
		return response.GetRefused().GetReason() == cosignerv1.RefusalReason_REFUSAL_REASON_STALE, err
	})
	switch {
	case err == nil:
		a.Asked(message, response)
	case asked && !withdrawn(ctx):
		a.Asked(message, nil)
	}
	return response, err
}

// request returns the request for the message, signed in the form of before and, if it is known how
// far the log is, in that of now: cosigners of both kinds take it.
func (a *Agent) request(m casper.Message, askedAt uint64) (*cosignerv1.SignRequest, error) {
	r := wire.Request(m)
	plain, err := a.SignRequest(m, 0)
	r.Node, r.RequestSignature = a.Name, plain[:]
	if err != nil || askedAt == 0 {
		return r, err
	}
	dated, err := a.SignRequest(m, askedAt)
	r.AskedAt, r.DatedSignature = askedAt, dated[:]
	return r, err
}

// RegisterTLSPoint signs the node's registration with the failover key and passes it on.
func (a *Agent) RegisterTLSPoint(ctx context.Context,
	r *cosignerv1.RegisterTLSPointRequest) (*cosignerv1.RegisterTLSPointResponse, error) {
	var point casper.TLSPoint
	if err := wire.Copy(point[:], r.GetTlsPoint(), "tls_point"); err != nil {
		return &cosignerv1.RegisterTLSPointResponse{Refused: wire.Refused(refusal.Malformed, err.Error())}, nil
	}
	ctx, cancel := within(ctx)
	defer cancel()
	var response *cosignerv1.RegisterTLSPointResponse
	err := a.dated(ctx, func(at uint64) (stale bool, err error) {
		plain := a.SignRegistration(point, 0)
		request := &cosignerv1.RegisterTLSPointRequest{TlsPoint: point[:], Node: a.Name, RequestSignature: plain[:]}
		if at > 0 {
			dated := a.SignRegistration(point, at)
			request.AskedAt, request.DatedSignature = at, dated[:]
		}
		response, err = ask(ctx, a, "RegisterTLSPoint",
			func(ctx context.Context, c Cosigner) (answer[*cosignerv1.RegisterTLSPointResponse], error) {
				r, err := c.Client.RegisterTLSPoint(ctx, request)
				return answer[*cosignerv1.RegisterTLSPointResponse]{r, "", r.GetRefused() != nil}, err
			})
		return response.GetRefused().GetReason() == cosignerv1.RefusalReason_REFUSAL_REASON_STALE, err
	})
	return response, err
}

func refused(why refusal.Reason, detail string) *cosignerv1.SignResponse {
	return &cosignerv1.SignResponse{Answer: &cosignerv1.SignResponse_Refused{Refused: wire.Refused(why, detail)}}
}
