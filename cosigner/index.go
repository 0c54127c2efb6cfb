package cosigner

import (
	"cmp"
	"iter"
	"slices"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/watermark"
)

// voice is what all slots of one validator index in one Zug instance share.
// All finality slots are one voice.
type voice struct {
	finality  bool
	era       uint64
	instance  casper.Hash
	validator uint32
}

// entry is one slot of a voice; key is that of split.
type entry struct {
	key    uint64
	digest casper.Hash
}

// index is the map from slot to digest. The 50 bytes that the slots of a voice
// share are kept once, and the rest in a slice sorted by key, since slots come
// nearly in order: so a slot takes about 50 bytes.
type index struct {
	voices map[voice][]entry
	size   int
}

func newIndex() *index { return &index{voices: map[voice][]entry{}} }

// split takes a slot apart: a finality slot's key is its height, a Zug slot's
// its round and, in the last byte, its kind.
func split(s casper.Slot) (voice, uint64) {
	if s.OfHeight() {
		return voice{finality: true}, s.Height
	}
	return voice{era: s.Era, instance: s.Instance, validator: s.Validator}, uint64(s.Round)<<8 | uint64(s.Kind)
}

// slot is the inverse of split.
func (v voice) slot(key uint64) casper.Slot {
	if v.finality {
		return casper.SlotOfHeight(key)
	}
	return casper.Slot{Kind: casper.Kind(key), Era: v.era, Instance: v.instance, Validator: v.validator,
		Round: uint32(key >> 8)}
}

// find returns where key is or belongs in entries.
func find(entries []entry, key uint64) (int, bool) {
	return slices.BinarySearchFunc(entries, key, func(e entry, key uint64) int { return cmp.Compare(e.key, key) })
}

func (x *index) get(s casper.Slot) (casper.Hash, bool) {
	v, key := split(s)
	entries := x.voices[v]
	i, ok := find(entries, key)
	if !ok {
		return casper.Hash{}, false
	}
	return entries[i].digest, true
}

// put adds a slot. One that is there stays as it is.
func (x *index) put(s casper.Slot, digest casper.Hash) {
	v, key := split(s)
	i, ok := find(x.voices[v], key)
	if ok {
		return
	}
	x.voices[v] = slices.Insert(x.voices[v], i, entry{key, digest})
	x.size++
}

// prune drops the slots below floor.
func (x *index) prune(floor watermark.Mark) {
	for v, entries := range x.voices {
		below := 0
		switch {
		case v.finality:
			below, _ = find(entries, floor.Height)
		case v.era < floor.Era:
			below = len(entries)
		}
		x.size -= below
		if below == len(entries) {
			delete(x.voices, v)
			continue
		}
		x.voices[v] = entries[below:]
	}
}

// dropHeights drops the heights that are gone.
func (x *index) dropHeights(gone func(height uint64) bool) {
	v := voice{finality: true}
	kept := slices.DeleteFunc(x.voices[v], func(e entry) bool { return gone(e.key) })
	x.size -= len(x.voices[v]) - len(kept)
	x.voices[v] = kept
}

// heights yields the heights from one on.
func (x *index) heights(from uint64) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		entries := x.voices[voice{finality: true}]
		i, _ := find(entries, from)
		for _, e := range entries[i:] {
			if !yield(e.key) {
				return
			}
		}
	}
}

// highest returns the highest height, and whether there is one.
func (x *index) highest() (uint64, bool) {
	entries := x.voices[voice{finality: true}]
	if len(entries) == 0 {
		return 0, false
	}
	return entries[len(entries)-1].key, true
}

// newest returns how far the slots go: the newest era with its newest round, and the newest height.
func (x *index) newest() (p failover.Place) {
	for v, entries := range x.voices {
		if v.finality || len(entries) == 0 || v.era < p.Era {
			continue
		}
		round := uint32(entries[len(entries)-1].key >> 8)
		if v.era > p.Era {
			p.Round = 0
		}
		p.Era, p.Round = v.era, max(p.Round, round)
	}
	p.Height, _ = x.highest()
	return p
}

// all yields every slot, those of a voice in order.
func (x *index) all() iter.Seq2[casper.Slot, casper.Hash] {
	return func(yield func(casper.Slot, casper.Hash) bool) {
		for v, entries := range x.voices {
			for _, e := range entries {
				if !yield(v.slot(e.key), e.digest) {
					return
				}
			}
		}
	}
}
