package failover

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"casper-cosigner/rule/casper"
)

// Final is a finality signature of our validator. Nodes make those by themselves, and nothing in
// casper-node sees, or punishes, two of different blocks at one height.
type Final struct {
	casper.Finality
	Signature casper.Signature
}

// Finals is how many an agent tells.
const Finals = 4

// Sees notes a finality signature of ours, whichever node made it. Those of the greatest heights
// are told.
func (n *Node) Sees(f Final) {
	if slices.ContainsFunc(n.Finals[:], func(have Final) bool { return have.Finality == f.Finality }) {
		return
	}
	all := append(slices.Clone(n.Finals[:]), f)
	slices.SortStableFunc(all, func(a, b Final) int { return cmp.Compare(b.Height, a.Height) })
	copy(n.Finals[:], all)
}

// Fork is two blocks of one height that our key signed. Its zero value is that none is known.
type Fork struct {
	Blocks [2]Final
	Nodes  [2]string // whose agents told of them
	At     time.Time // when both were known here
	Asked  string    // node whose request the log holds for one of the two; empty if it holds neither
}

// String returns what happened, in words.
func (f Fork) String() string {
	a, b := f.Blocks[0], f.Blocks[1]
	why := fmt.Sprintf("%s %d: %v (told by %s) and %v (told by %s)", forkedAt, a.Height, a.Block, f.Nodes[0], b.Block,
		f.Nodes[1])
	if f.Asked != "" {
		why += askedBy(f.Asked) + "if the network has the other one, suspend it"
	}
	return why
}

// askedBy names in a reason the node for which the cosigners signed one of the blocks.
func askedBy(node string) string { return "; the cosigners signed one of them for " + node + "; " }

// forkedAt is how a reason begins that holds roles for a fork.
const forkedAt = "our key signed two blocks at height"

// keptFinals is how many finality signatures are remembered.
const keptFinals = 256

// Blocks is which blocks our key signed, as all agents told. NewBlocks makes one. It is not safe
// for concurrent use.
type Blocks struct {
	key    casper.PublicKey
	seen   map[casper.Finality]told
	fork   Fork
	resets uint64                   // of the heights, that were noted
	freed  map[casper.Finality]told // what was known of heights that the last one freed
}

type told struct {
	Final
	by string
}

// NewBlocks returns one that knows of nothing; key is the validator's as Casper writes it.
func NewBlocks(key string) *Blocks {
	b := &Blocks{seen: map[casper.Finality]told{}, freed: map[casper.Finality]told{}}
	b.key, _ = casper.ParsePublicKey(key) // of a key that is none no signature is valid
	return b
}

// Reset notes the last reset of the heights, by its number, and which ones the network took back,
// from the first to the last: others are signed there, and that is no fork. What was known of them
// stays known, for agents that are not started anew tell it again. The caller has an operator's
// signature in hand.
func (b *Blocks) Reset(count, first, last uint64) {
	if count == b.resets {
		return
	}
	b.resets = count
	for f, t := range b.seen {
		if f.Height >= first && f.Height <= last {
			b.freed[f] = t
			delete(b.seen, f)
		}
	}
}

// Take notes what all agents tell, and adds to the observation the last fork that it came to. A
// node's word is worth nothing here: what counts is signed by our key. asked says for which node
// the log holds just that finality signature, empty if it does not.
func (b *Blocks) Take(o *Observation, asked func(casper.Finality) string, now time.Time) {
	for _, name := range slices.Sorted(maps.Keys(o.Nodes)) {
		for _, f := range o.Nodes[name].Finals {
			if _, known := b.seen[f.Finality]; known || f == (Final{}) || !b.key.Verify(f.Finality, f.Signature) {
				continue
			}
			if _, freed := b.freed[f.Finality]; freed {
				continue
			}
			for _, other := range b.seen {
				if other.Height == f.Height && other.ChainName == f.ChainName {
					b.found(Fork{Blocks: [2]Final{other.Final, f}, Nodes: [2]string{other.by, name}, At: now,
						Asked: cmp.Or(asked(other.Finality), asked(f.Finality))})
				}
			}
			b.seen[f.Finality] = told{f, name}
		}
	}
	for len(b.seen) > keptFinals {
		lowest := slices.MinFunc(slices.Collect(maps.Keys(b.seen)), func(a, b casper.Finality) int {
			return cmp.Compare(a.Height, b.Height)
		})
		delete(b.seen, lowest)
	}
	o.Fork = b.fork
}

// found notes a fork. One that a node may have made by what it asked for hides none that is seen at
// the same time.
func (b *Blocks) found(f Fork) {
	if f.Asked == "" || b.fork.Asked != "" || !b.fork.At.Equal(f.At) {
		b.fork = f
	}
}

// forked returns why automatic changes must stop for good: nodes of ours that hold the key signed
// two blocks at one height. Once an operator resumed, what was known by then is no reason again.
// And a node without the key can have a block signed that does not exist, height after height,
// beside the true one that a stock node signs: so what was signed for it is a reason once.
func (l *look) forked() string {
	f := l.seen.Fork
	if f.At.IsZero() || len(l.Stock) == 0 {
		return ""
	}
	for _, e := range l.state.History {
		held := e.What == EventHold && e.Cause == Fault && strings.HasPrefix(e.Reason, forkedAt)
		again := f.Asked != "" && !l.IsStock(f.Asked) && strings.Contains(e.Reason, askedBy(f.Asked))
		if held && (again || l.holding() || !f.At.After(l.changed)) {
			return ""
		}
	}
	return f.String()
}
