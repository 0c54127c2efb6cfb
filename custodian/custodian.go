// Package custodian is where a cosigner gives its piece of the validator's seed to a stock node
// whose key the cosigners keep.
//
// It promises that the piece leaves at one place, Server.give: only to whom rule/custody allows it
// by this cosigner's own cluster file, log and memory, sealed to the recipient that the node's
// agent signed, after the record of it is durable, and never without a word in the log.
//
// A leader writes starts into the log here, too. That is no grant: each cosigner judges again.
//
// It leaves to others who calls and how (cluster), what a piece is (keygen/seed), and what of it is
// kept on the node's side.
package custodian

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cluster"
	"casper-cosigner/keygen/seed"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/custody"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/wire"
)

// A node that starts again and again has that many leases at once, and then one in each interval.
const (
	burst    = 10
	interval = 10 * time.Second
)

// appliedWithin is how long an entry is waited for that the leader has applied already.
const appliedWithin = 2 * time.Second

// Log is this cosigner's copy of the log.
type Log interface {
	// ViewAt must show the state, and the index of the last entry that it holds, of one moment.
	ViewAt(func(index uint64, m *machine.State))
	// WaitApplied must return nil once the entry is applied here.
	WaitApplied(ctx context.Context, index uint64) error
	// Apply must propose the command if this cosigner leads, and say what came of it.
	Apply(ctx context.Context, c machine.Command) (machine.Result, error)
}

// Records is what this cosigner gave.
type Records interface {
	// Given must return the number of the node's newest start that was recorded.
	Given(node string) uint64
	// Give must make the record durable before it returns nil.
	Give(custody.Record) error
}

// Config is what a Server is made of. All functions must be safe for concurrent use.
type Config struct {
	Name    string          // of this cosigner
	Cluster custody.Cluster // by its own cluster file
	Piece   seed.Piece      // none where the cosigners keep no node's key
	Log     Log
	Records Records // nil if what it gave cannot be read; then it gives nothing
	// Unshown must return the cosigners that did not show that they can read a start in the log.
	Unshown func() []string
	// Caller must return the member at the other end of a call.
	Caller func(context.Context) (cluster.Member, bool)
	// Whole must return nil only while this cosigner's memory is all that it ever was, as far as is
	// known, it is caught up with the log, and not so many others refuse it that it stands alone.
	Whole  func() error
	Now    func() time.Time
	Logger zerolog.Logger
}

// Server serves CustodyService to agents. New makes one.
type Server struct {
	cosignerv1.UnimplementedCustodyServiceServer
	config Config
	given  atomic.Uint64

	giving sync.Mutex // from what is judged until the record is durable

	mu     sync.Mutex // guards what follows
	limits map[string]*rate.Limiter
}

// New returns a Server.
func New(c Config) *Server { return &Server{config: c, limits: map[string]*rate.Limiter{}} }

// Given returns how often the piece left since the process was started.
func (s *Server) Given() uint64 { return s.given.Load() }

// authorize returns the start that an agent asks for, which must be its own node's.
func (s *Server) authorize(ctx context.Context, m *cosignerv1.NodeStart) (custody.Signed, error) {
	caller, ok := s.config.Caller(ctx)
	if !ok {
		return custody.Signed{}, status.Error(codes.Unauthenticated, "no member of this cluster")
	}
	start, err := wire.Start(m)
	switch {
	case err != nil:
		return start, status.Error(codes.InvalidArgument, err.Error())
	case caller.Role != cluster.Node || caller.Name != start.Node:
		return start, status.Errorf(codes.PermissionDenied, "%s %q may not ask for the key of node %q", caller.Role,
			caller.Name, start.Node)
	}
	return start, nil
}

