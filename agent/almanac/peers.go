package almanac

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"casper-cosigner/rule/casper"
)

// How peers of the node are asked.
const (
	atOnce     = 16
	askEvery   = 3 * time.Second  // a round of them, while a gate waits for an instance
	askSeldom  = time.Minute      // the same while nobody waits, and something is not known still
	waitsFor   = 10 * time.Second // a gate waits, if it asked within this time; it asks each 20 ms
	soonAfter  = time.Minute      // a node that was started has peers, or asking them often is of no use
	unfoundIn  = 3 * time.Second  // after which people are told
	wantedFor  = 2 * time.Hour    // after it was asked for last; an era of the main network
	claimAsks  = 5
	mostWanted = 8
	mostDone   = 4096
)

// want is an instance that was asked for and not found.
type want struct {
	of          casper.Hash
	since, last time.Time // when it was asked for
	asks        int
	told        bool // to people
}

// lasts reports whether people are to be told: a gate has a message that waits. One that opens an
// old unit file asks once.
func (w want) lasts(now time.Time) bool {
	return w.asks >= claimAsks && now.Sub(w.since) >= unfoundIn && now.Sub(w.last) <= wantedFor
}

// run is a run of a node, as far as it may have another chainspec than the one before.
type run struct {
	version string
	began   time.Time
}

// runSlack is by how much the beginning of one run may differ, told by its age.
const runSlack = 2 * time.Second

func (r run) same(o run) bool {
	return r.version == o.version && r.began.Sub(o.began).Abs() <= runSlack
}

// peers is whom to ask for the chainspec's hash, and how that went.
type peers struct {
	all      []string        // addresses, as the node told last
	done     map[string]bool // of whom were asked since all were
	running  run             // of the node
	began    time.Time       // when it was heard of
	answered bool            // by one of them in that run
	silent   bool            // and that none did was told
}

// heard notes whom the node has for peers, and reports whether it was started anew: then all of
// them may know another chainspec.
func (p *peers) heard(of run, addresses []string, now time.Time) (anew bool) {
	if len(addresses) > 0 { // one that was just started has none yet, and its peers of before do
		p.all = addresses
	}
	if of.same(p.running) && p.done != nil {
		return false
	}
	*p = peers{all: p.all, done: map[string]bool{}, running: of, began: now}
	return true
}

// next returns whom to ask now: by chance, since a node lists its peers in an order that they can
// choose, and nobody a second time before all were asked.
func (p *peers) next() (some []string) {
	p.add(&some)
	if len(some) < min(atOnce, len(p.all)) || len(p.done) > mostDone {
		p.done = map[string]bool{}
		p.add(&some)
	}
	return some
}

// add adds some who were not asked yet, as far as there is room.
func (p *peers) add(some *[]string) {
	for _, i := range rand.Perm(len(p.all)) {
		if who := p.all[i]; len(*some) < atOnce && !p.done[who] && !slices.Contains(*some, who) {
			*some = append(*some, who)
		}
	}
	for _, who := range *some {
		p.done[who] = true
	}
}

// Run asks peers of the node for the chainspec's hash until ctx ends: after each start of the node,
// and then while an instance is not found that was asked for.
func (a *Almanac) Run(ctx context.Context) {
	var last time.Time // when a round began
	for ctx.Err() == nil {
		now := time.Now()
		every, ask := a.look(now)
		left := every
		if ask {
			left -= now.Sub(last)
		}
		if left <= 0 {
			last = now
			a.round(ctx)
			continue
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-a.more:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// look sees what became of the instances that are wanted, and returns how long after a round of
// peers the next one is due, and whether one is.
func (a *Almanac) look(now time.Time) (every time.Duration, ask bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range slices.Clone(a.wanted) {
		a.find(w.of)
	}
	a.wanted = slices.DeleteFunc(a.wanted, func(w want) bool { return now.Sub(w.last) > wantedFor })
	for i, w := range a.wanted {
		if w.lasts(now) && !w.told {
			a.wanted[i].told = true
			a.Logger.Error().Stringer("instance", w.of).Msg("the node cannot vote: " + a.missing(w.of))
		}
	}
	waits := slices.ContainsFunc(a.wanted, func(w want) bool { return now.Sub(w.last) < waitsFor })
	fresh := !a.peers.answered && now.Sub(a.peers.began) < soonAfter
	if every = askSeldom; waits || fresh {
		every = askEvery
	}
	return every, len(a.peers.all) > 0 && (len(a.wanted) > 0 || !a.peers.answered)
}

// round asks some peers at once, takes in what each says as soon as it does, and waits for all of
// them.
func (a *Almanac) round(ctx context.Context) {
	a.mu.Lock()
	some, of := a.peers.next(), a.peers.running
	a.mu.Unlock()
	var asking sync.WaitGroup
	for _, peer := range some {
		asking.Go(func() {
			hash, err := a.Chainspec(ctx, peer)
			if err != nil {
				a.Logger.Debug().Err(err).Str("peer", peer).Msg("asking a peer of the node for the chainspec's hash")
				return
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			a.known.Answered(peer, hash)
			a.peers.answered = a.peers.answered || of == a.peers.running
		})
	}
	asking.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := &a.peers; !p.answered && !p.silent && ctx.Err() == nil {
		p.silent = true
		a.Logger.Warn().Int("peers", len(p.all)).
			Msg("of the node's peers that were asked none tells the chainspec's hash; asking others")
	}
}

// want notes that a gate asks for an instance that is not found. The caller holds the lock.
func (a *Almanac) want(of casper.Hash, now time.Time) {
	i := slices.IndexFunc(a.wanted, func(w want) bool { return w.of == of })
	if i < 0 {
		a.wanted = append(a.wanted, want{of: of, since: now})
		a.wanted = a.wanted[max(0, len(a.wanted)-mostWanted):]
		i = len(a.wanted) - 1
	}
	w := &a.wanted[i]
	if w.asks == 0 || now.Sub(w.last) >= waitsFor {
		a.wake()
	}
	w.asks, w.last = w.asks+1, now
}

// wake has Run look at once.
func (a *Almanac) wake() {
	select {
	case a.more <- struct{}{}:
	default: // it will
	}
}

// Unknown is for people: what the node's messages wait for, and what to do. It is empty if nothing
// that a gate waits for, or waited for in vain, is unknown.
func (a *Almanac) Unknown(now time.Time) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range slices.Backward(a.wanted) {
		if w.lasts(now) {
			return a.missing(w.of)
		}
	}
	return ""
}
