// Package instance finds what the name of an era's Zug instance is made of: the era, the hash of
// the chainspec, and the key block, which is the last block of the era before.
//
// A message of a node names its instance only, and the cosigners want what that is made of. Others
// tell chainspecs and last blocks as they come by them. It promises to find nothing that does not
// make the very instance, so that it does not matter who told it, and to keep so much of each who
// tells that nobody drives out what another one told. What it does not find it does not guess.
//
// It leaves to others where chainspecs and blocks are heard of.
package instance

import "casper-cosigner/rule/casper"

// How much is kept of each who tells: a network has one chainspec between two upgrades, and an era
// is claimed in while it lasts.
const (
	mostChainspecs = 4
	mostBlocks     = 8
	mostTellers    = 32
)

// block is the last one of an era.
type block struct {
	era  uint64
	hash casper.Hash
}

// told is what one told, oldest first.
type told struct {
	chainspecs []casper.Hash
	blocks     []block
}

// Known is what was told. The zero value knows nothing. It is not safe for concurrent use.
type Known struct{ by map[string]*told }

// Chainspec takes a chainspec's hash in, as somebody told it.
func (k *Known) Chainspec(by string, hash casper.Hash) {
	if t := k.teller(by); t != nil {
		t.chainspecs = keep(t.chainspecs, hash, mostChainspecs)
	}
}

// Ended takes the last block of an era in, as somebody told it.
func (k *Known) Ended(by string, era uint64, last casper.Hash) {
	if t := k.teller(by); t != nil {
		t.blocks = keep(t.blocks, block{era, last}, mostBlocks)
	}
}

// teller returns what is kept of one; nil if there are too many.
func (k *Known) teller(by string) *told {
	if k.by == nil {
		k.by = map[string]*told{}
	}
	if k.by[by] == nil && len(k.by) < mostTellers {
		k.by[by] = &told{}
	}
	return k.by[by]
}

// keep returns the list with what is new at its end, and no more than so many.
func keep[T comparable](list []T, what T, most int) []T {
	for _, have := range list {
		if have == what {
			return list
		}
	}
	list = append(list, what)
	return list[max(0, len(list)-most):]
}

// Find returns what the instance is made of, if that was told; of the round nothing else counts.
// One's chainspec and another's block do as well.
func (k *Known) Find(instance casper.Hash) (casper.Round, bool) {
	for _, t := range k.by {
		for _, b := range t.blocks {
			for _, o := range k.by {
				for _, chainspec := range o.chainspecs {
					r := casper.Round{Chainspec: chainspec, Era: b.era + 1, KeyBlock: b.hash}
					if r.Instance() == instance {
						return r, true
					}
				}
			}
		}
	}
	return casper.Round{}, false
}
