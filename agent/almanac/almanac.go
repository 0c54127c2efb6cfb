// Package almanac is what an agent knows of the eras of its chain: what the instance of each is
// made of, which a message of a stock node names only, and the cosigners want to know.
//
// It hears of where eras ended from the node's events and status, of the chainspec's hash from
// what any casper-node says of itself in its handshake, and of both from the other agents and from
// what a node without a key asks to have signed. It keeps what our key signed, too, on whichever
// node, so that one that starts in the middle of an era reads what the other signed in it.
//
// It promises to find nothing that does not make the very instance (package instance), so that
// nobody need be believed, and one peer in many that tells the truth suffices; to ask others while
// what is wanted is not found; to ask few at once, and no more than a moment and a few kilobytes of
// each; to keep nothing that our key did not sign; and never to ask the node for anything that it
// answers only when nothing waits for its gate.
//
// It leaves to others: to hear the node (health) and the agents (the pings), and to claim.
package almanac

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/agent/health"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/instance"
)

// Who tells, beside the agents of other nodes, whose names have no dots in front. What is told as
// Here was heard by this agent itself, and is what it tells the others.
const (
	here     = ".here"
	asked    = ".asked" // in requests of the node, which has no key then
	mostEras = 8        // of which our index is kept
	mostTold = 4        // chainspecs of each kind that are told to others
)

// Config is what an Almanac is made of.
type Config struct {
	Validator casper.PublicKey
	Logger    zerolog.Logger
	// Chainspec must return the hash of the chainspec that the casper-node at an address says it runs
	// with. Shake does.
	Chainspec func(ctx context.Context, address string) (casper.Hash, error)
}

// Almanac is what is known. New makes one. It is safe for concurrent use.
type Almanac struct {
	Config
	more chan struct{} // something is wanted that was not

	mu      sync.Mutex // guards what follows
	known   instance.Known
	indices []index
	peers   peers
	wanted  []want
	signed  signed
}

// index is our validator's place among those of an era.
type index struct {
	era   uint64
	last  casper.Hash // block of the era before
	index uint32
}

// New returns an Almanac. Run has it ask for chainspecs.
func New(c Config) *Almanac {
	return &Almanac{Config: c, more: make(chan struct{}, 1), signed: newSigned(rand.Uint64())}
}

// Ended notes where an era ended, as the node told.
func (a *Almanac) Ended(e health.EraEnd) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known.Ended(here, e.Era, e.Last)
	at, ours := slices.BinarySearch(e.Next, a.Validator.String())
	now := index{era: e.Era + 1, last: e.Last, index: uint32(at)}
	if ours && !slices.Contains(a.indices, now) {
		a.indices = append(a.indices, now)
		a.indices = a.indices[max(0, len(a.indices)-mostEras):]
	}
}

// Status notes what the node says of itself: the last block of the era before, from which an agent
// that was started in the middle of an era knows it. Of which era it is the last, the status does
// not say: of that of the newest block if it is that, else of the one before.
func (a *Almanac) Status(s health.Status, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	raw, err := hex.DecodeString(s.SwitchBlock)
	if b := s.LastBlock; b != nil && err == nil && len(raw) == len(casper.Hash{}) {
		switch era := b.Era; {
		case b.Hash == s.SwitchBlock:
			a.known.Ended(here, era, casper.Hash(raw))
		case era > 0:
			a.known.Ended(here, era-1, casper.Hash(raw))
		}
	}
	if a.peers.heard(run{s.Version, now.Add(-s.Uptime)}, s.Addresses, now) {
		a.wake()
	}
}

