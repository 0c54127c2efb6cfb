// Package signer is the one path from a node's request to a signature.
//
// It promises that a signature leaves only for a message that the log holds for its slot, that a
// slot which holds a message is finished with that message whoever asks, and that a request whose
// asker has given up binds nothing. A node that holds the validator's key itself goes the same way,
// and is given attestations in the place of a signature. What a slot may hold is watermark's to
// say, what becomes of a request turn's, how shares are made cosigner's, and how the log is
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

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/turn"
	"casper-cosigner/rule/watermark"
)

const (
	finishWithin = time.Second     // to settle a claim, even when its asker is gone
	stuckAfter   = time.Second     // a leader that cannot sign for this long while asked hands over
	forgiveAfter = 5 * time.Second // failures that are further apart are not one
)

// Leadership is who leads, in which term. Self holds only when this cosigner leads and has applied
// all that was ever claimed, so that a slot which it takes for free was free when it looked.
type Leadership struct {
	Name string
	Term uint64
	Self bool
}

// Log is the replicated log.
type Log interface {
	// View calls f with the applied state, which f must not keep or change.
	View(f func(*machine.State))
	// Apply must return nil only once the command is committed and applied here. Whatever else it
	// returns, the command may still be applied later.
	Apply(ctx context.Context, c machine.Command) (machine.Result, error)
	// Leader must not report Self on the strength of an old lease alone.
	Leader() Leadership
	// Next must be where an entry that is proposed now would stand, or before that, but on a leader
	// above all that anybody can have applied.
	Next() machine.Place
	// AdvancedAt is when the last advances of era and height were applied here, on this host's
	// monotonic clock.
	AdvancedAt() (era, height time.Time)
}

// Quorum makes threshold signatures.
type Quorum interface {
	// Ready must return nil only if commitments of enough cosigners are in hand, or if there are no
	// shares, enough could attest.
	Ready() error
	// Sign must make no share before its cosigner has the claim on disk. If other cosigners refuse
	// this very claim, which another leader could not help, its error must wrap ErrDisputed.
	Sign(ctx context.Context, term uint64, c watermark.Claim) (casper.Signature, error)
	// Attest must do the same for attestations, and return those of a threshold of cosigners.
	Attest(ctx context.Context, term uint64, c watermark.Claim) ([]attest.Attestation, error)
}

// Config is what a Signer is made of.
type Config struct {
	Chain     string           // name of the chain whose messages are signed
	Validator casper.PublicKey // whose signatures they are
	EraTime   time.Duration    // that an era takes at least; see turn.NewDesk
	BlockTime time.Duration    // that a block takes at least
	Grace     time.Duration    // how long a standby's claim of a round waits for the active node's
	Nodes     attest.Nodes     // which of the nodes are stock

	// VerifyRequest must fail unless the named node is registered and signed its request for m, as
	// asked at that index of the log; 0 in a request that does not say.
	VerifyRequest func(node string, m casper.Message, askedAt uint64, signature [64]byte) error
	// VerifyRegistration must fail unless it signed the registration of the TLS point; likewise.
	VerifyRegistration func(node string, point casper.TLSPoint, askedAt uint64, signature [64]byte) error

	Log      Log
	Quorum   Quorum
	Spread   func(casper.Hash, casper.Signature) // hands a new signature to the other cosigners; must not block
	HandOver func()                              // gives up leadership; must not block
	Observe  func(Event)                         // told about every answer; must not block
	Phase    func(string, time.Duration)         // told how long "claim", "shares" and "attestations" took; must not block
	Steady   func() bool                         // false for a moment after this process was paused
	Now      func() time.Time
	Passive  []string // nodes that cast no vote unless they are active: failover.Preference.Passive
	Logger   zerolog.Logger
}

// Event is one answered request, for metrics and status.
type Event struct {
	Node    string
	Kind    casper.Kind
	Slot    string
	Err     error // nil: a signature was given, or the claim granted
	Bound   bool  // of another value than the one asked for
	Granted bool  // to a node that signs itself
	Elapsed time.Duration
}

// Answer is a signature, or attestations, and what they are of: the message that was asked for, or
// the one that its slot holds.
type Answer struct {
	Message      casper.Message
	Signature    casper.Signature
	Attestations []attest.Attestation // for a node that signs itself
	known        bool                 // from before: nobody was asked for it now
}

