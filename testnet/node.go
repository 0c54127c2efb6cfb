package testnet

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
)

// How long a casper-node waits. For a Zug message it is its own deadline; what is not tied to a
// round may take longer.
const (
	ZugPatience   = 250 * time.Millisecond
	OtherPatience = 2 * time.Second
)

// Kind is what an answer is.
type Kind string

// The kinds of answer. Unknown is a gRPC status: what was asked for may or may not be bound.
const (
	Signed  Kind = "signed"
	Bound   Kind = "bound"
	Refused Kind = "refused"
	Unknown Kind = "unknown"
)

// Answer is what became of one request.
type Answer struct {
	Kind      Kind
	Signature casper.Signature // of the message that was asked for, or of Held
	Held      casper.Message   // with Bound: what the slot holds
	Reason    string           // with Refused: BELOW_FLOOR and the like; with Unknown: the status
	Err       error            // with Unknown
	DecidedBy string           // the cosigner
	Took      time.Duration
}

// Message is what the answer's signature is of, given what was asked for.
func (a Answer) Message(asked casper.Message) casper.Message {
	if a.Kind == Bound {
		return a.Held
	}
	return asked
}

// Node asks an agent as a casper-node does: over its unix socket, with a deadline.
type Node struct {
	Name string

	conn   *grpc.ClientConn
	client cosignerv1.SignerServiceClient
}

// Node returns a client of the node's agent. It connects when first used.
func (c *Cluster) Node(name string) (*Node, error) {
	conn, err := grpc.NewClient("unix:"+c.Socket(name),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.6,
				MaxDelay: 200 * time.Millisecond},
			MinConnectTimeout: time.Second,
		}))
	if err != nil {
		return nil, fmt.Errorf("reaching the agent of %s: %w", name, err)
	}
	return &Node{Name: name, conn: conn, client: cosignerv1.NewSignerServiceClient(conn)}, nil
}

// Close closes the connection.
func (n *Node) Close() error { return n.conn.Close() }

// Patience is how long a node waits for an answer about the message.
func Patience(m casper.Message) time.Duration {
	switch m.(type) {
	case casper.Echo, casper.Vote:
		return ZugPatience
	}
	return OtherPatience
}

// Sign asks once, with the node's own deadline.
func (n *Node) Sign(ctx context.Context, m casper.Message) Answer { return n.Ask(ctx, m, Patience(m)) }

// Ask asks once and waits for so long.
func (n *Node) Ask(ctx context.Context, m casper.Message, patience time.Duration) Answer {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	start := time.Now()
	response, err := n.client.Sign(ctx, wire.Request(m))
	answer := Answer{Took: time.Since(start), DecidedBy: response.GetDecidedBy()}
	if err != nil {
		answer.unknown(err)
		return answer
	}
	answer.read(response)
	return answer
}

func (a *Answer) unknown(err error) {
	a.Kind, a.Err, a.Reason = Unknown, err, status.Code(err).String()
}

// read takes the answer apart. One that makes no sense is as good as none.
func (a *Answer) read(r *cosignerv1.SignResponse) {
	var err error
	switch r := r.GetAnswer().(type) {
	case *cosignerv1.SignResponse_Signed:
		a.Kind = Signed
		err = wire.Copy(a.Signature[:], r.Signed.GetSignature(), "signature")
	case *cosignerv1.SignResponse_Bound:
		a.Kind = Bound
		if a.Held, err = wire.Held(r.Bound); err == nil {
			err = wire.Copy(a.Signature[:], r.Bound.GetSignature(), "signature")
		}
	case *cosignerv1.SignResponse_Refused:
		a.Kind, a.Reason = Refused, reason(r.Refused)
	default:
		err = status.Error(codes.Internal, "the response holds no answer")
	}
	if err != nil {
		a.unknown(fmt.Errorf("reading the answer: %w", err))
	}
}

// Register states the node's TLS point once, as a casper-node does when it starts. The reason is
// empty when it is taken.
func (n *Node) Register(ctx context.Context, point casper.TLSPoint) (refusal string, err error) {
	ctx, cancel := context.WithTimeout(ctx, OtherPatience)
	defer cancel()
	response, err := n.client.RegisterTLSPoint(ctx, &cosignerv1.RegisterTLSPointRequest{TlsPoint: point[:]})
	if err != nil {
		return "", fmt.Errorf("registering the TLS point of %s: %w", n.Name, err)
	}
	if response.GetRefused() == nil {
		return "", nil
	}
	return reason(response.GetRefused()), nil
}

func reason(r *cosignerv1.Refused) string {
	return strings.TrimPrefix(r.GetReason().String(), "REFUSAL_REASON_")
}
