package cosigner

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cosigner/frost"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/held"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

// ServerConfig is what a Server needs. All functions must be safe for
// concurrent use.
type ServerConfig struct {
	Name    string      // this cosigner
	Session statedir.ID // of this process: nonces are its own
	Chain   casper.Hash // hash of the pinned chain name; see casper.ChainNameHash
	Keyring *Keyring
	Ledger  *Ledger
	Log     Log  // to catch up with
	Held    Held // what a share may be given for

	// Caller must return the cosigner at the other end of a call once that was
	// admitted on the state that it shows, and false for anybody else;
	// peer.Caller does.
	Caller func(context.Context) (name string, ok bool)
	// VerifyRequest must fail unless that node signed its request for m, now or
	// when it was claimed.
	VerifyRequest func(node string, m casper.Message, askedAt uint64, signature [64]byte) error
	// Remembers must return nil only while this cosigner's state holds all that was proven to it, and
	// whoever remembers more was heard or waited for; else what is wrong. It is asked at each share.
	Remembers func() error
	// VerifyReset must fail unless an operator signed the reset of the heights.
	VerifyReset func(watermark.Reset) error
	// Term must return the newest Raft term that this cosigner knows. What a caller
	// says of its term must not raise it: a hostile one could shut out the leader.
	Term func() uint64

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
	config ServerConfig
	nonces *nonces
	gate   atomic.Bool

	following sync.Mutex // while the log is read and the ledger brought after it
	told      uint64     // the last reset of which was told that it is not followed

	shares, refused atomic.Uint64
}

// NewServer returns a server whose gate is shut.
func NewServer(config ServerConfig) *Server {
	return &Server{config: config, nonces: newNonces()}
}

// openGate lets shares leave. It is called only when this cosigner has waited
// for a barrier and then filled its ledger from the log: before that, its ledger
// may lack what the others saw it sign.
func (s *Server) openGate() { s.gate.Store(true) }

// Ready returns nil while shares may leave: the gate is open, and nobody is known to remember more
// than this cosigner does.
func (s *Server) Ready() error {
	if !s.gate.Load() {
		return errors.New("this cosigner has not caught up with the log yet")
	}
	return s.config.Remembers()
}

// Stats returns the server's counts.
func (s *Server) Stats() ServerStats {
	return ServerStats{Shares: s.shares.Load(), Refused: s.refused.Load()}
}

// Commit hands out fresh one-time commitments to another cosigner (RFC 9591
// section 5.1).
func (s *Server) Commit(ctx context.Context, r *cosignerv1.CommitRequest) (*cosignerv1.CommitResponse, error) {
	caller, ok := s.config.Caller(ctx)
	if !ok {
		return nil, errNotAdmitted
	}
	return s.commit(caller, r)
}

// errNotAdmitted is for a call that did not come through package peer.
var errNotAdmitted = status.Error(codes.PermissionDenied,
	"only another cosigner may call this, once it is admitted on the state that it shows")

