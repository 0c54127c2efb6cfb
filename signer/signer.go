// Package signer is the one path from a node's request to a signature.
//
// It promises that a signature leaves only for a message that the log holds for its slot, that a slot which holds a
// message is finished with that message whoever asks, and that a request whose asker has given up binds nothing. What a
// slot may hold is watermark's to say, who is preferred failover's, how shares are made cosigner's, and how the log is
// replicated raftstore's; signer knows the last two as ports only.
package signer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/signer/casper"
	"casper-cosigner/signer/failover"
	"casper-cosigner/signer/machine"
	"casper-cosigner/signer/watermark"
)

const (
	finishWithin = 2 * time.Second // to finish a claimed slot, even when its asker is gone
	stuckAfter   = time.Second     // a leader that cannot sign for this long while asked hands over
)

// Leadership is who leads, in which term. Self holds only when this cosigner leads and has applied all that was ever
// claimed, so that a slot which it takes for free was free when it looked.
type Leadership struct {
	Name string
	Term uint64
	Self bool
}

// Log is the replicated log.
type Log interface {
	// View calls f with the applied state, which f must not keep or change.
	View(f func(*machine.State))
	// Apply must return nil only once the command is committed and applied here. Whatever else it returns, the command
	// may still be applied later.
	Apply(ctx context.Context, c machine.Command) (machine.Result, error)
	// Leader must not report Self on the strength of an old lease alone.
	Leader() Leadership
	// AdvancedAt is when the last advances of era and height were applied here, on this host's monotonic clock.
	AdvancedAt() (era, height time.Time)
}

// Quorum makes threshold signatures.
type Quorum interface {
	// Ready must return nil only if commitments of enough cosigners are in hand.
	Ready() error
	// Sign must make no share before its cosigner has the claim on disk.
	Sign(ctx context.Context, term uint64, c watermark.Claim) (casper.Signature, error)
}

// Config is what a Signer is made of.
type Config struct {
	Cluster  *cluster.File
	Log      Log
	Quorum   Quorum
	Spread   func(casper.Hash, casper.Signature) // hands a new signature to the other cosigners; must not block
	HandOver func()                              // gives up leadership; must not block
	Observe  func(Event)                         // told about every answer; must not block
	Steady   func() bool                         // false for a moment after this process was paused
	Now      func() time.Time
	Logger   zerolog.Logger
}

// Event is one answered request, for metrics and status.
type Event struct {
	Node    string
	Kind    casper.Kind
	Slot    string
	Err     error // nil: a signature was given
	Bound   bool  // of another value than the one asked for
	Elapsed time.Duration
}

// Answer is a signature and what it is of: the message that was asked for, or the one that its slot holds.
type Answer struct {
	Message   casper.Message
	Signature casper.Signature
}

// Signer answers requests. New makes one.
type Signer struct {
	Config
	chain  casper.Hash
	kept   *kept
	flight singleflight.Group

	mu         sync.Mutex
	preference failover.Preference
	changed    chan struct{} // closed and replaced when a slot was bound
	failing    time.Time     // since when no request could be signed; zero when the last one was
	handshakes map[string]*rate.Limiter
}

// New returns a Signer.
func New(c Config) *Signer {
	return &Signer{
		Config: c,
		chain:  casper.ChainNameHash(c.Cluster.Chain),
		kept:   newKept(),
		preference: failover.Preference{
			Round: time.Duration(c.Cluster.MinBlockTime), Grace: time.Duration(c.Cluster.Grace)},
		changed:    make(chan struct{}),
		handshakes: map[string]*rate.Limiter{},
	}
}

// Sign answers a node's request: the message, the node that asks for it and that node's signature of the request. The
// error is a *Refusal or wraps ErrUnavailable. ctx is the asker's patience.
func (s *Signer) Sign(ctx context.Context, request watermark.Claim) (Answer, error) {
	start := s.Now()
	answer, err := s.sign(ctx, request)
	s.watch(start, err)
	s.Observe(Event{Node: request.Node, Kind: request.Message.Kind(), Slot: describe(request.Message), Err: err,
		Bound: err == nil && answer.Message != request.Message, Elapsed: s.Now().Sub(start)})
	return answer, err
}

