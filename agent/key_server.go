package agent

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/custody"
	"casper-cosigner/rule/wire"
)

// Custodian is a cosigner that may hold a piece of the key.
type Custodian struct {
	Name   string
	Client cosignerv1.CustodyServiceClient
}

// KeyServer gets the validator's key for the gate of a node whose key the cosigners keep. What they
// give is sealed to the gate, so it passes on what it cannot read. It believes no cosigner: whoever
// says that a lease is granted is taken at its word, and the others judge by their own logs.
type KeyServer struct {
	cosignerv1.UnimplementedKeyServiceServer
	Node       string
	Custodians []Custodian
	// Sign must sign the start with the node's failover key.
	Sign   func(custody.Start) custody.Signed
	Logger zerolog.Logger
}

// Between two rounds of asking, while the gate waits: a cosigner may lead by then.
const startAgain = time.Second

// Key asks until the gate has what it needs and hangs up, or gives up.
func (s *KeyServer) Key(r *cosignerv1.KeyRequest, out grpc.ServerStreamingServer[cosignerv1.KeyResponse]) error {
	var recipient [32]byte
	if err := wire.Copy(recipient[:], r.GetRecipient(), "recipient"); err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	s.Logger.Warn().Msg("the gate asks for the validator's key: its casper-node starts")
	ctx, pieces := out.Context(), pieces{out: out}
	for ctx.Err() == nil {
		var asked sync.WaitGroup
		for _, c := range s.Custodians {
			asked.Go(func() { s.lease(ctx, c, recipient, &pieces) })
		}
		asked.Wait()
		select {
		case <-time.After(startAgain):
		case <-ctx.Done():
		}
	}
	return status.FromContextError(ctx.Err()).Err()
}

// lease has one cosigner grant the next start, if it leads, and then asks all of them for their
// pieces. Whom it does not lead refuses.
func (s *KeyServer) lease(ctx context.Context, c Custodian, recipient [32]byte, to *pieces) {
	start := s.Sign(custody.Start{Node: s.Node, Number: 1, Recipient: recipient})
	granted, err := s.ask(ctx, c, start)
	for again := 0; err == nil && granted.GetGranted() == 0 && again < 2; again++ {
		start = s.Sign(custody.Start{Node: s.Node, Number: granted.GetNewest() + 1, Recipient: recipient})
		granted, err = s.ask(ctx, c, start)
	}
	if err != nil || granted.GetGranted() == 0 {
		s.Logger.Debug().Err(err).Str("cosigner", c.Name).Msg("no lease of the key from this cosigner")
		return
	}
	var asked sync.WaitGroup
	for _, from := range s.Custodians {
		asked.Go(func() { s.piece(ctx, from, start, granted.GetGranted(), to) })
	}
	asked.Wait()
}

func (s *KeyServer) ask(ctx context.Context, c Custodian, start custody.Signed) (*cosignerv1.StartResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.Client.Start(ctx, &cosignerv1.StartRequest{Start: wire.NodeStart(start)})
}

func (s *KeyServer) piece(ctx context.Context, c Custodian, start custody.Signed, granted uint64, to *pieces) {
	within, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	r, err := c.Client.Piece(within, &cosignerv1.PieceRequest{Start: wire.NodeStart(start), Granted: granted})
	if err == nil {
		err = to.send(&cosignerv1.KeyResponse{Start: wire.NodeStart(start), Cosigner: c.Name, Sealed: r.GetSealed()})
	}
	if err != nil && ctx.Err() == nil {
		s.Logger.Warn().Err(err).Str("cosigner", c.Name).Uint64("start", start.Number).Msg("got no piece of the key")
	}
}

// pieces are sent one at a time.
type pieces struct {
	mu  sync.Mutex
	out grpc.ServerStreamingServer[cosignerv1.KeyResponse]
}

func (p *pieces) send(r *cosignerv1.KeyResponse) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Send(r)
}