func (s *Server) commit(caller string, r *cosignerv1.CommitRequest) (*cosignerv1.CommitResponse, error) {
	if r.GetCount() == 0 || r.GetCount() > maxCommit {
		return nil, status.Errorf(codes.InvalidArgument, "%d commitments, allowed are 1 to %d", r.GetCount(), maxCommit)
	}
	keys, err := s.keys(r.GetShareEpoch())
	if err != nil {
		return nil, err
	}
	if err := s.Ready(); err != nil { // whoever holds our commitments counts on our shares
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	fresh, err := s.nonces.issue(caller, keys, int(r.GetCount()), time.Now())
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	out := &cosignerv1.CommitResponse{SessionId: s.config.Session[:]}
	for _, w := range fresh {
		out.Commitments = append(out.Commitments, protoCommitment(w.index, w.nonce.Commitment()))
	}
	return out, nil
}

// Share makes this cosigner's share of a message that a node asked for (RFC 9591
// section 5.2). It refuses with PermissionDenied whom nobody admitted,
// Unauthenticated what no node signed, InvalidArgument what it would not sign for
// anybody, Aborted what comes from an
// older term or share epoch or is not in its log, NotFound a commitment that it
// does not have (any more), FailedPrecondition a slot for which its log or its
// ledger has another digest or its ledger no memory, and Unavailable while it
// cannot tell.
func (s *Server) Share(ctx context.Context, r *cosignerv1.ShareRequest) (*cosignerv1.ShareResponse, error) {
	caller, ok := s.config.Caller(ctx)
	if !ok {
		return nil, errNotAdmitted
	}
	share, err := s.share(ctx, ask{caller: caller, request: r})
	if err != nil {
		return nil, err
	}
	return &cosignerv1.ShareResponse{Share: share[:]}, nil
}

// ask is what a share is asked for. The session is nil but for our own Quorum, which has derived it
// already.
type ask struct {
	caller  string
	request *cosignerv1.ShareRequest
	session *frost.Session
}

func (s *Server) share(ctx context.Context, a ask) ([32]byte, error) {
	share, err := s.release(ctx, a)
	if err != nil {
		s.refused.Add(1)
		s.config.Logger.Warn().Str("cosigner", a.caller).Str("node", a.request.GetNode()).Err(err).Msg("gave no share")
		return share, err
	}
	s.shares.Add(1)
	return share, nil
}

// release is the one place where a share of the validator's key leaves this
// cosigner, for itself as for others. (keygen's check of fresh shares signs a
// message of its own, before there is a cosigner.) Each step guards the next:
//
//   - authorize: we hold shares of that epoch, Raft knows no newer term than the
//     caller's, the message is one of Casper's and of our chain, a registered
//     node signed its request for it, and our gate is open: we have caught up;
//   - openSession: the commitment is one that this process gave this caller and
//     has not used, and the signing set lists exactly that;
//   - await: our own copy of the log holds the message for its slot, applied or
//     stored as the caller sent it (package held), whatever the caller says;
//   - claim: the slot is in our ledger, durably, with exactly this digest. It
//     holds also where whoever leads does not keep to Raft, and shows one
//     cosigner after the other a log of its own;
//   - the nonce is burnt before the share is computed.
//
// A handshake has no slot, so the log and the ledger are not asked for it.
// Whether it is for the node's own TLS key, and how many it may have, only the
// leader checks (signer).
func (s *Server) release(ctx context.Context, a ask) (share [32]byte, err error) {
	r, session := a.request, a.session
	keys, message, err := s.authorize(r)
	if err != nil {
		return share, err
	}
	if session == nil {
		if session, err = s.openSession(recipient{a.caller, keys.Epoch}, keys.Share, r, message); err != nil {
			return share, err
		}
	}
	if !session.Signs(message.SignBytes()) {
		return share, status.Error(codes.InvalidArgument, "the session is for another message")
	}
	if slot, ok := casper.SlotOf(message); ok {
		c := s.claimed(a, slot, message)
		if err := s.await(ctx, c); err != nil {
			return share, err
		}
		// If we crash here, the slot may or may not be claimed, and nothing has left.
		if err := s.claim(c); err != nil {
			return share, err
		}
	}
	// From here on the slot is bound on our disk. If we crash now, the share is
	// made again later, for the same message.
	nonce, ok := s.nonces.take(recipient{a.caller, keys.Epoch}, r.GetCommitmentIndex(), time.Now())
	if !ok {
		return share, errNonceUnknown
	}
	share, err = keys.Share.Sign(nonce, session)
	if err != nil {
		return share, status.Errorf(codes.InvalidArgument, "signing: %v", err)
	}
	return share, nil
}

var errNonceUnknown = status.Error(codes.NotFound, "no such commitment: used, too old, or of an earlier process")

// authorize returns the message of a request that is fit to be signed by
// somebody, and the keys to do it with; see release.
func (s *Server) authorize(r *cosignerv1.ShareRequest) (Keys, casper.Message, error) {
	keys, err := s.keys(r.GetShareEpoch())
	if err != nil {
		return keys, nil, err
	}
	if err := s.checkTerm(r.GetTerm()); err != nil {
		return keys, nil, err
	}
	message, err := casper.Decode(r.GetMessage()) // also validates
	if err != nil {
		return keys, nil, status.Error(codes.InvalidArgument, err.Error())
	}
	if chain, ok := casper.ChainOf(message); ok && chain != s.config.Chain {
		return keys, nil, status.Errorf(codes.InvalidArgument,
			"finality signature for chain name hash %v, ours is %v", chain, s.config.Chain)
	}
	if len(r.GetRequestSignature()) != 64 {
		return keys, nil, status.Errorf(codes.InvalidArgument,
			"request signature of %d bytes, want 64", len(r.GetRequestSignature()))
	}
	signature := [64]byte(r.GetRequestSignature())
	if err := s.config.VerifyRequest(r.GetNode(), message, r.GetAskedAt(), signature); err != nil {
		return keys, nil, status.Errorf(codes.Unauthenticated, "request of node %q: %v", r.GetNode(), err)
	}
	if err := s.Ready(); err != nil {
		return keys, nil, status.Error(codes.Unavailable, err.Error())
	}
	return keys, message, nil
}

// openSession derives the FROST session, which must list exactly the commitment
// that we gave to the caller under that number.
func (s *Server) openSession(to recipient, key *frost.KeyShare, r *cosignerv1.ShareRequest,
	m casper.Message) (*frost.Session, error) {
	if session, err := statedir.ParseID(r.GetSessionId()); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	} else if session != s.config.Session {
		return nil, errNonceUnknown
	}
	own, ok := s.nonces.commitment(to, r.GetCommitmentIndex(), time.Now())
	if !ok {
		return nil, errNonceUnknown
	}
	set, err := parseSigners(key.Group(), r.GetSigners(), own)
	if err != nil {
		return nil, err
	}
	session, err := frost.NewSession(key.Group(), m.SignBytes(), set)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return session, nil
}

// claim binds the message's slot in our ledger, durably.
func (s *Server) claim(c held.Claim) error {
	err := s.config.Ledger.Claim(c.Slot, casper.Digest(c.Message), c.Resets)
	var conflict *ConflictError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &conflict), errors.Is(err, ErrBelowFloor), errors.Is(err, ErrDiffers):
		return status.Error(codes.FailedPrecondition, err.Error())
	}
	return status.Error(codes.Unavailable, err.Error())
}

// keys returns the keys of an epoch that a caller names.
func (s *Server) keys(epoch uint32) (Keys, error) {
	keys, err := s.config.Keyring.At(epoch)
	if err != nil {
		return keys, status.Error(codes.Aborted, err.Error())
	}
	return keys, nil
}

// checkTerm refuses a leader that has been replaced.
func (s *Server) checkTerm(term uint64) error {
	if newest := s.config.Term(); term < newest {
		return status.Errorf(codes.Aborted, "term %d, but this is term %d", term, newest)
	}
	return nil
}