// Asked notes what a message is of that the node asks to have signed.
func (a *Almanac) Asked(m casper.Message) {
	var r casper.Round
	switch m := m.(type) {
	case casper.Echo:
		r = m.Round
	case casper.Vote:
		r = m.Round
	default:
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known.Chainspec(asked, r.Chainspec)
	if r.Era > 0 {
		a.known.Ended(asked, r.Era-1, r.KeyBlock)
	}
}

// Heard notes what another agent tells. What has a wrong length is left out.
func (a *Almanac) Heard(agent string, f *cosignerv1.ChainFacts) {
	a.heard(agent, f)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range f.GetChainspecs() {
		if len(c) == len(casper.Hash{}) {
			a.known.Chainspec(agent, casper.Hash(c))
		}
	}
	for _, e := range f.GetEnds() {
		if len(e.GetLastBlock()) == len(casper.Hash{}) {
			a.known.Ended(agent, e.GetEra(), casper.Hash(e.GetLastBlock()))
		}
	}
}

// last returns the end of a list.
func last[T any](list []T, most int) []T { return list[max(0, len(list)-most):] }

// Facts is what this agent heard itself, for another one.
func (a *Almanac) Facts(to string) *cosignerv1.ChainFacts {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := &cosignerv1.ChainFacts{}
	a.signed.tell(f, to)
	for _, c := range last(a.known.Candidates(), mostTold) {
		f.Chainspecs = append(f.Chainspecs, c[:])
	}
	for _, by := range []string{asked, here} { // what fitted last: it is kept longest
		told := a.known.Told(by)
		for _, c := range last(told.Chainspecs, mostTold) {
			f.Chainspecs = append(f.Chainspecs, c[:])
		}
		for _, e := range told.Ends {
			f.Ends = append(f.Ends, &cosignerv1.EraEnd{Era: e.Era, LastBlock: e.Last[:]})
		}
	}
	return f
}

// Find returns what the instance is made of, and our validator's index in it if the node told. It
// is false, with words for people, if that is not known; then peers are asked.
func (a *Almanac) Find(of casper.Hash) (r casper.Round, index *uint32, missing string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.find(of)
	now := time.Now()
	if !ok {
		a.want(of, now)
		return r, nil, a.missing(of)
	}
	// Another era's, of which nobody asks any more, is of no use now.
	a.wanted = slices.DeleteFunc(a.wanted, func(w want) bool { return now.Sub(w.last) >= waitsFor })
	for _, i := range a.indices {
		if i.era == r.Era && i.last == r.KeyBlock {
			return r, &i.index, ""
		}
	}
	return r, nil, ""
}

// find looks for what the instance is made of, which is wanted no more if it is found. The caller
// holds the lock.
func (a *Almanac) find(of casper.Hash) (casper.Round, bool) {
	r, ok := a.known.Find(of)
	if !ok {
		return r, false
	}
	if !slices.Contains(a.known.Told(here).Chainspecs, r.Chainspec) &&
		slices.Contains(a.known.Candidates(), r.Chainspec) {
		a.known.Chainspec(here, r.Chainspec)
		a.Logger.Info().Stringer("chainspec", r.Chainspec).Uint64("era", r.Era).
			Msg("the chainspec's hash is known: it makes an instance of the node")
	}
	a.wanted = slices.DeleteFunc(a.wanted, func(w want) bool { return w.of == of })
	return r, true
}

// missing says what is not known. The caller holds the lock.
func (a *Almanac) missing(of casper.Hash) string {
	own, said := a.known.Told(here), a.known.Candidates()
	switch {
	case len(said) == 0 && len(own.Chainspecs) == 0 && len(a.known.Told(asked).Chainspecs) == 0:
		return fmt.Sprintf("the chainspec's hash is not known: no peer of the node has told it yet, of %d; see `rest` in "+
			"agent.toml, and let this host connect to other casper-nodes", len(a.peers.all))
	case len(own.Ends) == 0:
		return "the last block of the era before is not known: the node has not told it; see `rest` and `events` in " +
			"agent.toml"
	}
	newest := own.Ends[len(own.Ends)-1]
	return fmt.Sprintf("what instance %x is made of is not known; the last era that ended is %d, with block %x, and none "+
		"of %d chainspecs that the node's peers say makes it; others are asked; if it lasts, give the node "+
		"`known_addresses` that you trust and restart it, and see `events` in agent.toml",
		of[:4], newest.Era, newest.Last[:4], len(said))
}
