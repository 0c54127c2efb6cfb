package daemon

import (
	"context"
	"errors"
	"fmt"

	"casper-cosigner/cosigner"
	"casper-cosigner/peer"
	"casper-cosigner/raftstore"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/signer"
)

// replicatedLog is the store as signer knows it.
type replicatedLog struct{ *raftstore.Store }

// Leader returns who leads.
func (l replicatedLog) Leader() signer.Leadership { return signer.Leadership(l.Store.Leader()) }

// catchUpLog is the store as a cosigner catches up with it: with the barriers of whoever leads.
type catchUpLog struct {
	*raftstore.Store
	barriers *peer.Barriers
}

// Barrier returns an index by which the log holds every claim made so far.
func (l catchUpLog) Barrier(ctx context.Context) (uint64, error) { return l.barriers.Barrier(ctx) }

// quorum is the quorum as signer knows it.
type quorum struct{ *cosigner.Quorum }

// Sign tells a quorum that is too small from one that refused the claim.
func (q quorum) Sign(ctx context.Context, term uint64, c watermark.Claim) (casper.Signature, error) {
	signature, err := q.Quorum.Sign(ctx, term, c)
	return signature, disputed(err)
}

// Attest does likewise.
func (q quorum) Attest(ctx context.Context, term uint64, c watermark.Claim) ([]attest.Attestation, error) {
	all, err := q.Quorum.Attest(ctx, term, c)
	return all, disputed(err)
}

func disputed(err error) error {
	var failed *cosigner.QuorumError
	if errors.As(err, &failed) && failed.Disputed() {
		return fmt.Errorf("%w: %w", err, signer.ErrDisputed)
	}
	return err
}
