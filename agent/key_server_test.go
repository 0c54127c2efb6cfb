package agent_test

import (
	"bytes"
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/agent"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/custody"
)

// keeper is a cosigner that says one thing to whoever asks for a lease, and one for its piece. nil
// grants, or gives.
type keeper struct {
	cosignerv1.CustodyServiceClient
	lease, piece error
	asked        atomic.Int64
}

func (k *keeper) Start(context.Context, *cosignerv1.StartRequest, ...grpc.CallOption) (*cosignerv1.StartResponse,
	error) {
	k.asked.Add(1)
	return &cosignerv1.StartResponse{Newest: 1, Granted: 7}, k.lease
}

func (k *keeper) Piece(context.Context, *cosignerv1.PieceRequest, ...grpc.CallOption) (*cosignerv1.PieceResponse,
	error) {
	return &cosignerv1.PieceResponse{}, k.piece
}

// gateStream is the gate's end. It hangs up after as many pieces as it wants.
type gateStream struct {
	grpc.ServerStream
	ctx    context.Context
	hangUp func()
	wants  int
}

func (g *gateStream) Context() context.Context { return g.ctx }

func (g *gateStream) Send(*cosignerv1.KeyResponse) error {
	if g.wants--; g.wants == 0 {
		g.hangUp()
	}
	return nil
}

// TestKeyRefused: a gate whose start is refused learns why before it gives up, and so does whoever
// reads the agent's log, once. That a cosigner does not lead is no reason where one refused.
func TestKeyRefused(t *testing.T) {
	follows := status.Error(codes.Unavailable, "not the leader")
	suspended := status.Error(codes.FailedPrecondition, "an operator suspended this node")
	often := status.Error(codes.ResourceExhausted, "it starts again and again")
	given := status.Error(codes.FailedPrecondition, "gives none twice")
	for name, tt := range map[string]struct {
		c1, c2 *keeper
		why    string // what the gate learns, "" if it has the key
		warns  int    // in the log
	}{
		"suspended":        {&keeper{lease: follows}, &keeper{lease: suspended}, "time: c2: an operator suspended", 1},
		"again and again":  {&keeper{lease: often}, &keeper{lease: follows}, "time: c1: it starts again and again", 1},
		"by both":          {&keeper{lease: suspended}, &keeper{lease: suspended}, "this node; c2: an operator", 2},
		"nobody leads":     {&keeper{lease: follows}, &keeper{lease: follows}, "c1: not the leader; c2: not the leader", 0},
		"a piece is given": {&keeper{piece: given}, &keeper{lease: follows, piece: follows}, "c1: gives none twice", 1},
		"all is well":      {&keeper{}, &keeper{lease: follows}, "", 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			s := agent.KeyServer{Node: "a", Logger: zerolog.New(&log), Custodians: []agent.Custodian{
				{Name: "c1", Client: tt.c1}, {Name: "c2", Client: tt.c2}},
				Sign: func(s custody.Start) custody.Signed { return custody.Signed{Start: s} }}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			stream := &gateStream{ctx: ctx, hangUp: cancel, wants: 2}
			err := s.Key(&cosignerv1.KeyRequest{Recipient: make([]byte, 32)}, stream)
			if tt.why == "" {
				if status.Code(err) != codes.Canceled {
					t.Errorf("%s: %v", name, err)
				}
			} else if code := status.Code(err); ctx.Err() != nil || code != codes.FailedPrecondition ||
				!strings.Contains(err.Error(), tt.why) {
				t.Errorf("%s: the gate learns %v, want %q", name, err, tt.why)
			}
			if n := strings.Count(log.String(), `"level":"warn"`) - 1; n != tt.warns { // but that it was asked
				t.Errorf("%s: %d warnings, want %d:\n%s", name, n, tt.warns, &log)
			}
			if tt.why != "" && tt.c1.asked.Load() < 10 {
				t.Errorf("%s: asked %d times in all", name, tt.c1.asked.Load())
			}
		})
	}
}
