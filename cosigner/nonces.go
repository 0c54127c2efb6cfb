package cosigner

import (
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"

	"casper-cosigner/cosigner/frost"
)

const (
	// nonceLife is how long a nonce waits for its use. Leaders discard
	// commitments a minute sooner; see commitmentLife.
	nonceLife = 5 * time.Minute
	// maxOutstanding bounds the unused nonces of one requester.
	maxOutstanding = 512
	// maxCommit bounds the commitments of one request; each costs about 40 us.
	maxCommit = 64
)

// nonces holds the unused nonces of this process by who asked for them. They
// live in memory only: a nonce that outlived the process on disk or in a backup
// could be used twice, and two shares from one nonce reveal the key share.
//
// One from before a reset of the heights is of no use after it: else a share that somebody gave for
// a block before would be completed by one that is given for it after, and two blocks that the
// network took back would be signed beside the one that it has.
type nonces struct {
	resets func() uint64 // of the heights, that this cosigner's ledger has made

	mu      sync.Mutex
	last    uint64                  // number of the newest nonce
	waiting map[recipient][]waiting // oldest first
}

// recipient is who was given commitments of ours, and for shares of which epoch. A nonce is for the
// share that it was made with.
type recipient struct {
	name  string
	epoch uint32
}

// waiting is a nonce whose commitment was given out.
type waiting struct {
	index  uint64
	since  time.Time
	resets uint64 // of the heights, when it was made
	nonce  *frost.Nonce
}

func newNonces(resets func() uint64) *nonces {
	return &nonces{resets: resets, waiting: map[recipient][]waiting{}}
}

// issue makes count fresh nonces for requester and drops those that are too old
// or too many.
func (n *nonces) issue(requester string, keys Keys, count int, now time.Time) ([]waiting, error) {
	fresh, resets := make([]waiting, count), n.resets()
	for i := range fresh {
		nonce, err := keys.Share.Commit(rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("making a nonce: %w", err)
		}
		fresh[i] = waiting{since: now, resets: resets, nonce: nonce}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range fresh {
		n.last++
		fresh[i].index = n.last
	}
	to := recipient{requester, keys.Epoch}
	all := append(n.waiting[to], fresh...)
	drop := max(0, len(all)-maxOutstanding)
	for drop < len(all) && now.Sub(all[drop].since) > nonceLife {
		drop++
	}
	n.waiting[to] = slices.Delete(all, 0, drop)
	return fresh, nil
}

// commitment returns what a recipient was given under index, if it is unused.
func (n *nonces) commitment(to recipient, index uint64, now time.Time) (frost.Commitment, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	i, ok := n.find(to, index, now)
	if !ok {
		return frost.Commitment{}, false
	}
	return n.waiting[to][i].nonce.Commitment(), true
}

// take hands out a nonce for its one use. It is burnt from then on: nobody gets
// it again, whatever its taker does.
func (n *nonces) take(to recipient, index uint64, now time.Time) (*frost.Nonce, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	i, ok := n.find(to, index, now)
	if !ok {
		return nil, false
	}
	nonce := n.waiting[to][i].nonce
	n.waiting[to] = slices.Delete(n.waiting[to], i, i+1)
	return nonce, true
}

// find returns the place of a nonce that is young enough, and made since the last reset. mu is
// held.
func (n *nonces) find(to recipient, index uint64, now time.Time) (int, bool) {
	all, resets := n.waiting[to], n.resets()
	i := slices.IndexFunc(all, func(w waiting) bool { return w.index == index })
	return i, i >= 0 && now.Sub(all[i].since) <= nonceLife && all[i].resets == resets
}
