package cosigner

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cosigner/frost"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/presence"
)

// asker is how a Quorum asks one cosigner: over the network, or its own server.
type asker interface {
	// commit must return exactly count commitments for shares of the keys' epoch, decoded and checked.
	// None are asked for to learn whether a share or an attestation could leave it now.
	commit(ctx context.Context, keys Keys, count int) ([]commitment, error)
	// share must be for the session, which r describes for the other side.
	share(ctx context.Context, r *cosignerv1.ShareRequest, session *frost.Session) ([32]byte, error)
	// attest returns what was answered, unverified.
	attest(ctx context.Context, r *cosignerv1.AttestRequest) (attest.Attestation, error)
}

// local asks our own server: the same gate, the same log and ledger, without a
// network, and without decoding what was made here.
type local struct{ server *Server }

func (l local) commit(_ context.Context, keys Keys, count int) ([]commitment, error) {
	if err := l.server.Ready(); err != nil {
		return nil, err
	}
	if count == 0 {
		return nil, nil
	}
	now, config := time.Now(), l.server.config
	issued, err := l.server.nonces.issue(config.Name, keys, count, now)
	if err != nil {
		return nil, err
	}
	fresh := make([]commitment, count)
	for i, w := range issued {
		fresh[i] = commitment{
			Commitment: w.nonce.Commitment(), index: w.index, epoch: keys.Epoch, session: config.Session, since: now,
		}
	}
	return fresh, nil
}

func (l local) share(ctx context.Context, r *cosignerv1.ShareRequest, session *frost.Session) ([32]byte, error) {
	return l.server.share(ctx, ask{caller: l.server.config.Name, request: r, session: session})
}

func (l local) attest(ctx context.Context, r *cosignerv1.AttestRequest) (attest.Attestation, error) {
	return l.server.attest(ctx, asked{l.server.config.Name, r})
}

// remote asks another cosigner. That its answers come from the state that it was
// last seen with is the connection's to see to: see package peer.
type remote struct {
	name   string
	client cosignerv1.CosignerServiceClient
}

func (r remote) commit(ctx context.Context, keys Keys, count int) ([]commitment, error) {
	request := &cosignerv1.CommitRequest{Count: uint32(count), ShareEpoch: keys.Epoch}
	if count > 0 {
		request.Split = keys.split()
	}
	answer, err := r.client.Commit(ctx, request)
	if err != nil {
		return nil, err
	}
	if count > 0 {
		if err := keys.against(answer.GetSplit()); err != nil {
			return nil, err
		}
	}
	session, err := presence.ParseID(answer.GetSessionId())
	if err != nil {
		return nil, err
	}
	if len(answer.GetCommitments()) != count {
		return nil, fmt.Errorf("%d commitments, asked for %d", len(answer.GetCommitments()), count)
	}
	now := time.Now()
	fresh := make([]commitment, count)
	for i, c := range answer.GetCommitments() {
		parsed, err := parseCommitment(keys.Share.Group(), keys.Holders[r.name], c)
		if err != nil {
			return nil, err
		}
		fresh[i] = commitment{Commitment: parsed, index: c.GetIndex(), epoch: keys.Epoch, session: session, since: now}
	}
	return fresh, nil
}

func (r remote) share(ctx context.Context, request *cosignerv1.ShareRequest, _ *frost.Session) (share [32]byte,
	err error) {
	answer, err := r.client.Share(ctx, request)
	if err != nil {
		return share, err
	}
	if len(answer.GetShare()) != len(share) {
		return share, fmt.Errorf("a share of %d bytes", len(answer.GetShare()))
	}
	return [32]byte(answer.GetShare()), nil
}

func (r remote) attest(ctx context.Context, request *cosignerv1.AttestRequest) (a attest.Attestation, err error) {
	answer, err := r.client.Attest(ctx, request)
	switch status.Code(err) {
	case codes.OK:
	case codes.Unimplemented, codes.PermissionDenied:
		return a, fmt.Errorf("%w; a release before this one knows no attestations: bring all to one release", err)
	default:
		return a, err
	}
	if len(answer.GetSignature()) != len(a.Signature) {
		return a, fmt.Errorf("an attestation of %d bytes", len(answer.GetSignature()))
	}
	return attest.Attestation{Cosigner: r.name, Signature: [64]byte(answer.GetSignature())}, nil
}
