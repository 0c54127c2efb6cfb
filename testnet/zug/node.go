package zug

import (
	"math/rand/v2"
	"slices"
	"time"

	"casper-cosigner/rule/casper"
)

// Config is what a Node is made of.
type Config struct {
	Chain     *Chain
	Validator uint32 // index of the validator that the node is
	Peers     []int  // addresses of the other nodes
	Seed      uint64 // of what the node puts into its blocks and whom it asks
	// Sign signs with a key of the node's own; nil: the node asks for each signature by a Request.
	Sign func(casper.Message) casper.Signature
	// Stock says that the node is casper-node as it is published, behind a gate: a Request is whether
	// it may write an echo or a vote, and one that is not granted as it is takes it out of the era. It
	// signs blocks by itself.
	Stock bool
	// Merge returns what our other node is known to have signed in the era, as a gate finds it when a
	// stock node opens its file of that era; nil: nothing.
	Merge func(era uint64) []Signed

	Deadline time.Duration // after which a request without an answer counts as refused
	Sync     time.Duration // between two questions for a round, while the node is behind
	IdleSync time.Duration // the same, while it is not
	CatchUp  time.Duration // between two questions for a block after a start
	StartUp  time.Duration // least time from a restart to consensus
}

// Reactor is what a node is doing, in casper-node's words.
type Reactor string

// The reactor's states.
const (
	CatchUp  Reactor = "CatchUp"
	Validate Reactor = "Validate"
)

// Status is what a node tells of itself.
type Status struct {
	Reactor Reactor
	Tip     Block
	Open    casper.Round // the open round as the node names it; zero if it does not validate
}

// Node is one node of the network. New makes one. It is not safe for concurrent use.
type Node struct {
	Config
	rng *rand.Rand
	now time.Time // of the event in hand
	out Output

	reactor Reactor
	ready   time.Time // before which it does not validate
	blocks  []Block   // by height
	finals  map[uint64][]final
	cur     *instance
	prev    *instance // the era before, for votes that come late; nil if there was none
	behind  bool
	syncAt  time.Time

	asks    []ask
	lastID  uint64
	retryAt time.Time // zero: nothing was refused
	retries uint
	newest  [2]uint64 // era and round of the newest refusal
}

// final is a finality signature that the node has seen.
type final struct {
	validator uint32
	message   casper.Finality
}

// New returns a node at genesis, which validates.
func New(c Config, now time.Time) *Node {
	n := &Node{Config: c, rng: rand.New(rand.NewPCG(c.Seed, 1)), now: now, reactor: Validate,
		blocks: []Block{c.Chain.genesis()}, finals: map[uint64][]final{}}
	n.openEra()
	n.syncAt = now.Add(n.IdleSync)
	return n
}

// Restart is what becomes of a node whose process was killed and starts again: it catches up before
// it takes part. It keeps its blocks; what it has seen of the running era only with its write-ahead
// log. Without, it takes the era up from round 0 and knows of none of its own votes.
func (n *Node) Restart(keepLog bool, now time.Time) {
	n.now, n.out, n.asks, n.retryAt = now, Output{}, nil, time.Time{}
	n.reactor, n.ready, n.behind, n.syncAt = CatchUp, now.Add(n.StartUp), true, now
	n.prev = nil
	if !keepLog || n.cur == nil {
		n.cur = nil
		return
	}
	// What its log holds it goes through again, and votes where it had not come to it.
	in := n.cur
	for _, r := range in.rounds[in.first:] {
		r.accepted = false
	}
	in.current, in.began, in.wake, in.out = in.first, time.Time{}, time.Time{}, false
	n.merge()
	in.mark(in.first)
}

