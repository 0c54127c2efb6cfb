// Package instance finds what the name of an era's Zug instance is made of: the era, the hash of
// the chainspec, and the key block, which is the last block of the era before.
//
// A message of a node names its instance only, and the cosigners want what that is made of. Others
// tell chainspecs and last blocks as they come by them. It promises to find nothing that does not
// make the very instance, so that it does not matter who told it and a lie costs a hash; to keep so
// much of each who tells that nobody drives out what another one told; and never to let go for a
// lie what made an instance. What it does not find it does not guess.
//
// It leaves to others where chainspecs and blocks are heard of.
package instance

import (
	"slices"

	"casper-cosigner/rule/casper"
)

// How much is kept of each who tells: a network has one chainspec between two upgrades, and an era
// is claimed in while it lasts. Of strangers only the newest word of each is kept.
const (
	mostChainspecs = 12
	mostBlocks     = 8
	mostTellers    = 32
	mostStrangers  = 64
	mostFits       = 32 // upgrades, or eras
	mostMissed     = 16
)

// End is where an era ended.
type End struct {
	Era  uint64
	Last casper.Hash // its last block
}

// Told is what one told, the newest last.
type Told struct {
	Chainspecs []casper.Hash
	Ends       []End
}

// word is what a stranger said.
type word struct {
	by        string
	chainspec casper.Hash
}

// Known is what was told. The zero value knows nothing. It is not safe for concurrent use.
type Known struct {
	by        map[string]*Told
	strangers []word                 // oldest first
	fits      Told                   // what made an instance that was asked for, whoever told it
	news      uint64                 // so many things were new
	missed    map[casper.Hash]uint64 // instances that are not found, at so many news
}

// Chainspec takes a chainspec's hash in, as somebody told it.
func (k *Known) Chainspec(by string, hash casper.Hash) {
	if t := k.teller(by); t != nil {
		k.news += keep(&t.Chainspecs, hash, mostChainspecs)
	}
}

// Ended takes the last block of an era in, as somebody told it.
func (k *Known) Ended(by string, era uint64, last casper.Hash) {
	if t := k.teller(by); t != nil {
		k.news += keep(&t.Ends, End{era, last}, mostBlocks)
	}
}

// Answered takes a chainspec's hash in that a stranger said when it was asked. Any number of them
// may lie: each has one word, and if there are too many the oldest goes that never fitted.
func (k *Known) Answered(stranger string, hash casper.Hash) {
	now := word{stranger, hash}
	if slices.Contains(k.strangers, now) {
		return
	}
	k.news++
	k.strangers = append(slices.DeleteFunc(k.strangers, func(w word) bool { return w.by == stranger }), now)
	if len(k.strangers) <= mostStrangers {
		return
	}
	oldest := slices.IndexFunc(k.strangers, func(w word) bool { return !slices.Contains(k.fits.Chainspecs, w.chainspec) })
	k.strangers = slices.Delete(k.strangers, max(0, oldest), max(0, oldest)+1)
}

// Candidates returns what strangers said, each once: what the most say late, what fitted last.
func (k *Known) Candidates() (list []casper.Hash) {
	say := map[casper.Hash]int{}
	for _, w := range k.strangers {
		if say[w.chainspec]++; say[w.chainspec] == 1 {
			list = append(list, w.chainspec)
		}
	}
	for _, fit := range k.fits.Chainspecs {
		say[fit] += mostStrangers
	}
	slices.SortStableFunc(list, func(a, b casper.Hash) int { return say[a] - say[b] })
	return list
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

// keep puts what was told at the end of the list, which holds no more than so many, and returns 1
// if it is new there.
func keep[T comparable](list *[]T, what T, most int) uint64 {
	before := len(*list)
	*list = append(slices.DeleteFunc(*list, func(have T) bool { return have == what }), what)
	if len(*list) == before {
		return 0
	}
	*list = slices.Delete(*list, 0, max(0, len(*list)-most))
	return 1
}

// Find returns what the instance is made of, if that was told; of the round nothing else counts.
// One's chainspec and another's block do as well, and what fitted is not forgotten. To ask again
// for what is not found costs nothing until something new is told.
func (k *Known) Find(instance casper.Hash) (casper.Round, bool) {
	if at, missed := k.missed[instance]; missed && at == k.news {
		return casper.Round{}, false
	}
	chainspecs, ends := k.all()
	for end := range ends {
		for chainspec := range chainspecs {
			r := casper.Round{Chainspec: chainspec, Era: end.Era + 1, KeyBlock: end.Last}
			if r.Instance() == instance {
				keep(&k.fits.Chainspecs, chainspec, mostFits)
				keep(&k.fits.Ends, end, mostFits)
				return r, true
			}
		}
	}
	if k.missed == nil || len(k.missed) >= mostMissed {
		k.missed = map[casper.Hash]uint64{}
	}
	k.missed[instance] = k.news
	return casper.Round{}, false
}

// all returns whatever may make an instance, each once: who tells most costs a hash for each.
func (k *Known) all() (chainspecs map[casper.Hash]bool, ends map[End]bool) {
	chainspecs, ends = map[casper.Hash]bool{}, map[End]bool{}
	add := func(t Told) {
		for _, c := range t.Chainspecs {
			chainspecs[c] = true
		}
		for _, e := range t.Ends {
			ends[e] = true
		}
	}
	add(k.fits)
	for _, t := range k.by {
		add(*t)
	}
	for _, w := range k.strangers {
		chainspecs[w.chainspec] = true
	}
	return chainspecs, ends
}
