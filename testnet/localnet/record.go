package localnet

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"casper-cosigner/rule/casper"
)

// Record gathers what one node shows: blocks, whose finality signatures it received, whose were
// cited for a reward, and faults. It is safe for concurrent use, and the same event may come twice.
type Record struct {
	mu           sync.Mutex
	validators   map[uint64][]casper.PublicKey // by era, ascending
	blocks       map[uint64]*BlockRecord
	faults       []Fault
	conflicts    []FinalitySignature
	transactions map[casper.Hash]TransactionProcessed
	changed      chan struct{} // closed at the next event
}

// BlockRecord is what is known of one height.
type BlockRecord struct {
	Block    Block                          // its Hash is zero until the block itself was seen
	Seen     time.Time                      // when the block came
	Signed   map[casper.PublicKey]time.Time // when the finality signature of each validator came
	Rewarded map[casper.PublicKey]uint64    // height of the block that cited each one's finality signature

	signedHash map[casper.PublicKey]casper.Hash
}

// NewRecord returns an empty record of a chain that these validators begin.
func NewRecord(genesis []casper.PublicKey) *Record {
	return &Record{
		validators:   map[uint64][]casper.PublicKey{0: sortedKeys(genesis)},
		blocks:       map[uint64]*BlockRecord{},
		transactions: map[casper.Hash]TransactionProcessed{},
		changed:      make(chan struct{}),
	}
}

// Follow adds all that the node tells, until ctx ends.
func (r *Record) Follow(ctx context.Context, n *Node) error {
	return n.Watch(ctx, func(e Event) error {
		r.Add(e, time.Now())
		return nil
	})
}

// Add adds an event that came at that time.
func (r *Record) Add(e Event, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e := e.(type) {
	case Block:
		r.addBlock(e, at)
	case FinalitySignature:
		r.addSignature(e, at)
	case Fault:
		if !slices.Contains(r.faults, e) {
			r.faults = append(r.faults, e)
		}
	case TransactionProcessed:
		r.transactions[e.Hash] = e
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *Record) at(height uint64) *BlockRecord {
	b := r.blocks[height]
	if b == nil {
		b = &BlockRecord{Signed: map[casper.PublicKey]time.Time{}, Rewarded: map[casper.PublicKey]uint64{},
			signedHash: map[casper.PublicKey]casper.Hash{}}
		r.blocks[height] = b
	}
	return b
}

func (r *Record) addBlock(b Block, at time.Time) {
	known := r.at(b.Height)
	if known.Block.Hash != (casper.Hash{}) {
		return
	}
	known.Block, known.Seen = b, at
	if b.End != nil {
		r.validators[b.Era+1] = b.End.Next
	}
	for i, packed := range b.Rewarded {
		if b.Height < uint64(i)+1 {
			return
		}
		past := r.at(b.Height - 1 - uint64(i))
		if past.Block.Hash == (casper.Hash{}) {
			continue // of a height before the record begins, whose validators are not known
		}
		for _, v := range Cited(packed, r.validators[past.Block.Era]) {
			past.Rewarded[v] = b.Height
		}
	}
}

func (r *Record) addSignature(s FinalitySignature, at time.Time) {
	b := r.at(s.Height)
	hash, known := b.signedHash[s.PublicKey]
	switch {
	case !known:
		b.signedHash[s.PublicKey], b.Signed[s.PublicKey] = s.Block, at
	case hash != s.Block && !slices.Contains(r.conflicts, s):
		r.conflicts = append(r.conflicts, s)
	}
}

// Height is the height of the highest block, or -1 before the first.
func (r *Record) Height() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	highest := int64(-1)
	for height, b := range r.blocks {
		if b.Block.Hash != (casper.Hash{}) {
			highest = max(highest, int64(height))
		}
	}
	return highest
}

// Blocks returns what is known of every height of which the block was seen, ascending.
func (r *Record) Blocks() []BlockRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []BlockRecord
	for _, height := range slices.Sorted(maps.Keys(r.blocks)) {
		b := *r.blocks[height]
		if b.Block.Hash == (casper.Hash{}) {
			continue
		}
		b.Signed, b.Rewarded = maps.Clone(b.Signed), maps.Clone(b.Rewarded)
		all = append(all, b)
	}
	return all
}

// Unsigned lists the heights from first to last of which the validator's finality signature did not
// come. A height whose block was not seen is among them.
func (r *Record) Unsigned(validator casper.PublicKey, first, last uint64) []uint64 {
	return r.without(first, last, func(b *BlockRecord) bool {
		return b.signedHash[validator] == b.Block.Hash && b.Block.Hash != (casper.Hash{})
	})
}

// Unrewarded lists the heights from first to last of which no later block cites the
// validator's finality signature. The newest heights may yet be cited, as long as the reward
// delay has not passed.
func (r *Record) Unrewarded(validator casper.PublicKey, first, last uint64) []uint64 {
	return r.without(first, last, func(b *BlockRecord) bool {
		_, ok := b.Rewarded[validator]
		return ok
	})
}

func (r *Record) without(first, last uint64, has func(*BlockRecord) bool) []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var missing []uint64
	for height := first; height <= last; height++ {
		if b := r.blocks[height]; b == nil || !has(b) {
			missing = append(missing, height)
		}
	}
	return missing
}

// Validators returns the validators of an era, ascending, or nil if the block that names
// them was not seen.
func (r *Record) Validators(era uint64) []casper.PublicKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.validators[era])
}

// Faults lists the faults that the node told of.
func (r *Record) Faults() []Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.faults)
}

// Conflicts lists finality signatures of a second hash by one validator at one height.
func (r *Record) Conflicts() []FinalitySignature {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.conflicts)
}

// Processed says what became of a transaction, by its hash; false as long as it was not executed.
func (r *Record) Processed(hash casper.Hash) (TransactionProcessed, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, ok := r.transactions[hash]
	return t, ok
}

// Await waits until the record is as wanted. It looks again at each event.
func (r *Record) Await(ctx context.Context, wanted func(*Record) bool) error {
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if wanted(r) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("watching the chain, at height %d: %w", r.Height(), ctx.Err())
		}
	}
}