// Wake returns when Tick wants to be called next.
func (n *Node) Wake() time.Time {
	at := n.syncAt
	earlier := func(t time.Time) {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	if n.reactor == Validate {
		earlier(n.cur.wake)
		earlier(n.retryAt)
	}
	for i := range n.asks {
		if a := &n.asks[i]; a.flying || a.isFinality() {
			earlier(a.at)
		}
	}
	return at
}

// Tick does what is due.
func (n *Node) Tick(now time.Time) Output {
	n.now = now
	n.expire()
	if !now.Before(n.syncAt) {
		n.sync()
	}
	if n.reactor == Validate {
		if due(n.retryAt, now) {
			n.retry()
		}
		if due(n.cur.wake, now) {
			n.cur.wake = time.Time{}
			n.cur.mark(n.cur.current)
		}
	}
	return n.flush()
}

// Receive takes a message in from a peer.
func (n *Node) Receive(from int, m Message, now time.Time) Output {
	n.now = now
	switch m := m.(type) {
	case Signed:
		n.receive(m)
	case Proposed:
		n.receive(m.Echo)
		n.propose(m.Proposal)
	case SyncRequest:
		n.tell(from, m.Round)
	case SyncResponse:
		n.learn(m)
	case BlockRequest:
		var b *Block
		if m.Height < uint64(len(n.blocks)) {
			b = &n.blocks[m.Height]
		}
		n.send(from, BlockResponse{Block: b})
	case BlockResponse:
		n.follow(m.Block)
	}
	return n.flush()
}

func due(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

func (n *Node) flush() Output {
	n.update()
	out := n.out
	n.out = Output{}
	return out
}

func (n *Node) send(to int, m Message) {
	n.out.Send = append(n.out.Send, Envelope{To: to, Message: m})
}

// Status returns what the node tells of itself.
func (n *Node) Status() Status {
	s := Status{Reactor: n.reactor, Tip: n.tip()}
	if n.reactor == Validate {
		s.Open = n.cur.at(n.cur.current)
	}
	return s
}

// Block returns the block of a height, false if the node has none so high.
func (n *Node) Block(height uint64) (Block, bool) {
	if height >= uint64(len(n.blocks)) {
		return Block{}, false
	}
	return n.blocks[height], true
}

// Seen returns the echo and the vote of a validator that the node knows, each nil if it knows none.
// It remembers the running era and the one before.
func (n *Node) Seen(era uint64, id, validator uint32) (echo, vote casper.Message) {
	for _, in := range []*instance{n.cur, n.prev} {
		if in != nil && in.name.Era == era && in.known(id) != nil {
			return in.rounds[id].echoes[validator].Message, in.rounds[id].votes[validator].Message
		}
	}
	return nil, nil
}

// HasFinality reports whether the node knows the validator's finality signature of its block of
// that height. It remembers the last few hundred.
func (n *Node) HasFinality(height uint64, validator uint32) bool {
	b, ok := n.Block(height)
	return ok && slices.ContainsFunc(n.finals[height], func(f final) bool {
		return f.validator == validator && f.message.Block == b.Hash
	})
}

func (n *Node) tip() Block { return n.blocks[len(n.blocks)-1] }

// openEra begins the consensus of the era that the next block belongs to.
func (n *Node) openEra() {
	era := n.Chain.EraOf(n.tip().Height + 1)
	if n.cur != nil && n.cur.name.Era == era {
		return
	}
	n.prev = nil
	if n.cur != nil && n.cur.name.Era+1 == era {
		n.prev = n.cur
	}
	n.cur = newInstance(n.Chain, n.blocks[(era-FirstEra)*n.Chain.EraBlocks], n.Validator)
	n.merge()
}

// merge takes in what our other node signed in the running era.
func (n *Node) merge() {
	if !n.Stock || n.Merge == nil {
		return
	}
	for _, s := range n.Merge(n.cur.name.Era) {
		if name, ok := roundOf(s.Message); ok && n.cur.is(name) {
			n.add(n.cur, s)
		}
	}
}

// Own returns what our validator is known to have signed in the era, if that is the running one.
func (n *Node) Own(era uint64) (all []Signed) {
	if n.cur == nil || n.cur.name.Era != era {
		return nil
	}
	for _, r := range n.cur.rounds {
		for _, s := range []Signed{r.echoes[n.Validator], r.votes[n.Validator]} {
			if s.Message != nil {
				all = append(all, s)
			}
		}
	}
	return all
}

// Out reports whether a stock node casts no vote for the rest of the running era.
func (n *Node) Out() bool { return n.cur != nil && n.cur.out }

// instance returns the consensus that a round belongs to, nil if the node holds none such.
func (n *Node) instance(r casper.Round) *instance {
	switch {
	case n.cur != nil && n.cur.is(r):
		return n.cur
	case n.prev != nil && n.prev.is(r):
		return n.prev
	}
	return nil
}
