package cosigner

import (
	"context"
	"errors"
	"slices"
	"time"

	"casper-cosigner/cosigner/frost"
	"casper-cosigner/statedir"
)

// This file is how the commitments of a participant are kept in hand, so that a signature takes one
// round.

const (
	// commitmentLife is how long a commitment is used; its nonce lives a minute
	// longer on the other side.
	commitmentLife = 4 * time.Minute
	// staleAfter is when a commitment no longer counts for the target: those of
	// one refill end together, and others must be in hand by then.
	staleAfter = 3 * time.Minute
	// A stock is refilled to its target, from targetMin to targetMax commitments, when it falls below
	// half of it. More than maxOutstanding would make the other side drop the oldest.
	targetMin, targetMax = 128, 320
	// slotReserve is how many commitments of each stock handshakes may not take.
	slotReserve = 32
	// Stocks are filled in small batches with pauses, so that a refill never holds up the signatures
	// that it is for.
	refillBatch = 32
	refillPause = 5 * time.Millisecond
	// probeEvery is how often a stock is looked at when nothing asks for it, and a peer that failed is
	// tried again.
	probeEvery = time.Second
	// callLimit bounds one call in the background.
	callLimit = time.Second
	// seenFor is how long a cosigner counts that said that it could attest: until the third look.
	seenFor = 2*probeEvery + callLimit
)

// commitment is one commitment of a participant and where it came from.
type commitment struct {
	frost.Commitment
	index   uint64
	epoch   uint32 // of the shares that it is for
	session statedir.ID
	since   time.Time
}

// take returns a commitment from the stock for shares of the epoch, the oldest.
// Handshakes leave the last ones to slots.
func (p *participant) take(epoch uint32, forSlot bool, now time.Time) (commitment, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.discardOld(now)
	keep := 0
	if !forSlot {
		keep = slotReserve
	}
	p.taken++
	if len(p.stock) <= p.target/2 {
		p.rouse()
	}
	if len(p.stock) <= keep {
		return commitment{}, false
	}
	c := p.stock[0]
	if c.epoch != epoch {
		return commitment{}, false
	}
	p.stock = p.stock[1:]
	return c, true
}

// rouse wakes the refill if it sleeps.
func (p *participant) rouse() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// discardOld drops what the other side is about to forget. mu is held.
func (p *participant) discardOld(now time.Time) {
	p.stock = slices.DeleteFunc(p.stock, func(c commitment) bool { return now.Sub(c.since) > commitmentLife })
}

// add puts fresh commitments into the stock; who gives them does not fail. If they are of another
// session, the process that the stock came from is gone, and its nonces with it; if of another
// epoch, the stock is of no use any more.
func (p *participant) add(fresh []commitment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures, p.lastError, p.split = 0, "", nil
	if len(p.stock) > 0 && (p.stock[0].session != fresh[0].session || p.stock[0].epoch != fresh[0].epoch) {
		p.stock = nil
	}
	p.stock = append(p.stock, fresh...)
}

// forget empties the stock: the other side does not know it any more.
func (p *participant) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stock = nil
	p.rouse()
}

// can reports whether it could be asked at once: a commitment is in hand, or, where it gives us
// no share, it said lately that it could attest. mu is held.
func (p *participant) can(now time.Time) bool {
	lately := !p.seen.IsZero() && now.Sub(p.seen) <= seenFor
	switch {
	case p.keyring.Empty():
		return p.failures == 0 && lately
	case p.split != nil:
		return p.attests && lately
	}
	return len(p.stock) > 0
}

// ready returns nil if it could be asked at once, else why not.
func (p *participant) ready(now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.discardOld(now)
	if p.can(now) {
		return nil
	}
	p.rouse()
	if p.lastError != "" {
		return errors.New(p.lastError)
	}
	if p.keyring.Empty() {
		return errors.New("it has not said yet that it could attest")
	}
	return errors.New("no commitments yet")
}

// refill keeps the stock until ctx ends. A fetch is also how a participant that
// failed is found to be back.
func (p *participant) refill(ctx context.Context) {
	look := time.NewTicker(probeEvery)
	defer look.Stop()
	for {
		p.top(ctx)
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-look.C:
			p.aim()
		}
	}
}

// aim sets the target by what was taken since the last look.
func (p *participant) aim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = min(max(targetMin, p.taken/2), targetMax)
	p.taken = 0
}

// wants returns how many commitments to fetch next; filling says that a refill
// is under way.
func (p *participant) wants(now time.Time, filling bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.discardOld(now)
	stale := 0
	for stale < len(p.stock) && now.Sub(p.stock[stale].since) > staleAfter {
		stale++
	}
	if missing := p.target - len(p.stock) + stale; missing >= refillBatch && (filling || missing >= p.target/2) {
		return refillBatch
	}
	if p.failures > 0 {
		return 1
	}
	return 0
}

// top fetches whole batches until the stock is at its target or a fetch fails.
func (p *participant) top(ctx context.Context) {
	if p.keyring.Empty() {
		p.look(ctx)
		return
	}
	filling := false
	for n := p.wants(time.Now(), false); n > 0; n = p.wants(time.Now(), filling) {
		call, cancel := context.WithTimeout(ctx, callLimit)
		fresh, err := p.asker.commit(call, p.keyring.Newest(), n)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			p.failed(err)
			return
		}
		p.add(fresh)
		filling = n == refillBatch
		select {
		case <-ctx.Done():
			return
		case <-time.After(refillPause):
		}
	}
}

// look asks whether it could attest.
func (p *participant) look(ctx context.Context) {
	call, cancel := context.WithTimeout(ctx, callLimit)
	_, err := p.asker.commit(call, Keys{}, 0)
	cancel()
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		p.failed(err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures, p.lastError, p.seen = 0, "", time.Now()
}