// Signer answers requests. New makes one.
type Signer struct {
	Config
	chain      casper.Hash
	signatures *signatures
	flight     singleflight.Group

	mu         sync.Mutex
	desk       turn.Desk
	term       uint64        // that the desk was opened in
	changed    chan struct{} // closed and replaced when a slot was bound
	failing    time.Time     // since when nothing could be signed; zero when the last claim was
	failed     time.Time     // the last failure
	handshakes map[string]*rate.Limiter
}

// New returns a Signer.
func New(c Config) *Signer {
	s := &Signer{
		Config:     c,
		chain:      casper.ChainNameHash(c.Chain),
		signatures: newSignatures(),
		desk:       turn.NewDesk(c.EraTime, c.BlockTime, c.Grace),
		changed:    make(chan struct{}),
		handshakes: map[string]*rate.Limiter{},
	}
	s.desk.Preference.Passive = c.Passive
	for name, stock := range c.Nodes {
		if stock {
			s.desk.Preference.Stock = append(s.desk.Preference.Stock, name)
		}
	}
	return s
}

// Sign answers a node's request: the message, the node that asks for it and that node's signature
// of the request. The error is a *Refusal or wraps ErrUnavailable. ctx is the asker's patience.
func (s *Signer) Sign(ctx context.Context, request watermark.Claim) (Answer, error) {
	return s.observed(ctx, request, way{against: s.Nodes.AgainstSigning(request.Node), finish: s.finish})
}

// way is what the two kinds of node differ in: what stands against the request, and how what the
// slot holds is finished for it.
type way struct {
	against refusal.Reason
	signed  bool // turn.Request.Signed
	finish  func(ctx context.Context, term uint64, held watermark.Claim) (Answer, error)
}

func (s *Signer) observed(ctx context.Context, request watermark.Claim, w way) (Answer, error) {
	start := s.Now()
	answer, err := s.answer(ctx, request, w)
	s.Observe(Event{Node: request.Node, Kind: request.Message.Kind(), Slot: describe(request.Message), Err: err,
		Bound: err == nil && answer.Message != request.Message, Granted: answer.Attestations != nil,
		Elapsed: s.Now().Sub(start)})
	return answer, err
}

func (s *Signer) answer(ctx context.Context, request watermark.Claim, w way) (Answer, error) {
	lead := s.Log.Leader()
	if !lead.Self {
		return Answer{}, unserved(refusal.NotLeading)
	}
	s.lead(lead.Term)
	if err := s.admit(request); err != nil {
		return Answer{}, err
	}
	if w.against != refusal.None {
		return Answer{}, unserved(w.against)
	}
	slot, ok := casper.SlotOf(request.Message)
	if !ok {
		return s.certify(ctx, lead.Term, request)
	}
	d, err := s.await(ctx, turn.Request{Claim: request, Slot: slot, Signed: w.signed})
	switch {
	case err != nil:
		return Answer{}, err
	case d.Do == turn.Finish:
		return s.settle(ctx, d.Held.Message, func(ctx context.Context) (Answer, error) {
			return w.finish(ctx, lead.Term, d.Held)
		})
	}
	if err := s.mayClaim(ctx); err != nil {
		return Answer{}, err
	}
	// From here on the claim may be in the log, whatever becomes of us or of the asker.
	return s.settle(ctx, request.Message, func(ctx context.Context) (Answer, error) {
		start := s.Now()
		held, err := s.claim(ctx, request, d.Left)
		if err != nil {
			return Answer{}, err
		}
		answer, err := w.finish(ctx, lead.Term, held)
		if err == nil {
			s.signed(s.Now().Sub(start))
		}
		return answer, err
	})
}

// signed tells the desk how long a signature took, from its claim on.
func (s *Signer) signed(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.desk.Signed(took)
}

// lead tells the desk when a term of ours begins.
func (s *Signer) lead(term uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.term != term {
		s.term = term
		s.desk.Preference.Lead(s.Now())
	}
}

