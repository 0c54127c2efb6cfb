package cosigner

import (
	"maps"
	"slices"

	"golang.org/x/crypto/blake2b"
)

// Link is a hash over all that a ledger was given up to one of its records: each is made of the one
// before it and of the record. Two ledgers that have one link at the same place had the same
// records up to there, so one that was put back and went on by others has another.
type Link [16]byte

// follow returns the link at a record, given as it lies in the file.
func (k Link) follow(b []byte) Link {
	sum := blake2b.Sum256(append(k[:len(k):len(k)], b...))
	return Link(sum[:len(k)])
}

// linksKept is how many links are known at least: a megabyte of them.
const linksKept = 65_536

// chain is the links at the records that a ledger was ever given, as far as they are known: at a
// start from the last one before the file was written on, and then of as many as are kept, over all
// files that are written in its place.
type chain struct {
	before uint64 // place of the first link, counted over all files; the header of the first file is 1
	links  []Link
}

// add takes in the links at further records.
func (c *chain) add(links []Link) {
	c.links = append(c.links, links...)
	if n := len(c.links) - linksKept; n > linksKept {
		c.before += uint64(n)
		c.links = slices.Clone(c.links[n:])
	}
}

// written returns how many records there were.
func (c *chain) written() uint64 { return c.before + uint64(len(c.links)) - 1 }

func (c *chain) last() Link { return c.links[len(c.links)-1] }

// Written returns how many records were ever made durable here, the header of the first file among
// them, also those that were forgotten since, and the link at the last one. The number never falls,
// over restarts, compactions and resets, as long as the file is the one that was left. It is never
// above what is durable, and includes what a Claim that returned nil wrote.
func (l *Ledger) Written() (uint64, Link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.chain.written(), l.chain.last()
}

// LinkAt returns the link at that record, unless it was forgotten or was not written yet.
func (l *Ledger) LinkAt(n uint64) (Link, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n < l.chain.before || n > l.chain.written() {
		return Link{}, false
	}
	return l.chain.links[n-l.chain.before], true
}

// count has a file that an earlier release wrote replaced by one that says how many records it was
// given, and that such a release does not take: it would forget their number when it compacts, and
// then a sound ledger could not be told from one that was put back.
func (l *Ledger) count() error {
	l.writing <- struct{}{}
	defer func() { <-l.writing }()
	l.mu.Lock()
	h, differing := l.header(), maps.Clone(l.differing)
	l.mu.Unlock()
	h.sealed = uint64(l.index.size + len(differing)) // writing suffices to read the index
	return l.replaceBy(h, l.live(differing))
}
