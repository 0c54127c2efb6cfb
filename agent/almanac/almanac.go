// Package almanac is what an agent knows of the eras of its chain: what the instance of each is
// made of, which a message of a stock node names only, and the cosigners want to know.
//
// It hears of where eras ended from the node's events and status, of the chainspec's hash from
// what any casper-node says of itself in its handshake, and of both from the other agents and from
// what a node without a key asks to have signed. It keeps what our key signed, too, on whichever
// node, so that one that starts in the middle of an era reads what the other signed in it.
//
// It promises to find nothing that does not make the very instance (package instance), so that
// nobody need be believed; to keep nothing that our key did not sign; and never to ask the node for
// anything that it answers only when nothing waits for its gate.
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
	ask chan question // when the chainspec's hash is to be asked for

	mu      sync.Mutex // guards what follows
	known   instance.Known
	indices []index
	running run // of the node, of which a chainspec was heard
	signed  signed
}

// question is whom to ask for the chainspec's hash.
type question struct {
	of    run
	peers []string // addresses
}

// index is our validator's place among those of an era.
type index struct {
	era   uint64
	last  casper.Hash // block of the era before
	index uint32
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

// New returns an Almanac. Run has it ask for chainspecs.
func New(c Config) *Almanac {
	return &Almanac{Config: c, ask: make(chan question, 1), signed: newSigned(rand.Uint64())}
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
	of := run{s.Version, now.Add(-s.Uptime)}
	if of.same(a.running) || len(s.Addresses) == 0 {
		return
	}
	select {
	case a.ask <- question{of, s.Addresses}:
	default: // it is being asked for
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

// Facts is what this agent heard itself, for another one.
func (a *Almanac) Facts(to string) *cosignerv1.ChainFacts {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := &cosignerv1.ChainFacts{}
	a.signed.tell(f, to)
	for _, by := range []string{here, asked} {
		told := a.known.Told(by)
		for _, c := range told.Chainspecs {
			f.Chainspecs = append(f.Chainspecs, c[:])
		}
		for _, e := range told.Ends {
			f.Ends = append(f.Ends, &cosignerv1.EraEnd{Era: e.Era, LastBlock: e.Last[:]})
		}
	}
	return f
}

// Find returns what the instance is made of, and our validator's index in it if the node told. It
// is false, with words for people, if that is not known.
func (a *Almanac) Find(of casper.Hash) (r casper.Round, index *uint32, missing string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.known.Find(of)
	if !ok {
		return r, nil, a.missing(of)
	}
	for _, i := range a.indices {
		if i.era == r.Era && i.last == r.KeyBlock {
			return r, &i.index, ""
		}
	}
	return r, nil, ""
}

// missing says what is not known. The caller holds the lock.
func (a *Almanac) missing(of casper.Hash) string {
	own := a.known.Told(here)
	switch {
	case len(own.Chainspecs) == 0 && len(a.known.Told(asked).Chainspecs) == 0:
		return "the chainspec's hash is not known: no peer of the node has told it yet; see `rest` in agent.toml"
	case len(own.Ends) == 0:
		return "the last block of the era before is not known: the node has not told it; see `rest` and `events` in " +
			"agent.toml"
	}
	newest := own.Ends[len(own.Ends)-1]
	return fmt.Sprintf("what instance %x is made of is not known; the last era that ended is %d, with block %x", of[:4],
		newest.Era, newest.Last[:4])
}
