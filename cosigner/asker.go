package cosigner

import (
	"context"
	"fmt"
	"time"

	"casper-cosigner/cosigner/frost"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/statedir"
)

// asker is how a Quorum asks one cosigner: over the network, or its own server.
type asker interface {
	// commit must return exactly count commitments, decoded and checked.
	commit(ctx context.Context, count int) ([]commitment, error)
	// share must be for the session, which r describes for the other side.
	share(ctx context.Context, r *cosignerv1.ShareRequest, session *frost.Session) ([32]byte, error)
	// hand gives finished signatures away, as best it can.
	hand(ctx context.Context, r *cosignerv1.KeepRequest)
}

// local asks our own server: the same gate and the same ledger, without a
// network, and without decoding what was made here.
type local struct{ server *Server }

func (l local) commit(_ context.Context, count int) ([]commitment, error) {
	if err := l.server.Ready(); err != nil {
		return nil, err
	}
	now := time.Now()
	issued, err := l.server.nonces.issue(l.server.config.Name, count, now)
	if err != nil {
		return nil, err
	}
	fresh := make([]commitment, count)
	for i, w := range issued {
		fresh[i] = commitment{Commitment: w.nonce.Commitment(), index: w.index, session: l.server.session, since: now}
	}
	return fresh, nil
}

func (l local) share(_ context.Context, r *cosignerv1.ShareRequest, session *frost.Session) ([32]byte, error) {
	return l.server.share(l.server.config.Name, r, session)
}

func (l local) hand(context.Context, *cosignerv1.KeepRequest) {}

// remote asks another cosigner, and believes its answers only while it shows the
// state that it was last seen with.
type remote struct {
	Peer
	server *Server // our own, for what we show of ourselves
	admit  func(peer string, p statedir.Presence) error
}

func (r remote) commit(ctx context.Context, count int) ([]commitment, error) {
	config := r.server.config
	answer, err := r.Client.Commit(ctx, &cosignerv1.CommitRequest{
		Presence: config.Presence().Proto(), Count: uint32(count), ShareEpoch: config.ShareEpoch,
	})
	if err != nil {
		return nil, err
	}
	session, err := r.check(answer.GetPresence())
	if err != nil {
		return nil, err
	}
	if len(answer.GetCommitments()) != count {
		return nil, fmt.Errorf("%d commitments, asked for %d", len(answer.GetCommitments()), count)
	}
	now := time.Now()
	fresh := make([]commitment, count)
	for i, c := range answer.GetCommitments() {
		parsed, err := frost.ParseCommitment(config.Share.Group(), r.ShareID, c.GetHiding(), c.GetBinding())
		if err != nil {
			return nil, err
		}
		fresh[i] = commitment{Commitment: parsed, index: c.GetIndex(), session: session, since: now}
	}
	return fresh, nil
}

func (r remote) share(ctx context.Context, request *cosignerv1.ShareRequest, _ *frost.Session) (share [32]byte, err error) {
	answer, err := r.Client.Share(ctx, request)
	if err != nil {
		return share, err
	}
	if _, err := r.check(answer.GetPresence()); err != nil {
		return share, err
	}
	if len(answer.GetShare()) != len(share) {
		return share, fmt.Errorf("a share of %d bytes", len(answer.GetShare()))
	}
	return [32]byte(answer.GetShare()), nil
}

func (r remote) hand(ctx context.Context, request *cosignerv1.KeepRequest) {
	request.Presence = r.server.config.Presence().Proto()
	_, _ = r.Client.Keep(ctx, request)
}

// check admits the process that answered.
func (r remote) check(p *cosignerv1.Presence) (session statedir.ID, err error) {
	presence, err := statedir.ParsePresence(p)
	if err != nil {
		return session, err
	}
	return presence.Session, r.admit(r.Name, presence)
}