func (s *Signer) sign(ctx context.Context, request watermark.Claim) (Answer, error) {
	lead := s.Log.Leader()
	if !lead.Self {
		return Answer{}, fmt.Errorf("this cosigner does not lead: %w", ErrUnavailable)
	}
	if err := s.admit(request); err != nil {
		return Answer{}, err
	}
	slot, ok := casper.SlotOf(request.Message)
	if !ok {
		return s.certify(ctx, lead.Term, request)
	}
	held, err := s.claim(ctx, slot, request)
	if err != nil {
		return Answer{}, err
	}
	return s.finish(ctx, lead.Term, held)
}

// admit refuses what is not a registered node's own request for a message of this chain.
func (s *Signer) admit(request watermark.Claim) error {
	if err := casper.Validate(request.Message); err != nil {
		return refuse(cosignerv1.RefusalReason_REFUSAL_REASON_MALFORMED, "%v", err)
	}
	if err := s.Cluster.VerifyRequest(request.Node, request.Message, request.Signature); err != nil {
		return refuse(cosignerv1.RefusalReason_REFUSAL_REASON_BAD_REQUEST_SIGNATURE, "%v", err)
	}
	if f, ok := request.Message.(casper.Finality); ok && f.ChainName != s.chain {
		return refuse(cosignerv1.RefusalReason_REFUSAL_REASON_UNSUPPORTED,
			"the block is of another chain than %s", s.Cluster.Chain)
	}
	suspended := false
	s.Log.View(func(m *machine.State) { roles := m.Roles(); suspended = roles.IsSuspended(request.Node) })
	if suspended {
		return refuseOutcome(machine.Suspended)
	}
	return nil
}

// claim returns what the slot holds, after binding it to the request if it is free and the request may have it.
func (s *Signer) claim(ctx context.Context, slot casper.Slot, request watermark.Claim) (watermark.Claim, error) {
	held, ok, left, err := s.mayClaim(ctx, slot, request)
	if ok || err != nil {
		return held, err
	}
	if err := s.Quorum.Ready(); err != nil {
		return held, fmt.Errorf("no quorum to sign with: %w: %w", err, ErrUnavailable)
	}
	// Last of all: a signer that was paused must not work off its backlog and bind slots to messages that nobody waits
	// for any more. From here on the claim may be in the log, whatever becomes of us or of the asker.
	if err := ctx.Err(); err != nil {
		return held, fmt.Errorf("the asker gave up: %w: %w", err, ErrUnavailable)
	}
	if !s.Steady() {
		return held, fmt.Errorf("this cosigner was paused, its askers may have given up: %w", ErrUnavailable)
	}
	result, err := s.Log.Apply(ctx, machine.Claim{Claim: request, TokensLeft: left, At: s.Now().UnixMilli()})
	if err != nil {
		return held, fmt.Errorf("claiming %v: %w: %w", slot, err, ErrUnavailable)
	}
	s.wake()
	if result.Outcome != machine.Done && result.Outcome != machine.Held {
		return held, refuseOutcome(result.Outcome)
	}
	return result.Held, nil
}

// mayClaim waits for the request's turn. It returns what the slot holds by then, or that it may be claimed and what
// would be left in the token bucket.
func (s *Signer) mayClaim(ctx context.Context, slot casper.Slot, request watermark.Claim) (watermark.Claim, bool, int64, error) {
	s.mu.Lock()
	s.preference.Asked(request.Node, slot, s.Now())
	s.mu.Unlock()
	for {
		now := s.Now()
		look, changed := s.look(slot), s.bound()
		switch {
		case !look.started:
			return look.held, false, 0, fmt.Errorf("the cluster has not started: all cosigners must meet once: %w", ErrUnavailable)
		case look.isHeld:
			return look.held, true, 0, nil
		case !look.floor.Covers(slot):
			return look.held, false, 0, refuseOutcome(machine.BelowFloor)
		}
		left, err := s.spend(look, slot, now)
		if err != nil {
			return look.held, false, 0, err
		}
		patience := time.Minute
		if deadline, ok := ctx.Deadline(); ok {
			patience = deadline.Sub(now)
		}
		s.mu.Lock()
		decision := s.preference.Decide(look.roles, request.Node, slot, look.place, patience, now)
		s.mu.Unlock()
		switch decision.Verdict {
		case failover.Serve:
			return look.held, false, left, nil
		case failover.Wait:
			select {
			case <-changed:
			case <-time.After(decision.Until.Sub(now)):
			case <-ctx.Done():
				return look.held, false, 0, fmt.Errorf("waiting for the active node: %w: %w", ctx.Err(), ErrUnavailable)
			}
		default:
			return look.held, false, 0, refuseVerdict(decision.Verdict)
		}
	}
}

