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
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/held"
	"casper-cosigner/rule/presence"
	"casper-cosigner/rule/refusal"
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
	// Lead must return who leads, and the newest term, as this cosigner's own Raft knows. What a
	// caller says of its term must not raise it: a hostile one could shut out the leader.
	Lead func() held.Lead
	// Nodes is which nodes of this cosigner's own cluster file are stock.
	Nodes attest.Nodes
	// Attest must sign with this cosigner's member key that it holds this.
	Attest func(attest.Holding) attest.Attestation

	Logger zerolog.Logger
}

// ServerStats counts what a Server answered since it was made.
type ServerStats struct {
	Shares   uint64 // shares that left, to itself included
	Attested uint64 // attestations that left, likewise
	Refused  uint64 // requests for either that were refused
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

	shares, attested, refused atomic.Uint64
}

// NewServer returns a server whose gate is shut.
func NewServer(config ServerConfig) *Server {
	return &Server{config: config, nonces: newNonces(config.Ledger.Resets)}
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
	return ServerStats{Shares: s.shares.Load(), Attested: s.attested.Load(), Refused: s.refused.Load()}
}

// Commit hands out fresh one-time commitments to another cosigner (RFC 9591
// section 5.1). Asked for none it says whether it could give a share or an
// attestation, which is how cosigners without shares know of each other.
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
	if r.GetCount() > maxCommit {
		return nil, status.Errorf(codes.InvalidArgument, "%d commitments, allowed are at most %d", r.GetCount(), maxCommit)
	}
	if err := s.Ready(); err != nil { // whoever holds our commitments counts on our shares
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	if r.GetCount() == 0 {
		return &cosignerv1.CommitResponse{SessionId: s.config.Session[:]}, nil
	}
	keys, err := s.keys(r.GetShareEpoch())
	if err != nil {
		return nil, err
	}
	out := &cosignerv1.CommitResponse{SessionId: s.config.Session[:], Split: keys.split()}
	if keys.against(r.GetSplit()) != nil { // who asks says so, too, as soon as it reads ours
		return out, nil
	}
	fresh, err := s.nonces.issue(caller, keys, int(r.GetCount()), time.Now())
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	for _, w := range fresh {
		out.Commitments = append(out.Commitments, protoCommitment(w.index, w.nonce.Commitment()))
	}
	return out, nil
}

// Share makes this cosigner's share of a message that a node asked for (RFC 9591
// section 5.2). It refuses with PermissionDenied whom nobody admitted,
// Unauthenticated what no node signed, InvalidArgument what it would not sign for
// anybody, Aborted what comes from an older term or share epoch, or from who does
// not lead, or is not in its log, NotFound a commitment that it
// does not have (any more), FailedPrecondition a slot for which its log or its
// ledger has another digest, its log another request, or its ledger no memory, and
// Unavailable while it cannot tell.
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
//   - authorize: Raft knows no newer term than the caller's, the message is one of
//     Casper's and of our chain, a registered node signed its request for it, and
//     our gate is open: we have caught up; and we hold shares of that epoch, for
//     nodes that hold no key;
//   - heed: the caller leads, or is our own Quorum;
//   - openSession: the commitment is one that this process gave this caller and
//     has not used, and the signing set lists exactly that;
//   - bind: our own copy of the log holds the message for its slot, and then so
//     does our ledger;
//   - the nonce is burnt before the share is computed.
//
// A handshake has no slot, so the log and the ledger are not asked for it.
// Whether it is for the node's own TLS key, and how many it may have, only the
// leader checks (signer).
func (s *Server) release(ctx context.Context, a ask) (share [32]byte, err error) {
	r, session := a.request, a.session
	keys, err := s.keys(r.GetShareEpoch())
	if err != nil {
		return share, err
	}
	message, err := s.authorize(r)
	if err != nil {
		return share, err
	}
	if err := s.mayShare(r.GetNode(), message); err != nil {
		return share, err
	}
	if err := s.heed(ctx, a.caller, r.GetTerm()); err != nil {
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
		if err := s.bind(ctx, asked{a.caller, r}, slot, message); err != nil {
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

var errNonceUnknown = status.Error(codes.NotFound, "no such commitment: used, too old, or of before "+
	"this process began or the heights were reset")

// mayShare refuses a share where no node wants one: a stock node signs itself. What it claimed is
// signed for others.
func (s *Server) mayShare(node string, m casper.Message) error {
	if _, ok := casper.SlotOf(m); !ok && s.config.Nodes.AgainstSigning(node) != refusal.None {
		return status.Errorf(codes.InvalidArgument, "handshake of node %q: %v", node, s.config.Nodes.AgainstSigning(node))
	}
	if s.config.Nodes.Stock() && !s.config.Nodes.Signed() {
		return status.Error(codes.InvalidArgument, "all nodes of the cluster file are stock and sign themselves: no shares")
	}
	return nil
}

// openSession derives the FROST session, which must list exactly the commitment
// that we gave to the caller under that number.
func (s *Server) openSession(to recipient, key *frost.KeyShare, r *cosignerv1.ShareRequest,
	m casper.Message) (*frost.Session, error) {
	if session, err := presence.ParseID(r.GetSessionId()); err != nil {
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

// keys returns the keys of an epoch that a caller names.
func (s *Server) keys(epoch uint32) (Keys, error) {
	keys, err := s.config.Keyring.At(epoch)
	switch {
	case errors.Is(err, ErrNoShare): // another leader would fare no better
		return keys, status.Error(codes.InvalidArgument, err.Error())
	case err != nil:
		return keys, status.Error(codes.Aborted, err.Error())
	}
	return keys, nil
}