// Start has a start written into the log, if this cosigner leads and its own cluster file marks the
// node.
func (s *Server) Start(ctx context.Context, r *cosignerv1.StartRequest) (*cosignerv1.StartResponse, error) {
	start, err := s.authorize(ctx, r.GetStart())
	if err != nil {
		return nil, err
	}
	if why := s.config.Cluster.Against(start); why != custody.None {
		return nil, status.Error(codes.FailedPrecondition, why.String())
	}
	c := machine.Start{Signed: start, At: s.config.Now().UnixMilli()}
	var result machine.Result
	s.config.Log.ViewAt(func(_ uint64, m *machine.State) { result = m.CheckStart(c) })
	if result.Outcome == machine.Done { // what the log would refuse is not worth an entry
		if !s.limit(start.Node) {
			return nil, status.Errorf(codes.ResourceExhausted, "node %q had %d leases of its key lately: its casper-node "+
				"starts again and again; wait %v", start.Node, burst, interval)
		}
		if result, err = s.config.Log.Apply(ctx, c); err != nil {
			return nil, s.unwritten(err)
		}
	}
	if result.Outcome == machine.Refused && result.Why != refusal.StartMoved {
		return nil, status.Error(codes.FailedPrecondition, result.Why.String())
	}
	response := &cosignerv1.StartResponse{}
	s.config.Log.ViewAt(func(_ uint64, m *machine.State) {
		newest := m.Lease(start.Node)
		if response.Newest = m.LastStart(start.Node); newest.Signed == start {
			response.Granted = newest.Granted
		}
	})
	return response, nil
}

// unwritten is why a start is not in the log.
func (s *Server) unwritten(err error) error {
	if errors.Is(err, machine.ErrVersion) {
		return status.Errorf(codes.FailedPrecondition, "the log takes no start yet: %v: %s did not show that it does. Run "+
			"this release there", machine.ErrVersion, strings.Join(s.config.Unshown(), ", "))
	}
	return status.Error(codes.Unavailable, err.Error())
}

func (s *Server) limit(node string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.limits[node]
	if l == nil {
		l = rate.NewLimiter(rate.Every(interval), burst)
		s.limits[node] = l
	}
	return l.AllowN(s.config.Now(), 1)
}

// Piece gives this cosigner's piece for a start.
func (s *Server) Piece(ctx context.Context, r *cosignerv1.PieceRequest) (*cosignerv1.PieceResponse, error) {
	start, err := s.authorize(ctx, r.GetStart())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, appliedWithin)
	defer cancel()
	if err := s.config.Log.WaitApplied(ctx, r.GetGranted()); err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	sealed, err := s.give(start)
	if err != nil {
		s.config.Logger.Warn().Str("node", start.Node).Uint64("start", start.Number).Err(err).
			Msg("gave nothing of the validator's key")
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	}
	return &cosignerv1.PieceResponse{Sealed: sealed}, nil
}

var (
	errNoPiece   = errors.New("this cosigner holds no piece of the validator's seed")
	errNoRecords = errors.New("this cosigner cannot read what it gave, and gives nothing of the key; its log has more")
)

// give is the one place where anything of the validator's key leaves this cosigner.
func (s *Server) give(start custody.Signed) ([]byte, error) {
	s.giving.Lock()
	defer s.giving.Unlock()
	if s.config.Records == nil {
		return nil, errNoRecords
	}
	v := s.view(start.Node)
	if why := v.Judge(start); why != custody.None {
		return nil, errors.New(why.String())
	}
	if s.config.Piece.ID() == 0 {
		return nil, errNoPiece
	}
	// If we crash after this line the start is spent, and nothing has left.
	if err := s.config.Records.Give(v.Record()); err != nil {
		return nil, err
	}
	sealed, err := seed.Seal(s.config.Piece, start.Recipient, s.config.Cluster.Context(start.Start, s.config.Name))
	if err != nil {
		return nil, err
	}
	s.given.Add(1)
	s.config.Logger.Warn().Str("node", start.Node).Uint64("start", start.Number).Msg(v.Record().String())
	return sealed, nil // (a piece of the key leaves)
}

// view is what this cosigner knows by itself.
func (s *Server) view(node string) custody.View {
	v := custody.View{Cluster: s.config.Cluster, Whole: s.config.Whole() == nil, Given: s.config.Records.Given(node)}
	s.config.Log.ViewAt(func(index uint64, m *machine.State) {
		roles := m.Roles()
		v.Applied, v.Newest, v.Suspended = index, m.Lease(node), roles.IsSuspended(node)
	})
	return v
}
