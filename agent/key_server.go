package agent

import (
	"context"
	"maps"
	"slices"
	"strings"
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

const (
	startAgain = time.Second // between two rounds of asking, while the gate waits: another one may lead by then
	farewell   = time.Second // before the gate gives up, so that it still learns why
)

// Key asks until the gate has what it needs and hangs up. Shortly before that gives up, it is told
// what the cosigners said.
func (s *KeyServer) Key(r *cosignerv1.KeyRequest, out grpc.ServerStreamingServer[cosignerv1.KeyResponse]) error {
	var recipient [32]byte
	if err := wire.Copy(recipient[:], r.GetRecipient(), "recipient"); err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	s.Logger.Warn().Msg("the gate asks for the validator's key: its casper-node starts")
	ctx, pieces := out.Context(), pieces{out: out, reasons: map[string]error{}, told: map[string]bool{}, log: s.Logger}
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-min(farewell, time.Until(end)/2)))
		defer cancel()
	}
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
	if err := out.Context().Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	return status.Errorf(codes.FailedPrecondition, "not enough of the key came in time: %s", pieces.why())
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
		to.refused(ctx, c.Name, "no lease of the key from this cosigner", err)
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
	if err != nil {
		to.refused(ctx, c.Name, "no piece of the key from this cosigner", err)
	}
}

// pieces is what one request of the gate has come to. They are sent one at a time.
type pieces struct {
	out grpc.ServerStreamingServer[cosignerv1.KeyResponse]
	log zerolog.Logger

	mu      sync.Mutex       // guards what follows, and sending
	reasons map[string]error // by cosigner, the last; what it refused stands before that it was not reached
	told    map[string]bool  // of what was logged
}

func (p *pieces) send(r *cosignerv1.KeyResponse) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Send(r)
}

// refused keeps why nothing came of a cosigner, and warns of a refusal once a request. That it does
// not lead, or is not reached, counts only if nobody refused.
func (p *pieces) refused(ctx context.Context, from, what string, err error) {
	if err == nil || ctx.Err() != nil { // another start had the number; or the gate has what it needs
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	level := zerolog.WarnLevel
	if !saidNo(err) {
		level = zerolog.DebugLevel
	}
	if saidNo(err) || !saidNo(p.reasons[from]) {
		p.reasons[from] = err
	}
	if line := from + what + err.Error(); !p.told[line] {
		p.told[line] = true
		p.log.WithLevel(level).Err(err).Str("cosigner", from).Msg(what)
	}
}

// saidNo reports whether a cosigner was asked and said no.
func saidNo(err error) bool {
	switch status.Code(err) {
	case codes.OK, codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return false
	}
	return true
}

// why is what the cosigners said: what was refused, or else who was not reached.
func (p *pieces) why() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var refusals, others []string
	for _, from := range slices.Sorted(maps.Keys(p.reasons)) {
		line := from + ": " + status.Convert(p.reasons[from]).Message()
		if others = append(others, line); saidNo(p.reasons[from]) {
			refusals = append(refusals, line)
		}
	}
	switch {
	case len(refusals) > 0:
		return strings.Join(refusals, "; ")
	case len(others) > 0:
		return strings.Join(others, "; ")
	}
	return "no cosigner said why"
}
