package cosigner

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cosigner/frost"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/statedir"
)

// ServerConfig is what a Server needs. All functions must be safe for
// concurrent use.
type ServerConfig struct {
	Name       string          // this cosigner
	Share      *frost.KeyShare // its share of the key
	ShareEpoch uint32          // epoch of that share
	Chain      casper.Hash     // hash of the pinned chain name; see casper.ChainNameHash
	Ledger     *Ledger
	Log        Log // to catch up with

	// Caller returns the name of the cosigner at the other end of a call; false
	// for anybody else.
	Caller func(context.Context) (name string, ok bool)
	// Admit must refuse a peer whose state is older than was seen of it.
	Admit func(peer string, p statedir.Presence) error
	// Presence returns what this cosigner shows of its own state.
	Presence func() statedir.Presence
	// VerifyRequest must fail unless that node signed its request for m, now or
	// when it was claimed.
	VerifyRequest func(node string, m casper.Message, signature [64]byte) error
	// Term returns the newest Raft term that this cosigner knows. What a caller
	// says of its term must not raise it: a hostile one could shut out the leader.
	Term func() uint64
	// Barrier returns an index up to which the log holds every claim made so
	// far. It must fail if this cosigner does not lead.
	Barrier func(context.Context) (uint64, error)
	// Keep takes a signature that another cosigner finished, unverified.
	Keep func(digest casper.Hash, signature casper.Signature)
	// Reports returns what the agents told this cosigner, without a presence.
	Reports func() *cosignerv1.GatherResponse

	Logger zerolog.Logger
}

// ServerStats counts what a Server answered since it was made.
type ServerStats struct {
	Shares  uint64 // shares that left, to itself included
	Refused uint64 // share requests that were refused
}

// Server implements CosignerService: it answers the other cosigners, and its
// own Quorum. Until Run has caught up with the log it gives neither shares nor
// commitments. NewServer makes one.
type Server struct {
	cosignerv1.UnimplementedCosignerServiceServer
	config  ServerConfig
	session statedir.ID
	nonces  *nonces
	gate    atomic.Bool

	shares, refused atomic.Uint64
}

// NewServer returns a server whose gate is shut.
func NewServer(config ServerConfig) *Server {
	return &Server{config: config, session: config.Presence().Session, nonces: newNonces(config.Share)}
}

// openGate lets shares leave. It is called only when this cosigner has waited
// for a barrier and then filled its ledger from the log: before that, its ledger
// may lack what the others saw it sign.
func (s *Server) openGate() { s.gate.Store(true) }

// Ready returns nil once the gate is open.
func (s *Server) Ready() error {
	if !s.gate.Load() {
		return errors.New("this cosigner has not caught up with the log yet")
	}
	return nil
}

// Stats returns the server's counts.
func (s *Server) Stats() ServerStats {
	return ServerStats{Shares: s.shares.Load(), Refused: s.refused.Load()}
}

// Commit hands out fresh one-time commitments to another cosigner (RFC 9591
// section 5.1).
func (s *Server) Commit(ctx context.Context, r *cosignerv1.CommitRequest) (*cosignerv1.CommitResponse, error) {
	caller, err := s.admit(ctx, r.GetPresence())
	if err != nil {
		return nil, err
	}
	return s.commit(caller, r)
}

