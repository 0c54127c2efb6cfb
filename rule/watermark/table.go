// Package watermark is the double-sign rule: which message a slot may carry.
//
// It promises that a slot, once bound, holds one message for good: every later claim of it is
// answered with that message, and a slot that has been forgotten is below the pruned mark, where
// every claim is refused. It decides nothing else: who may ask, how fast the chain can move (Pace
// tells) and when a signature leaves are its callers' business.
//
// The rule itself is Table.Claim in rule.go.
package watermark

import (
	"bytes"
	"cmp"
	"iter"
	"maps"
	"slices"

	"casper-cosigner/rule/casper"
)

// Mark is a place on the chain. Eras and heights move independently: a finality signature never
// moves the era, because the era that an asker claims for a block binds nothing.
type Mark struct {
	Era    uint64
	Height uint64
}

// Covers reports whether the slot is at or above the mark.
func (m Mark) Covers(s casper.Slot) bool {
	if s.OfHeight() {
		return s.Height >= m.Height
	}
	return s.Era >= m.Era
}

// Max returns the higher era and the higher height of the two.
func (m Mark) Max(o Mark) Mark {
	return Mark{Era: max(m.Era, o.Era), Height: max(m.Height, o.Height)}
}

// Claim is a message with the node that asked for it and that node's signature of its request.
type Claim struct {
	Message   casper.Message
	Node      string
	AskedAt   uint64 // how far the log was when the node asked: an index, 0 in a request that does not say
	Signature [64]byte
}

// Table is the state of the rule. Its zero value is not usable: New makes one. It is not safe for
// concurrent use.
type Table struct {
	pruned  Mark // slots below were forgotten, so they are refused for ever
	floor   Mark // at or above pruned; set by an operator
	newest  Mark // highest era and height claimed
	eras    map[uint64]*era
	heights map[uint64]finality
}

// era holds the Zug slots of one era. Rounds are kept apart from the much longer instance
// that they share.
type era struct {
	voices []voice
	named  []casper.Hash  // chainspecs under which an operator said that the era runs again, in that order
	uses   map[use]uint16 // the one voice of that use
	slots  map[ballot]vote
	newest uint32 // highest round in slots
	shared bool   // a Clone has it as well, so it must be copied before it is changed
}

// use is a node's right to a voice: one under each chainspec that an operator named, and one under
// any other.
type use struct {
	node  string
	named int // which of era.named, from 1; 0 is any other
}

// voice is an (instance, validator index) that some node signs under.
type voice struct {
	casper.Round // ID is 0
	instance     casper.Hash
}

type ballot struct {
	round uint32
	voice uint16
	kind  casper.Kind
}

type vote struct {
	value     casper.Hash // proposal hash of an Echo; first byte 1 for Vote(true)
	node      string
	askedAt   uint64
	signature [64]byte
}

type finality struct {
	casper.Finality
	node      string
	askedAt   uint64
	signature [64]byte
}

// New returns an empty table that refuses everything below first.
func New(first Mark) *Table {
	return &Table{
		pruned: first, floor: first, newest: first,
		eras: map[uint64]*era{}, heights: map[uint64]finality{},
	}
}

// Pruned returns the mark below which everything is refused for ever.
func (t *Table) Pruned() Mark { return t.pruned }

// Floor returns the mark below which free slots are refused now; it is at or above Pruned.
func (t *Table) Floor() Mark { return t.floor }

// Newest returns the highest era and the highest height claimed, at least the first ones.
func (t *Table) Newest() Mark { return t.newest }

// NewestRound returns the highest round claimed in the newest era, and false if there is none.
func (t *Table) NewestRound() (uint32, bool) { return t.RoundIn(t.newest.Era) }

// RoundIn returns the highest round claimed in the era, and false if there is none.
func (t *Table) RoundIn(n uint64) (uint32, bool) {
	e := t.eras[n]
	if e == nil || len(e.slots) == 0 {
		return 0, false
	}
	return e.newest, true
}

// Voter returns the node whose claim the highest round of the era holds, that of the vote if there
// is one; empty if it holds none.
func (t *Table) Voter(n uint64) string {
	e, node := t.eras[n], ""
	if e == nil {
		return ""
	}
	for i := range e.voices {
		for _, kind := range []casper.Kind{casper.KindEcho, casper.KindVote} {
			if v, ok := e.slots[ballot{voice: uint16(i), round: e.newest, kind: kind}]; ok {
				node = v.node
			}
		}
	}
	return node
}

// Len returns the number of slots held.
func (t *Table) Len() int {
	n := len(t.heights)
	for _, e := range t.eras {
		n += len(e.slots)
	}
	return n
}

// Clone returns a copy for reading, at the cost of the marks, the heights and the eras' addresses.
func (t *Table) Clone() *Table {
	c := *t
	for _, e := range t.eras {
		e.shared = true
	}
	c.eras, c.heights = maps.Clone(t.eras), maps.Clone(t.heights)
	return &c
}