// glance is what a decision needs of the applied state, read at one instant.
type glance struct {
	started     bool
	held        watermark.Claim
	isHeld      bool
	roles       failover.State
	floor       watermark.Mark
	newest      watermark.Mark
	place       failover.Place
	era, height machine.Advance
}

func (s *Signer) look(slot casper.Slot) (g glance) {
	s.Log.View(func(m *machine.State) {
		if g.started = m.Started(); !g.started {
			return
		}
		g.held, g.isHeld = m.Table().Lookup(slot)
		g.roles, g.floor, g.newest = m.Roles(), m.Table().Floor(), m.Table().Newest()
		round, _ := m.Table().NewestRound()
		g.place = failover.Place{Era: g.newest.Era, Round: round, Height: g.newest.Height}
		g.era, g.height = m.Advances()
	})
	return g
}

// spend returns what the token bucket of the slot's mark would hold after a claim of it.
func (s *Signer) spend(g glance, slot casper.Slot, now time.Time) (int64, error) {
	eraAt, heightAt := s.Log.AdvancedAt()
	bucket, last, at := watermark.EraBucket(time.Duration(s.Cluster.MinEraTime)), g.era, eraAt
	wanted, newest := slot.Era, g.newest.Era
	if slot.Kind == casper.KindFinality {
		bucket, last, at = watermark.HeightBucket(time.Duration(s.Cluster.MinBlockTime)), g.height, heightAt
		wanted, newest = slot.Height, g.newest.Height
	}
	if wanted <= newest {
		return last.Left, nil
	}
	left, ok := bucket.Spend(last.Left, now.Sub(at), wanted-newest)
	if !ok {
		return 0, refuse(cosignerv1.RefusalReason_REFUSAL_REASON_TOO_FAR_AHEAD,
			"%v is %d ahead of %d; the chain cannot be there yet (min_era_time, min_block_time in the cluster file)",
			slot, wanted-newest, newest)
	}
	return left, nil
}

// finish signs what a slot holds. It goes on when its asker gives up: others may be waiting for the same slot.
func (s *Signer) finish(ctx context.Context, term uint64, held watermark.Claim) (Answer, error) {
	digest := casper.Digest(held.Message)
	if signature, ok := s.kept.get(digest, held.Message, s.Cluster.Validator); ok {
		return Answer{Message: held.Message, Signature: signature}, nil
	}
	done := s.flight.DoChan(string(digest[:]), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishWithin)
		defer cancel()
		signature, err := s.Quorum.Sign(ctx, term, held)
		if err != nil {
			return nil, err
		}
		s.kept.put(digest, signature)
		s.Spread(digest, signature)
		return signature, nil
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return Answer{}, fmt.Errorf("signing %s: %w: %w", describe(held.Message), r.Err, ErrUnavailable)
		}
		return Answer{Message: held.Message, Signature: r.Val.(casper.Signature)}, nil
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("signing %s: %w: %w", describe(held.Message), ctx.Err(), ErrUnavailable)
	}
}

// Keep takes a signature that another cosigner finished. It is checked when it is used.
func (s *Signer) Keep(digest casper.Hash, signature casper.Signature) {
	s.kept.offer(digest, signature)
}

func (s *Signer) bound() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *Signer) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// watch hands over when requests that came in over stuckAfter could all not be signed for our own want of a quorum.
func (s *Signer) watch(start time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil || !errors.Is(err, ErrUnavailable) || !s.Log.Leader().Self {
		s.failing = time.Time{}
		return
	}
	if s.failing.IsZero() {
		s.failing = start
	}
	if s.Now().Sub(s.failing) >= stuckAfter {
		s.failing = time.Time{}
		s.HandOver()
	}
}

func describe(m casper.Message) string {
	if slot, ok := casper.SlotOf(m); ok {
		return slot.String()
	}
	return m.Kind().String()
}
