package cosigner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"casper-cosigner/cosigner/frost"
	"casper-cosigner/rule/casper"
)

// attempt is one run of the two rounds of RFC 9591 section 5, by t participants that are asked
// together.
type attempt struct {
	task
	quorum       *Quorum // counts and logs wrong shares
	participants []*participant

	mu      sync.Mutex
	waiting map[*participant]bool // for, in this round
}

// failures is the error of an attempt that participants failed, by who did. It is empty if the
// attempt was given up.
type failures map[*participant]error

// Error says how many did; who and why is for signing to tell.
func (f failures) Error() string { return fmt.Sprintf("%d cosigners failed", len(f)) }

// await notes that a round begins.
func (a *attempt) await() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.participants {
		a.waiting[p] = true
	}
}

// answered notes that a participant has answered in this round.
func (a *attempt) answered(p *participant) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, p)
}

// awaited returns whose answers are not in yet.
func (a *attempt) awaited() []*participant {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Keys(a.waiting))
}

// sign takes both rounds, and sums up. Its error is a failures if participants are to blame.
func (a *attempt) sign(ctx context.Context) (casper.Signature, error) {
	ctx, cancel := context.WithCancel(ctx) // after one failure the others' shares are of no use
	defer cancel()
	commitments, err := round(ctx, a, func(p *participant) (commitment, error) { return a.commitment(ctx, p) })
	if err != nil {
		return casper.Signature{}, err
	}
	set := make([]frost.Commitment, len(a.participants))
	for i, p := range a.participants {
		set[i] = commitments[p].Commitment
	}
	session, err := frost.NewSession(a.keys.Share.Group(), a.signed, set)
	if err != nil {
		return casper.Signature{}, err
	}
	signers := protoSigners(set)
	shares, err := round(ctx, a, func(p *participant) ([32]byte, error) {
		c := commitments[p]
		return p.ask(ctx, a.request(c.session[:], c.index, signers), session)
	})
	if err != nil {
		return casper.Signature{}, err
	}
	return a.aggregate(session, shares)
}

// commitment is round one for one participant (section 5.1): one in hand, or a fresh one.
func (a *attempt) commitment(ctx context.Context, p *participant) (commitment, error) {
	if c, ok := p.take(a.keys.Epoch, a.forSlot, time.Now()); ok {
		return c, nil
	}
	fresh, err := p.asker.commit(ctx, a.keys, 1)
	if err != nil {
		return commitment{}, err
	}
	return fresh[0], nil
}

// aggregate adds the shares up (section 5.3). Whose share is wrong is named and asked last from
// then on.
func (a *attempt) aggregate(session *frost.Session, shares map[*participant][32]byte) (casper.Signature, error) {
	byNumber := make(map[int][32]byte, len(shares))
	for p, share := range shares {
		byNumber[a.keys.Holders[p.name]] = share
	}
	signature, err := session.Aggregate(byNumber)
	var culprits *frost.CulpritError
	if !errors.As(err, &culprits) {
		return signature, err
	}
	failed := failures{}
	for _, p := range a.participants {
		if number := a.keys.Holders[p.name]; slices.Contains(culprits.IDs, number) {
			p.cheated()
			failed[p] = errBadShare
			a.quorum.badShares.Add(1)
			a.quorum.config.Logger.Error().Str("cosigner", p.name).Int("share_id", number).Msg("gave a wrong share")
		}
	}
	return casper.Signature{}, failed
}

var errBadShare = errors.New("gave a wrong share: its share file, memory or program is broken, or it is hostile")

// round calls f for all participants of the attempt at once, and returns what they gave. Its error
// is a failures, of who failed first; it does not wait for the others then.
func round[T any](ctx context.Context, a *attempt, f func(*participant) (T, error)) (map[*participant]T, error) {
	type answer struct {
		from  *participant
		value T
		err   error
	}
	a.await()
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
				return nil, failures{got.from: got.err}
			}
			a.answered(got.from)
			values[got.from] = got.value
		case <-ctx.Done():
			return nil, failures{}
		}
	}
	return values, nil
}
