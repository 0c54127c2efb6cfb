package cosigner

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc/status"

	"casper-cosigner/cosigner/frost"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/timing"
)

// Standing is what a Quorum knows of one cosigner, itself included.
type Standing struct {
	Name      string
	Own       bool
	Stock     int           // commitments in hand
	Ready     bool          // it could be asked at once; see participant.can
	Latency   time.Duration // of its shares, smoothed; its distance if it was never asked, 0 if that is unknown
	Failures  int           // failed or slow answers since the last good one
	BadShares int           // wrong shares; it is asked last if there were any
	LastError string        // of the last failure; "" since the last good answer
	Split     *SplitError   // its share is of another split than ours, so that it is not asked; else nil
}

// participant is one cosigner as the leader sees it (RFC 9591's word for who takes part in a
// signature): how to ask it, its commitments and how well it answered.
type participant struct {
	name    string
	own     bool
	asker   asker
	keyring *Keyring
	wake    chan struct{} // asks for a refill
	// distance may be nil; see QuorumConfig.
	distance func(name string) (time.Duration, bool)
	attests  bool // some node is stock, so that attestations count as shares do
	logger   zerolog.Logger

	mu        sync.Mutex
	stock     []commitment // oldest first, all of one session and epoch
	target    int
	taken     int       // since the last look
	seen      time.Time // when it last said that it could attest; where it gives us no share
	latency   time.Duration
	failures  int
	badShares int
	lastError string
	split     *SplitError // nil: of one split, or it does not tell
}

// ask asks for a share.
func (p *participant) ask(ctx context.Context, r *cosignerv1.ShareRequest, session *frost.Session) (share [32]byte,
	err error) {
	start := time.Now()
	if share, err = p.asker.share(ctx, r, session); err == nil {
		p.answered(time.Since(start))
	}
	return share, err
}

// answered notes a good share.
func (p *participant) answered(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures, p.lastError = 0, ""
	p.latency = timing.Usual(p.latency, took)
}

// failed notes a failure.
func (p *participant) failed(err error) {
	var split *SplitError
	errors.As(err, &split)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures++
	p.lastError = status.Convert(err).Message() // an operator reads it
	if split != nil {
		p.stock, p.seen = nil, time.Now() // the stock is of an earlier process, with another share
		if p.split == nil || *p.split != *split {
			p.logger.Error().Err(err).Str("cosigner", p.name).Msg("asking it for no share")
		}
	}
	p.split = split
}

// slow notes that an answer is overdue.
func (p *participant) slow() { p.failed(errors.New("its answer is overdue")) }

// usual returns how long its shares take, smoothed, or will take as far as that is known.
func (p *participant) usual() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.expected()
}

// expected is usual, with mu held.
func (p *participant) expected() time.Duration {
	if p.latency > 0 || p.own || p.distance == nil {
		return p.latency
	}
	away, _ := p.distance(p.name)
	return away
}

// cheated notes a wrong share.
func (p *participant) cheated() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.badShares++
	p.lastError = "gave a wrong share"
}

func (p *participant) status() Standing {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Standing{
		Name: p.name, Own: p.own, Stock: len(p.stock), Ready: p.can(time.Now()), Latency: p.expected(),
		Failures: p.failures, BadShares: p.badShares, LastError: p.lastError, Split: p.split,
	}
}
