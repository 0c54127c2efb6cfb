// Package zug is a small model of Casper's Zug consensus, as a validator with several
// nodes lives it.
//
// A [Node] is driven by time and events and returns what it sends, which signatures it asks for and
// when it wants to be called next; it has no clock, no goroutine and no randomness but its seed, so
// a run replays exactly, and a process may drive it in real time as well. What it asks for are the
// product's own messages, and it lives through what a real node does: it takes a value that its
// slot is bound to, asks again for what was refused, votes late, proposes anew in old rounds after
// a restart, and catches up.
//
// It is modelled after casper-node 2.0.3 (consensus/protocols/zug.rs) with the edits that make it
// ask for signatures. Left out: the execution of blocks and their transactions, validators that
// join, leave or are evicted, timeouts that adapt, the standstill of a node while it waits for an
// answer. Signatures are carried, never checked.
package zug

import (
	"encoding/binary"
	"time"

	"golang.org/x/crypto/blake2b"

	"casper-cosigner/rule/casper"
)

// FirstEra is the era of the first block after genesis.
const FirstEra = 1

// Chain is what all nodes of a network agree on.
type Chain struct {
	Name      string
	Chainspec casper.Hash
	Weights   []uint64 // of the validators by index, at most 64 of them
	Seed      uint64   // of the leaders' sequence
	Genesis   time.Time
	Block     time.Duration // least time between two blocks
	Timeout   time.Duration // from when a round may have a proposal until it is voted down
	EraBlocks uint64        // blocks in an era
}

// Leader returns the validator that leads the round, drawn by weight.
func (c *Chain) Leader(era uint64, round uint32) uint32 {
	b := binary.LittleEndian.AppendUint64(nil, c.Seed)
	b = binary.LittleEndian.AppendUint64(b, era)
	b = binary.LittleEndian.AppendUint32(b, round)
	sum := blake2b.Sum256(b)
	left := binary.LittleEndian.Uint64(sum[:]) % c.total()
	for i, w := range c.Weights {
		if left < w {
			return uint32(i)
		}
		left -= w
	}
	return 0 // unreachable: left is below the total
}

// EraOf returns the era of a block's height.
func (c *Chain) EraOf(height uint64) uint64 {
	return FirstEra + (max(height, 1)-1)/c.EraBlocks
}

// IsSwitch reports whether the block of that height is the last one of its era.
func (c *Chain) IsSwitch(height uint64) bool { return height%c.EraBlocks == 0 }

// IsQuorum reports whether the weight is more than any two sets of honest validators can have
// without a common member (zug.rs, quorum_threshold). At most a third of the weight may be faulty.
func (c *Chain) IsQuorum(weight uint64) bool {
	total := c.total()
	return weight > (total+(total-1)/3)/2
}

func (c *Chain) total() (sum uint64) {
	for _, w := range c.Weights {
		sum += w
	}
	return sum
}

// genesis returns the block that every chain begins with.
func (c *Chain) genesis() Block {
	return Block{Hash: blake2b.Sum256([]byte("genesis of " + c.Name)), At: c.Genesis.UnixMilli()}
}

// Block is a finalized block.
type Block struct {
	Hash   casper.Hash
	Era    uint64
	Height uint64
	At     int64 // timestamp, Unix milliseconds
}

// next returns the block that the proposal adds.
func (b Block) next(era uint64, p Proposal) Block {
	next := Block{Era: era, Height: b.Height + 1, At: p.At}
	text := binary.LittleEndian.AppendUint64(nil, next.Height)
	text = append(append(text, b.Hash[:]...), p.Payload[:]...)
	next.Hash = blake2b.Sum256(text)
	return next
}
