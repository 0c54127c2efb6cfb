package cosigner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/timing"
	"casper-cosigner/rule/watermark"
)

// task is what is to be signed, and with which keys. It does not change.
type task struct {
	keys    Keys // of the epoch that it is signed in
	slot    casper.Slot
	forSlot bool
	signed  []byte // bytes to be signed
	message []byte // in its canonical encoding
	term    uint64
	index   uint64 // of an entry by which our log holds the claim
	claim   watermark.Claim
}

// request asks for a share by one commitment, in one signing set. What it holds is shared by all
// requests of the task, and not changed.
func (t *task) request(session []byte, index uint64, signers []*cosignerv1.SignerCommitment) *cosignerv1.ShareRequest {
	return &cosignerv1.ShareRequest{
		Term: t.term, Index: t.index, ShareEpoch: t.keys.Epoch,
		Message: t.message, Node: t.claim.Node, AskedAt: t.claim.AskedAt, RequestSignature: t.claim.Signature[:],
		SessionId: session, CommitmentIndex: index, Signers: signers,
	}
}

// signing is one signature in the making: whom to ask for it, and when to ask others. Its fields
// belong to the goroutine that runs it; attempts report through outcomes.
type signing struct {
	task
	quorum   *Quorum
	outcomes chan outcome

	running []*attempt
	failed  map[*participant]error // not to be asked again for this signature
	slow    map[*participant]bool  // overdue in some attempt
	unknown map[*participant]bool  // had lost a commitment, and got a second chance
}

// outcome is how an attempt ended. A failures is somebody's fault, so that others may do better;
// any other error is nobody's in particular.
type outcome struct {
	attempt   *attempt
	signature casper.Signature
	err       error
}

// run makes attempts until one succeeds: another one with other participants when one fails, and
// beside it when one is slow.
func (s *signing) run(ctx context.Context) (casper.Signature, error) {
	s.start(ctx)
	hedge := time.NewTimer(s.patience())
	defer hedge.Stop()
	for {
		if len(s.running) == 0 {
			clear(s.slow) // better a slow participant than none
			if !s.start(ctx) {
				return casper.Signature{}, s.noQuorum()
			}
			s.quorum.retried.Add(1)
			hedge.Reset(s.patience())
		}
		select {
		case o := <-s.outcomes:
			var failed failures
			if !errors.As(o.err, &failed) {
				return o.signature, o.err
			}
			s.fail(o.attempt, failed)
			if s.start(ctx) {
				s.quorum.retried.Add(1)
				hedge.Reset(s.patience())
			}
		case <-hedge.C:
			s.markSlow()
			if s.start(ctx) {
				s.quorum.hedged.Add(1)
				hedge.Reset(s.patience())
			}
		case <-ctx.Done():
			return casper.Signature{}, errors.Join(ctx.Err(), s.noQuorum())
		}
	}
}

// patience is how long the running attempts may take before another one is begun beside them.
func (s *signing) patience() time.Duration {
	usual := time.Duration(0)
	for _, a := range s.running {
		for _, p := range a.participants {
			usual = max(usual, p.usual())
		}
	}
	return timing.Patience(usual)
}

// start begins another attempt if enough participants are neither failed nor slow.
func (s *signing) start(ctx context.Context) bool {
	set := s.quorum.choose(s.keys, func(p *participant) bool { return s.failed[p] != nil || s.slow[p] })
	if set == nil {
		return false
	}
	a := &attempt{task: s.task, quorum: s.quorum, participants: set, waiting: map[*participant]bool{}}
	a.await()
	s.running = append(s.running, a)
	// The goroutine ends when ctx does, which Sign sees to. Only a share of our own that waits for a
	// hung disk outlives it, until the watchdog bites.
	go func() {
		signature, err := a.sign(ctx)
		select {
		case s.outcomes <- outcome{a, signature, err}:
		case <-ctx.Done():
		}
	}()
	return true
}

// fail takes in who failed an attempt.
func (s *signing) fail(a *attempt, failed failures) {
	s.running = slices.DeleteFunc(s.running, func(other *attempt) bool { return other == a })
	for p, err := range failed {
		p.failed(err)
		if status.Code(err) == codes.NotFound && !s.unknown[p] {
			// It restarted, or dropped our commitment: others of it may be good.
			s.unknown[p] = true
			p.forget()
			continue
		}
		if s.forSlot && slotRefusal(err) {
			err = &AlarmError{Cosigner: p.name, Slot: s.slot, Err: err}
			s.quorum.alarms.Add(1)
			s.quorum.config.Logger.Error().Err(err).Str("cosigner", p.name).Stringer("slot", s.slot).
				Msg("a cosigner contradicts the log")
		}
		s.failed[p] = err
	}
}

// markSlow notes who keeps the running attempts waiting.
func (s *signing) markSlow() {
	for _, a := range s.running {
		for _, p := range a.awaited() {
			if !s.slow[p] {
				s.slow[p] = true
				p.slow()
			}
		}
	}
}

func (s *signing) noQuorum() error {
	e := &QuorumError{}
	for _, p := range s.quorum.participants {
		if err := s.failed[p]; err != nil {
			e.Causes = append(e.Causes, fmt.Errorf("cosigner %s: %w", p.name, err))
		} else if s.slow[p] {
			e.Causes = append(e.Causes, fmt.Errorf("cosigner %s: no answer yet", p.name))
		} else if split := p.status().Split; split != nil {
			e.Causes = append(e.Causes, fmt.Errorf("cosigner %s: %w", p.name, split))
		}
	}
	return e
}