// own returns the era, made or copied first where need be, so that it may be changed.
func (t *Table) own(n uint64) *era {
	e := t.eras[n]
	switch {
	case e == nil:
		e = &era{uses: map[use]uint16{}, slots: map[ballot]vote{}}
	case e.shared:
		e = &era{voices: slices.Clone(e.voices), named: slices.Clone(e.named), uses: maps.Clone(e.uses),
			slots: maps.Clone(e.slots), newest: e.newest}
	}
	t.eras[n] = e
	return e
}

// Lookup returns what the slot holds.
func (t *Table) Lookup(s casper.Slot) (Claim, bool) {
	if s.OfHeight() {
		f, ok := t.heights[s.Height]
		return f.claim(), ok
	}
	e := t.eras[s.Era]
	if e == nil {
		return Claim{}, false
	}
	i := e.voice(s.Instance, s.Validator)
	if i < 0 {
		return Claim{}, false
	}
	b := ballot{voice: uint16(i), round: s.Round, kind: s.Kind}
	v, ok := e.slots[b]
	return e.claim(b, v), ok
}

// bind has the slot hold the claim, whatever it held. Claim and Put see to it that it held nothing.
func (t *Table) bind(s casper.Slot, c Claim) {
	switch m := c.Message.(type) {
	case casper.Echo:
		t.cast(s, m.Round, vote{value: m.Proposal, node: c.Node, askedAt: c.AskedAt, signature: c.Signature})
	case casper.Vote:
		v := vote{node: c.Node, askedAt: c.AskedAt, signature: c.Signature}
		if m.Value {
			v.value[0] = 1
		}
		t.cast(s, m.Round, v)
	case casper.Finality:
		t.heights[s.Height] = finality{Finality: m, node: c.Node, askedAt: c.AskedAt, signature: c.Signature}
	}
}

func (t *Table) cast(s casper.Slot, round casper.Round, v vote) {
	e := t.own(s.Era)
	i := e.voice(s.Instance, s.Validator)
	if i < 0 {
		i = len(e.voices)
		round.ID = 0
		e.voices = append(e.voices, voice{Round: round, instance: s.Instance})
	}
	e.uses[e.use(v.node, round.Chainspec)] = uint16(i)
	e.newest = max(e.newest, s.Round)
	e.slots[ballot{voice: uint16(i), round: s.Round, kind: s.Kind}] = v
}

// All yields every slot held, in an order that depends on the contents alone.
func (t *Table) All() iter.Seq2[casper.Slot, Claim] {
	return func(yield func(casper.Slot, Claim) bool) {
		for _, n := range slices.Sorted(maps.Keys(t.eras)) {
			e := t.eras[n]
			for _, b := range slices.SortedFunc(maps.Keys(e.slots), compareBallots) {
				c := e.claim(b, e.slots[b])
				slot, _ := casper.SlotOf(c.Message)
				if !yield(slot, c) {
					return
				}
			}
		}
		for _, h := range slices.Sorted(maps.Keys(t.heights)) {
			c := t.heights[h].claim()
			slot, _ := casper.SlotOf(c.Message)
			if !yield(slot, c) {
				return
			}
		}
	}
}

// compareBallots orders by voice first. Voices are numbered in the order of the log, which
// every copy shares.
func compareBallots(a, b ballot) int {
	return cmp.Or(cmp.Compare(a.voice, b.voice), cmp.Compare(a.round, b.round), cmp.Compare(a.kind, b.kind))
}

// voice returns the number of a voice, or -1. An era has as many as there are nodes, and as many
// again for each chainspec that was named, so a scan is quick.
func (e *era) voice(instance casper.Hash, validator uint32) int {
	return slices.IndexFunc(e.voices, func(v voice) bool {
		return v.Validator == validator && bytes.Equal(v.instance[:], instance[:])
	})
}

// use returns which right a node makes use of under the chainspec.
func (e *era) use(node string, chainspec casper.Hash) use {
	return use{node: node, named: 1 + slices.Index(e.named, chainspec)}
}

func (e *era) claim(b ballot, v vote) Claim {
	if int(b.voice) >= len(e.voices) {
		return Claim{}
	}
	round := e.voices[b.voice].Round
	round.ID = b.round
	var m casper.Message = casper.Echo{Round: round, Proposal: v.value}
	if b.kind == casper.KindVote {
		m = casper.Vote{Round: round, Value: v.value[0] == 1}
	}
	return Claim{Message: m, Node: v.node, AskedAt: v.askedAt, Signature: v.signature}
}

func (f finality) claim() Claim {
	return Claim{Message: f.Finality, Node: f.node, AskedAt: f.askedAt, Signature: f.signature}
}
