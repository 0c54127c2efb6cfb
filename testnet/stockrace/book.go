package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/units"
	"casper-cosigner/testnet/pair"
)

// errDouble is what must never be.
var errDouble = errors.New("DOUBLE SIGN")

// slot is one of an era.
type slot struct {
	round uint32
	kind  casper.Kind
}

func slotOf(b casper.Ballot) slot { return slot{b.Round, b.Kind} }

// seen is the value of a slot, and where it was seen first.
type seen struct {
	value casper.Hash
	where string
}

// book is what was seen of one era, wherever.
type book struct {
	instance casper.Hash
	key      casper.PublicKey

	mu    sync.Mutex // guards what follows
	bound map[slot]seen
	sent  [2]map[slot]casper.Hash // by node: what it was told to be written, so that it sent it
}

func newBook(instance casper.Hash, key casper.PublicKey) *book {
	return &book{instance: instance, key: key, bound: map[slot]seen{},
		sent: [2]map[slot]casper.Hash{{}, {}}}
}

// note fails if the slot has another value somewhere.
func (b *book) note(m casper.Ballot, where string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if have, ok := b.bound[slotOf(m)]; ok && have.value != m.Value {
		return fmt.Errorf("%w: %v: %v is %s, %v is %s", errDouble, m, have.value, have.where, m.Value, where)
	}
	b.bound[slotOf(m)] = seen{m.Value, where}
	return nil
}

// send notes what a node sent.
func (b *book) send(i int, m casper.Ballot) error {
	b.mu.Lock()
	b.sent[i][slotOf(m)] = m.Value
	b.mu.Unlock()
	return b.note(m, fmt.Sprintf("sent by node %d", i+1))
}

// slots is how many have a value.
func (b *book) slots() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.bound)
}

// look reads a node's unit file, through its gate or in the gate's folder. It fails if anything in
// it contradicts what was seen, if a slot stands there twice, or if something is missing that the
// node had sent before.
func (b *book) look(i int, path string) error {
	b.mu.Lock()
	missing := map[slot]casper.Hash{}
	for s, value := range b.sent[i] {
		missing[s] = value
	}
	b.mu.Unlock()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	r, met := units.NewReader(bytes.NewReader(text)), map[slot]bool{}
	for {
		e, err := r.Next()
		if err != nil {
			break // what is torn was not told to be written
		}
		m := e.First.Ballot
		if e.Kind != units.Signed || m.Instance != b.instance || !m.SignedBy(b.key) {
			continue
		}
		if met[slotOf(m)] {
			return fmt.Errorf("%v stands twice in %s, which casper-node takes for damaged", m, path)
		}
		met[slotOf(m)] = true
		if err := b.note(m, "in "+path); err != nil {
			return err
		}
		delete(missing, slotOf(m))
	}
	for s := range missing {
		return fmt.Errorf("%d messages are missing: what node %d sent in round %d, %v, is not in %s", len(missing), i+1,
			s.round, s.kind, path)
	}
	return nil
}

// judge looks at what lies in both gates' folders.
func (b *book) judge(p *pair.Pair) error {
	for i, n := range p.Nodes {
		if err := b.look(i, n.Stored(b.instance)); err != nil {
			return err
		}
	}
	return nil
}
