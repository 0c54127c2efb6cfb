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

import (
	"slices"

	"casper-cosigner/rule/casper"
)

// How much is kept of each who tells: a network has one chainspec between two upgrades, and an era
// is claimed in while it lasts.
const (
	mostChainspecs = 4
	mostBlocks     = 8
	mostTellers    = 32
)

// End is where an era ended.
type End struct {
	Era  uint64
	Last casper.Hash // its last block
}

// Told is what one told, oldest first.
type Told struct {
	Chainspecs []casper.Hash
	Ends       []End
}

// Known is what was told. The zero value knows nothing. It is not safe for concurrent use.
type Known struct{ by map[string]*Told }

// Chainspec takes a chainspec's hash in, as somebody told it.
func (k *Known) Chainspec(by string, hash casper.Hash) {
	if t := k.teller(by); t != nil {
		t.Chainspecs = keep(t.Chainspecs, hash, mostChainspecs)
	}
}

// Ended takes the last block of an era in, as somebody told it.
func (k *Known) Ended(by string, era uint64, last casper.Hash) {
	if t := k.teller(by); t != nil {
		t.Ends = keep(t.Ends, End{era, last}, mostBlocks)
	}
}

// Told returns what is kept of one, for others.
func (k *Known) Told(by string) Told {
	t := k.by[by]
	if t == nil {
		return Told{}
	}
	return Told{Chainspecs: slices.Clone(t.Chainspecs), Ends: slices.Clone(t.Ends)}
}

// teller returns what is kept of one; nil if there are too many.
func (k *Known) teller(by string) *Told {
	if k.by == nil {
		k.by = map[string]*Told{}
	}
	if k.by[by] == nil && len(k.by) < mostTellers {
		k.by[by] = &Told{}
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
		for _, b := range t.Ends {
			for _, o := range k.by {
				for _, chainspec := range o.Chainspecs {
					r := casper.Round{Chainspec: chainspec, Era: b.Era + 1, KeyBlock: b.Last}
					if r.Instance() == instance {
						return r, true
					}
				}
			}
		}
	}
	return casper.Round{}, false
}