func (s *Server) commit(caller string, r *cosignerv1.CommitRequest) (*cosignerv1.CommitResponse, error) {
	if r.GetCount() == 0 || r.GetCount() > maxCommit {
		return nil, status.Errorf(codes.InvalidArgument, "%d commitments, allowed are 1 to %d", r.GetCount(), maxCommit)
	}
	if err := s.checkEpoch(r.GetShareEpoch()); err != nil {
		return nil, err
	}
	if err := s.Ready(); err != nil { // whoever holds our commitments counts on our shares
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	fresh, err := s.nonces.issue(caller, int(r.GetCount()), time.Now())
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	out := &cosignerv1.CommitResponse{Presence: s.config.Presence().Proto()}
	for _, w := range fresh {
		c := w.nonce.Commitment()
		out.Commitments = append(out.Commitments,
			&cosignerv1.Commitment{Index: w.index, Hiding: c.Hiding[:], Binding: c.Binding[:]})
	}
	return out, nil
}

// Share makes this cosigner's share of a message that the log holds (RFC 9591
// section 5.2). It refuses with PermissionDenied whom it does not trust,
// Unauthenticated what no node signed, InvalidArgument what it would not sign for
// anybody, Aborted what comes from an
// older term or share epoch, NotFound a commitment that it does not have (any
// more), FailedPrecondition a slot for which its ledger has another digest or no
// memory, and Unavailable while it cannot tell.
func (s *Server) Share(ctx context.Context, r *cosignerv1.ShareRequest) (*cosignerv1.ShareResponse, error) {
	caller, err := s.admit(ctx, r.GetPresence())
	if err != nil {
		return nil, err
	}
	share, err := s.share(caller, r, nil)
	if err != nil {
		return nil, err
	}
	return &cosignerv1.ShareResponse{Share: share[:], Presence: s.config.Presence().Proto()}, nil
}

func (s *Server) share(caller string, r *cosignerv1.ShareRequest, session *frost.Session) ([32]byte, error) {
	share, err := s.release(caller, r, session)
	if err != nil {
		s.refused.Add(1)
		s.config.Logger.Warn().Str("cosigner", caller).Str("node", r.GetNode()).Err(err).Msg("gave no share")
		return share, err
	}
	s.shares.Add(1)
	return share, nil
}

// release is the one place where a share leaves this cosigner, for itself as
// for others: nothing else in the program calls frost's Sign on a real share.
// Each step guards the next: what is signed is a message that a registered node
// signed; its slot is in our ledger, durably, with exactly its digest; and the
// nonce is burnt before the share is computed. The session is nil but for our
// own Quorum, which has derived it already.
func (s *Server) release(caller string, r *cosignerv1.ShareRequest, session *frost.Session) (share [32]byte, err error) {
	message, err := s.authorize(r)
	if err != nil {
		return share, err
	}
	if session == nil {
		if session, err = s.openSession(caller, r, message); err != nil {
			return share, err
		}
	}
	if !session.Signs(message.SignBytes()) {
		return share, status.Error(codes.InvalidArgument, "the session is for another message")
	}
	// If we crash here, the slot may or may not be claimed, and nothing has left.
	if err := s.claim(message); err != nil {
		return share, err
	}
	// From here on the slot is bound on our disk. If we crash now, the share is
	// made again later, for the same message.
	nonce, ok := s.nonces.take(caller, r.GetCommitmentIndex(), time.Now())
	if !ok {
		return share, errNonceUnknown
	}
	share, err = s.config.Share.Sign(nonce, session)
	if err != nil {
		return share, status.Errorf(codes.InvalidArgument, "signing: %v", err)
	}
	return share, nil
}

var errNonceUnknown = status.Error(codes.NotFound, "no such commitment: used, too old, or of an earlier process")

// authorize returns the message of a request that is fit to be signed by
// somebody: well-formed, of our chain, signed by its node, from the newest term,
// and we have caught up.
func (s *Server) authorize(r *cosignerv1.ShareRequest) (casper.Message, error) {
	if err := s.checkEpoch(r.GetShareEpoch()); err != nil {
		return nil, err
	}
	if err := s.checkTerm(r.GetTerm()); err != nil {
		return nil, err
	}
	message, err := casper.Decode(r.GetMessage()) // also validates
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	if f, ok := message.(casper.Finality); ok && f.ChainName != s.config.Chain {
		return nil, status.Errorf(codes.InvalidArgument, "finality signature for chain name hash %v, ours is %v", f.ChainName, s.config.Chain)
	}
	if len(r.GetRequestSignature()) != 64 {
		return nil, status.Errorf(codes.InvalidArgument, "request signature of %d bytes, want 64", len(r.GetRequestSignature()))
	}
	if err := s.config.VerifyRequest(r.GetNode(), message, [64]byte(r.GetRequestSignature())); err != nil {
		return nil, status.Errorf(codes.Unauthenticated, "request of node %q: %v", r.GetNode(), err)
	}
	if err := s.Ready(); err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return message, nil
}

// openSession derives the FROST session, which must list exactly the commitment
// that we gave to the caller under that number.
func (s *Server) openSession(caller string, r *cosignerv1.ShareRequest, m casper.Message) (*frost.Session, error) {
	if session, err := statedir.ParseID(r.GetSessionId()); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	} else if session != s.session {
		return nil, errNonceUnknown
	}
	own, ok := s.nonces.commitment(caller, r.GetCommitmentIndex(), time.Now())
	if !ok {
		return nil, errNonceUnknown
	}
	listed := false
	set := make([]frost.Commitment, 0, len(r.GetSigners()))
	for _, c := range r.GetSigners() {
		if len(c.GetHiding()) != 32 || len(c.GetBinding()) != 32 {
			return nil, status.Error(codes.InvalidArgument, "a commitment is not two points of 32 bytes")
		}
		one := frost.Commitment{ID: int(c.GetShareId()), Hiding: [32]byte(c.GetHiding()), Binding: [32]byte(c.GetBinding())}
		if one.ID == own.ID && one.Hiding == own.Hiding && one.Binding == own.Binding {
			one, listed = own, true // it is decoded already
		}
		set = append(set, one)
	}
	if !listed {
		return nil, status.Errorf(codes.InvalidArgument, "the signing set lacks our commitment %d", r.GetCommitmentIndex())
	}
	session, err := frost.NewSession(s.config.Share.Group(), m.SignBytes(), set)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return session, nil
}