// admit refuses what is not a registered node's own request for a message of this chain.
func (s *Signer) admit(request watermark.Claim) error {
	if own, ok := casper.OwnPoint(request.Message); ok && !s.registered(request.Node, own) { // before costlier checks
		return unserved(refusal.PointUnknown)
	}
	if err := casper.Validate(request.Message); err != nil {
		return refuse(refusal.Malformed, "%v", err)
	}
	if err := s.VerifyRequest(request.Node, request.Message, request.AskedAt, request.Signature); err != nil {
		return refuse(refusal.BadSignature, "%v", err)
	}
	if chain, ok := casper.ChainOf(request.Message); ok && chain != s.chain {
		return refuse(refusal.OtherChain, "the block is of another chain than %s", s.Chain)
	}
	if s.suspended(request.Node) {
		return unserved(refusal.Suspended)
	}
	return nil
}

func (s *Signer) registered(node string, point casper.TLSPoint) (is bool) {
	s.Log.View(func(m *machine.State) { is = m.HasPoint(node, point) })
	return is
}

func (s *Signer) suspended(node string) (is bool) {
	s.Log.View(func(m *machine.State) {
		roles := m.Roles()
		is = roles.IsSuspended(node)
	})
	return is
}

// settle does what has to be done for a slot, and goes on when its asker gives up: what is claimed
// is to be finished, and others may be waiting for it.
func (s *Signer) settle(ctx context.Context, m casper.Message, do func(context.Context) (Answer, error)) (Answer,
	error) {
	type outcome struct {
		answer Answer
		err    error
	}
	done, start := make(chan outcome, 1), s.Now()
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishWithin)
		defer cancel()
		answer, err := do(ctx)
		if !answer.known {
			s.handOverIfStuck(start, err)
		}
		done <- outcome{answer, err}
	}()
	select {
	case o := <-done:
		return o.answer, o.err
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("signing %s: %w: %w", describe(m), ctx.Err(), ErrUnavailable)
	}
}

// claim binds the slot to the request, and returns what the slot holds then.
func (s *Signer) claim(ctx context.Context, request watermark.Claim, left int64) (watermark.Claim, error) {
	start := s.Now()
	result, err := s.Log.Apply(ctx, machine.Claim{Claim: request, TokensLeft: left, At: s.Now().UnixMilli()})
	if err != nil {
		return watermark.Claim{}, fmt.Errorf("claiming %s: %w: %w", describe(request.Message), err, ErrUnavailable)
	}
	s.Phase("claim", s.Now().Sub(start))
	s.wake()
	if result.Outcome != machine.Done && result.Outcome != machine.Held {
		return watermark.Claim{}, unserved(result.Why)
	}
	return result.Held, nil
}

// finish signs what a slot holds. Those who ask for the same slot at the same time share one round.
func (s *Signer) finish(ctx context.Context, term uint64, held watermark.Claim) (Answer, error) {
	digest := casper.Digest(held.Message)
	if signature, ok := s.signatures.get(digest, held.Message, s.Validator); ok {
		return Answer{Message: held.Message, Signature: signature, known: true}, nil
	}
	signature, err, _ := s.flight.Do(string(digest[:]), func() (any, error) {
		start := s.Now()
		signature, err := s.Quorum.Sign(ctx, term, held)
		if err != nil {
			return nil, err
		}
		s.Phase("shares", s.Now().Sub(start))
		s.signatures.put(digest, signature)
		s.Spread(digest, signature)
		return signature, nil
	})
	if err != nil {
		return Answer{}, fmt.Errorf("signing %s: %w: %w", describe(held.Message), err, ErrUnavailable)
	}
	return Answer{Message: held.Message, Signature: signature.(casper.Signature)}, nil
}

// Keep takes a signature that another cosigner finished. It is checked when it is used.
func (s *Signer) Keep(digest casper.Hash, signature casper.Signature) {
	s.signatures.offer(digest, signature)
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

// handOverIfStuck hands over when this leader, though asked, could sign nothing for stuckAfter.
// start is when what failed began. Only what came of a claim counts, not that askers gave up: else
// a node could unseat a sound leader by doing so. Nor does an answer that took nobody's share, or a
// refusal, speak for a leader: else a node that asks for such could keep one that cannot sign.
func (s *Signer) handOverIfStuck(start time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	switch {
	case err == nil, !s.Log.Leader().Self:
		s.failing = time.Time{}
		return
	case !errors.Is(err, ErrUnavailable), errors.Is(err, ErrDisputed):
		return
	}
	if s.failing.IsZero() || now.Sub(s.failed) > forgiveAfter {
		s.failing = start
	}
	s.failed = now
	if now.Sub(s.failing) >= stuckAfter {
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
