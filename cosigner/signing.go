package cosigner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"casper-cosigner/cosigner/frost"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
)

// signing is one signature in the making. Its fields belong to the goroutine
// that runs it; attempts report through outcomes.
type signing struct {
	quorum   *Quorum
	keys     Keys // of the epoch that it is made in
	slot     casper.Slot
	forSlot  bool
	signed   []byte // bytes to be signed
	request  *cosignerv1.ShareRequest
	outcomes chan outcome

	running []*attempt
	failed  map[*participant]error // not to be asked again for this signature
	slow    map[*participant]bool  // overdue in some attempt
	unknown map[*participant]bool  // had lost a commitment, and got a second chance
}

// attempt is one set of t participants that were asked together.
type attempt struct {
	participants []*participant

	mu      sync.Mutex
	waiting map[*participant]bool
}

// outcome is how an attempt ended: a signature, or who failed it.
type outcome struct {
	attempt   *attempt
	signature casper.Signature
	failures  map[*participant]error
	err       error // nobody's fault in particular
}

// run makes attempts until one succeeds: another one with other participants when
// one fails, and beside it when one is slow.
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
			if o.failures == nil {
				return o.signature, o.err
			}
			s.fail(o)
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

// patience is how long the running attempts may take before another one is begun
// beside them. Where all are slow, as under load, another attempt would only add to it.
func (s *signing) patience() time.Duration {
	usual := time.Duration(0)
	for _, a := range s.running {
		for _, p := range a.participants {
			usual = max(usual, p.usual())
		}
	}
	return max(hedgeAfter, min(slowerThanUsual*usual, mostPatience))
}

// start begins another attempt if enough participants are neither failed nor slow.
func (s *signing) start(ctx context.Context) bool {
	set := s.quorum.choose(s.keys, func(p *participant) bool { return s.failed[p] != nil || s.slow[p] })
	if set == nil {
		return false
	}
	a := &attempt{participants: set, waiting: map[*participant]bool{}}
	for _, p := range set {
		a.waiting[p] = true
	}
	s.running = append(s.running, a)
	// The goroutine ends when ctx does, which Sign sees to. Only a share of our
	// own that waits for a hung disk outlives it, until the watchdog bites.
	go func() {
		o := s.try(ctx, a)
		o.attempt = a
		select {
		case s.outcomes <- o:
		case <-ctx.Done():
		}
	}()
	return true
}

// fail takes in who failed an attempt.
func (s *signing) fail(o outcome) {
	for i, a := range s.running {
		if a == o.attempt {
			s.running = append(s.running[:i], s.running[i+1:]...)
			break
		}
	}
	q := s.quorum
	for p, err := range o.failures {
		p.failed(err)
		if status.Code(err) == codes.NotFound && !s.unknown[p] {
			// It restarted, or dropped our commitment: others of it may be good.
			s.unknown[p] = true
			p.forget()
			continue
		}
		if s.forSlot && slotRefusal(err) {
			err = &AlarmError{Cosigner: p.name, Slot: s.slot, Err: err}
			q.alarms.Add(1)
			q.config.Logger.Error().Err(err).Str("cosigner", p.name).Stringer("slot", s.slot).Msg("ledger contradicts the log")
		}
		s.failed[p] = err
	}
}

// markSlow notes who keeps the running attempts waiting.
func (s *signing) markSlow() {
	for _, a := range s.running {
		a.mu.Lock()
		for p := range a.waiting {
			if !s.slow[p] {
				s.slow[p] = true
				p.slow()
			}
		}
		a.mu.Unlock()
	}
}

func (s *signing) noQuorum() error {
	e := &QuorumError{}
	for _, p := range s.quorum.participants {
		if err := s.failed[p]; err != nil {
			e.Causes = append(e.Causes, fmt.Errorf("cosigner %s: %w", p.name, err))
		} else if s.slow[p] {
			e.Causes = append(e.Causes, fmt.Errorf("cosigner %s: no answer yet", p.name))
		}
	}
	return e
}

// try makes one attempt: commitments of all participants, one session, their shares.
func (s *signing) try(ctx context.Context, a *attempt) outcome {
	ctx, cancel := context.WithCancel(ctx) // after one failure the others' shares are of no use
	defer cancel()
	commitments, failures := each(ctx, a, func(p *participant) (commitment, error) {
		if c, ok := p.take(s.keys.Epoch, s.forSlot, time.Now()); ok {
			return c, nil
		}
		fresh, err := p.asker.commit(ctx, s.keys, 1)
		if err != nil {
			return commitment{}, err
		}
		return fresh[0], nil
	})
	if failures != nil {
		return outcome{failures: failures}
	}
	set := make([]frost.Commitment, len(a.participants))
	for i, p := range a.participants {
		set[i] = commitments[p].Commitment
	}
	session, err := frost.NewSession(s.keys.Share.Group(), s.signed, set)
	if err != nil {
		return outcome{err: err}
	}
	request := proto.Clone(s.request).(*cosignerv1.ShareRequest)
	request.Signers = protoSigners(set)
	shares, failures := each(ctx, a, func(p *participant) ([32]byte, error) {
		own := proto.Clone(request).(*cosignerv1.ShareRequest)
		c := commitments[p]
		own.SessionId, own.CommitmentIndex = c.session[:], c.index
		return p.ask(ctx, own, session)
	})
	if failures != nil {
		return outcome{failures: failures}
	}
	return s.aggregate(session, a.participants, shares)
}

// aggregate adds the shares up. Whose share is wrong is named and asked last
// from then on.
func (s *signing) aggregate(session *frost.Session, participants []*participant,
	shares map[*participant][32]byte) outcome {
	byNumber := make(map[int][32]byte, len(shares))
	for p, share := range shares {
		byNumber[s.keys.Holders[p.name]] = share
	}
	signature, err := session.Aggregate(byNumber)
	var culprits *frost.CulpritError
	if !errors.As(err, &culprits) {
		return outcome{signature: signature, err: err}
	}
	failures := map[*participant]error{}
	for _, p := range participants {
		if number := s.keys.Holders[p.name]; slices.Contains(culprits.IDs, number) {
			p.cheated()
			failures[p] = errBadShare
			s.quorum.badShares.Add(1)
			s.quorum.config.Logger.Error().Str("cosigner", p.name).Int("share_id", number).Msg("gave a wrong share")
		}
	}
	return outcome{failures: failures}
}

var errBadShare = errors.New("gave a wrong share: its share file, memory or program is broken, or it is hostile")

// each calls f for all participants of the attempt at once and returns what they
// gave, or who failed first. It does not wait for the others then.
func each[T any](ctx context.Context, a *attempt, f func(*participant) (T, error)) (map[*participant]T,
	map[*participant]error) {
	type answer struct {
		from  *participant
		value T
		err   error
	}
	a.mu.Lock()
	for _, p := range a.participants {
		a.waiting[p] = true
	}
	a.mu.Unlock()
	answers := make(chan answer, len(a.participants))
	for _, p := range a.participants {
		go func() {
			v, err := f(p)
			answers <- answer{p, v, err}
		}()
	}
	values := make(map[*participant]T, len(a.participants))
	for range a.participants {
		select {
		case got := <-answers:
			if got.err != nil {
				return nil, map[*participant]error{got.from: got.err}
			}
			a.mu.Lock()
			delete(a.waiting, got.from)
			a.mu.Unlock()
			values[got.from] = got.value
		case <-ctx.Done():
			return nil, map[*participant]error{}
		}
	}
	return values, nil
}