// claim binds the message's slot in our ledger, durably. A handshake has none.
func (s *Server) claim(m casper.Message) error {
	slot, ok := casper.SlotOf(m)
	if !ok {
		return nil
	}
	err := s.config.Ledger.Claim(slot, casper.Digest(m))
	var conflict *ConflictError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &conflict), errors.Is(err, ErrBelowFloor), errors.Is(err, ErrDiffers):
		return status.Error(codes.FailedPrecondition, err.Error())
	}
	return status.Error(codes.Unavailable, err.Error())
}

// Barrier passes on the log's barrier.
func (s *Server) Barrier(ctx context.Context, r *cosignerv1.BarrierRequest) (*cosignerv1.BarrierResponse, error) {
	if _, err := s.admit(ctx, r.GetPresence()); err != nil {
		return nil, err
	}
	index, err := s.config.Barrier(ctx)
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return &cosignerv1.BarrierResponse{Index: index}, nil
}

// Keep passes on finished signatures.
func (s *Server) Keep(ctx context.Context, r *cosignerv1.KeepRequest) (*cosignerv1.KeepResponse, error) {
	if _, err := s.admit(ctx, r.GetPresence()); err != nil {
		return nil, err
	}
	for _, k := range r.GetSignatures() {
		if len(k.GetDigest()) != 32 || len(k.GetSignature()) != 64 {
			return nil, status.Error(codes.InvalidArgument, "a digest has 32 bytes, a signature 64")
		}
		s.config.Keep(casper.Hash(k.GetDigest()), casper.Signature(k.GetSignature()))
	}
	return &cosignerv1.KeepResponse{}, nil
}

// Gather tells what the agents told this cosigner. No share depends on it.
func (s *Server) Gather(ctx context.Context, r *cosignerv1.GatherRequest) (*cosignerv1.GatherResponse, error) {
	if _, err := s.admit(ctx, r.GetPresence()); err != nil {
		return nil, err
	}
	out := s.config.Reports()
	out.Presence = s.config.Presence().Proto()
	return out, nil
}

// admit returns the caller if it is another cosigner on sound state.
func (s *Server) admit(ctx context.Context, p *cosignerv1.Presence) (string, error) {
	caller, ok := s.config.Caller(ctx)
	if !ok || caller == s.config.Name {
		return "", status.Error(codes.PermissionDenied, "only the other cosigners may call this")
	}
	presence, err := statedir.ParsePresence(p)
	if err != nil {
		return "", status.Error(codes.InvalidArgument, err.Error())
	}
	return caller, admitStatus(s.config.Admit(caller, presence))
}

// admitStatus tells a peer that was refused from one that could not be judged.
func admitStatus(err error) error {
	var refused *statedir.PeerError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return status.Error(codes.PermissionDenied, err.Error())
	}
	return status.Error(codes.Unavailable, err.Error())
}

// checkEpoch refuses shares of another epoch: they do not add up with ours.
func (s *Server) checkEpoch(epoch uint32) error {
	if epoch != s.config.ShareEpoch {
		return status.Errorf(codes.Aborted, "share epoch %d, ours is %d", epoch, s.config.ShareEpoch)
	}
	return nil
}

// checkTerm refuses a leader that has been replaced.
func (s *Server) checkTerm(term uint64) error {
	if newest := s.config.Term(); term < newest {
		return status.Errorf(codes.Aborted, "term %d, but this is term %d", term, newest)
	}
	return nil
}
