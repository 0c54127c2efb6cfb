package cosigner

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"casper-cosigner/cosigner/frost"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/statedir"
)

const (
	// commitmentLife is how long a commitment is used; its nonce lives a minute
	// longer on the other side.
	commitmentLife = 4 * time.Minute
	// staleAfter is when a commitment no longer counts for the target: those of
	// one refill end together, and others must be in hand by then.
	staleAfter = 3 * time.Minute
	// A pool is refilled to its target, from targetMin to targetMax
	// commitments, when it falls below half of it. More than maxOutstanding
	// would make the other side drop the oldest.
	targetMin, targetMax = 128, 320
	// slotReserve is how many commitments of each pool handshakes may not take.
	slotReserve = 32
	// Pools are filled in small batches with pauses, so that a refill never
	// holds up the signatures that it is for.
	refillBatch = 32
	refillPause = 5 * time.Millisecond
	// probeEvery is how often a pool is looked at when nothing asks for it, and a
	// peer that failed is tried again.
	probeEvery = time.Second
	// callLimit bounds one call in the background.
	callLimit = time.Second
)

// PeerStatus is what a Quorum knows of one cosigner, itself included.
type PeerStatus struct {
	Name      string
	ShareID   int
	Own       bool
	Stock     int           // commitments in hand
	Latency   time.Duration // of its shares, smoothed; 0 if it was never asked
	Failures  int           // failed or slow answers since the last good one
	BadShares int           // wrong shares; it is asked last if there were any
	LastError string        // of the last failure; "" since the last good answer
}

// commitment is one commitment of a member and where it came from.
type commitment struct {
	frost.Commitment
	index   uint64
	session statedir.ID
	since   time.Time
}

// member is one cosigner as the leader sees it: how to ask it, its commitments
// and how well it answered.
type member struct {
	name  string
	id    int
	own   bool
	asker asker
	wake  chan struct{}                  // asks for a refill
	keep  chan *cosignerv1.KeptSignature // waits to be sent to it

	mu        sync.Mutex
	stock     []commitment // oldest first, all of one session
	target    int
	taken     int // since the last look
	latency   time.Duration
	failures  int
	badShares int
	lastError string
}

// take returns a commitment from the stock, the oldest. Handshakes leave the
// last ones to slots.
func (m *member) take(forSlot bool, now time.Time) (commitment, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.discardOld(now)
	keep := 0
	if !forSlot {
		keep = slotReserve
	}
	m.taken++
	if len(m.stock) <= m.target/2 {
		m.rouse()
	}
	if len(m.stock) <= keep {
		return commitment{}, false
	}
	c := m.stock[0]
	m.stock = m.stock[1:]
	return c, true
}

// rouse wakes the refill if it sleeps.
func (m *member) rouse() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// discardOld drops what the other side is about to forget. mu is held.
func (m *member) discardOld(now time.Time) {
	m.stock = slices.DeleteFunc(m.stock, func(c commitment) bool { return now.Sub(c.since) > commitmentLife })
}

// add puts fresh commitments into the stock. If they are of another session,
// the process that the stock came from is gone, and its nonces with it.
func (m *member) add(fresh []commitment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.stock) > 0 && m.stock[0].session != fresh[0].session {
		m.stock = nil
	}
	m.stock = append(m.stock, fresh...)
}

// forget empties the stock: the other side does not know it any more.
func (m *member) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stock = nil
	m.rouse()
}

// ask asks for a share.
func (m *member) ask(ctx context.Context, r *cosignerv1.ShareRequest, session *frost.Session) (share [32]byte, err error) {
	start := time.Now()
	if share, err = m.asker.share(ctx, r, session); err == nil {
		m.answered(time.Since(start))
	}
	return share, err
}

// answered notes a good answer, or how long one has been waited for.
func (m *member) answered(after time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failures, m.lastError = 0, ""
	m.measure(after)
}

func (m *member) measure(took time.Duration) {
	if m.latency == 0 {
		m.latency = took
	}
	m.latency += (took - m.latency) / 8
}

// failed notes a failure.
func (m *member) failed(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failures++
	m.lastError = err.Error()
}

// slow notes that an answer is overdue.
func (m *member) slow() { m.failed(errors.New("its answer is overdue")) }

// usual returns how long its shares take, smoothed.
func (m *member) usual() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.latency
}

// cheated notes a wrong share.
func (m *member) cheated() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.badShares++
	m.lastError = "gave a wrong share"
}

func (m *member) status() PeerStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	return PeerStatus{
		Name: m.name, ShareID: m.id, Own: m.own, Stock: len(m.stock), Latency: m.latency,
		Failures: m.failures, BadShares: m.badShares, LastError: m.lastError,
	}
}

// inHand returns how many commitments are usable, and why there are none.
func (m *member) inHand(now time.Time) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.discardOld(now)
	if len(m.stock) > 0 {
		return len(m.stock), nil
	}
	m.rouse()
	if m.lastError != "" {
		return 0, errors.New(m.lastError)
	}
	return 0, errors.New("no commitments yet")
}

// refill keeps the stock until ctx ends. A fetch is also how a member that
// failed is found to be back.
func (m *member) refill(ctx context.Context) {
	look := time.NewTicker(probeEvery)
	defer look.Stop()
	for {
		m.top(ctx)
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
		case <-look.C:
			m.aim()
		}
	}
}

// aim sets the target by what was taken since the last look.
func (m *member) aim() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.target = min(max(targetMin, m.taken/2), targetMax)
	m.taken = 0
}

// wants returns how many commitments to fetch next; filling says that a refill
// is under way.
func (m *member) wants(now time.Time, filling bool) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.discardOld(now)
	stale := 0
	for stale < len(m.stock) && now.Sub(m.stock[stale].since) > staleAfter {
		stale++
	}
	if missing := m.target - len(m.stock) + stale; missing >= refillBatch && (filling || missing >= m.target/2) {
		return refillBatch
	}
	if m.failures > 0 {
		return 1
	}
	return 0
}

// top fetches whole batches until the stock is at its target or a fetch fails.
func (m *member) top(ctx context.Context) {
	filling := false
	for n := m.wants(time.Now(), false); n > 0; n = m.wants(time.Now(), filling) {
		call, cancel := context.WithTimeout(ctx, callLimit)
		fresh, err := m.asker.commit(call, n)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			m.failed(err)
			return
		}
		m.add(fresh)
		m.mu.Lock()
		m.failures, m.lastError = 0, ""
		m.mu.Unlock()
		filling = n == refillBatch
		select {
		case <-ctx.Done():
			return
		case <-time.After(refillPause):
		}
	}
}

// spread sends finished signatures to the member until ctx ends, those that
// came meanwhile together. What cannot be sent is dropped: a leader that lacks
// one signs again.
func (m *member) spread(ctx context.Context) {
	for {
		r := &cosignerv1.KeepRequest{}
		select {
		case <-ctx.Done():
			return
		case k := <-m.keep:
			r.Signatures = append(r.Signatures, k)
		}
		for more := true; more && len(r.Signatures) < cap(m.keep); {
			select {
			case k := <-m.keep:
				r.Signatures = append(r.Signatures, k)
			default:
				more = false
			}
		}
		call, cancel := context.WithTimeout(ctx, callLimit)
		m.asker.hand(call, r)
		cancel()
	}
}

// offer queues a signature for the member, or drops it when too many wait.
func (m *member) offer(digest casper.Hash, signature casper.Signature) {
	select {
	case m.keep <- &cosignerv1.KeptSignature{Digest: digest[:], Signature: signature[:]}:
	default:
	}
}
