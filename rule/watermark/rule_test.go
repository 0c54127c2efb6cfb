package watermark_test

import (
	"fmt"
	"math"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/watermark"
)

func TestCovers(t *testing.T) {
	m := watermark.Mark{Era: 5, Height: 50}
	tests := []struct {
		slot casper.Slot
		want bool
	}{
		{casper.Slot{Kind: casper.KindEcho, Era: 4}, false},
		{casper.Slot{Kind: casper.KindEcho, Era: 5}, true},
		{casper.Slot{Kind: casper.KindVote, Era: 4, Height: 99}, false},
		{casper.Slot{Kind: casper.KindVote, Era: 6}, true},
		{casper.Slot{Kind: casper.KindFinality, Height: 49}, false},
		{casper.Slot{Kind: casper.KindFinality, Height: 50}, true},
		{casper.Slot{Kind: casper.KindFinality, Era: 99, Height: 49}, false},
	}
	for _, tt := range tests {
		if got := m.Covers(tt.slot); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.slot, got, tt.want)
		}
	}
}

// TestMaxVoices: whoever leads fills an era with voices of nodes that he makes up. Each slot goes
// on to hold what it held, the voices of before may go on, and no other one comes.
func TestMaxVoices(t *testing.T) {
	table := watermark.New(watermark.Mark{})
	vote := func(validator, round uint32, value bool) watermark.Claim {
		return watermark.Claim{Node: fmt.Sprint("node-", validator), Message: casper.Vote{Value: value,
			Round: casper.Round{Era: 3, ID: round, Validator: validator}}}
	}
	for n := range uint32(watermark.MaxVoices) {
		if _, outcome, why := table.Claim(vote(n, 1, true)); outcome != watermark.Claimed {
			t.Fatalf("voice %d: %v", n, why)
		}
	}
	more := vote(watermark.MaxVoices, 1, false)
	if _, outcome, why := table.Claim(more); outcome != watermark.Refused || why != refusal.OtherInstance {
		t.Errorf("one more: %v, %v", outcome, why)
	}
	if err := table.Put(more); err == nil {
		t.Error("one more was put back")
	}
	held, outcome, _ := table.Claim(vote(0, 1, false))
	if outcome != watermark.Held || held.Message != vote(0, 1, true).Message {
		t.Errorf("the first holds %v, %v", held, outcome)
	}
	if _, outcome, why := table.Claim(vote(0, 2, true)); outcome != watermark.Claimed {
		t.Errorf("the first goes on: %v", why)
	}
}

// TestWhatMakesASlot claims one message and then another: only what differs in the value
// meets the first one.
func TestWhatMakesASlot(t *testing.T) {
	r := casper.Round{Chainspec: casper.Hash{1}, Era: 3, KeyBlock: casper.Hash{2}, ID: 4, Validator: 5}
	with := func(edit func(*casper.Round)) casper.Round {
		e := r
		edit(&e)
		return e
	}
	echo, vote := casper.Echo{Round: r, Proposal: casper.Hash{1}}, casper.Vote{Round: r, Value: true}
	final := casper.Finality{Block: casper.Hash{1}, Height: 7, Era: 3, ChainName: casper.Hash{4}}
	tests := []struct {
		name          string
		first, second casper.Message
		want          watermark.Outcome // of the second, by another node
	}{
		{"same echo", echo, echo, watermark.Held},
		{"other proposal", echo, casper.Echo{Round: r, Proposal: casper.Hash{2}}, watermark.Held},
		{"echo of zero", echo, casper.Echo{Round: r}, watermark.Held},
		{"other vote", vote, casper.Vote{Round: r}, watermark.Held},
		{"false, then true", casper.Vote{Round: r}, vote, watermark.Held},
		{"vote beside echo", echo, vote, watermark.Claimed},
		{"other round", vote, casper.Vote{Round: with(func(r *casper.Round) { r.ID++ })}, watermark.Claimed},
		{"other era", vote, casper.Vote{Round: with(func(r *casper.Round) { r.Era++ })}, watermark.Claimed},
		{"other index", vote, casper.Vote{Round: with(func(r *casper.Round) { r.Validator++ })}, watermark.Claimed},
		{"other key block", vote, casper.Vote{Round: with(func(r *casper.Round) { r.KeyBlock[9]++ })}, watermark.Claimed},
		{"after an upgrade", vote, casper.Vote{Round: with(func(r *casper.Round) { r.Chainspec[9]++ })}, watermark.Claimed},
		{"other block", final, casper.Finality{Block: casper.Hash{2}, Height: 7, Era: 3, ChainName: casper.Hash{4}},
			watermark.Held},
		{"other era of the block",
			final, casper.Finality{Block: casper.Hash{1}, Height: 7, Era: 4, ChainName: casper.Hash{4}}, watermark.Held},
		{"other chain", final, casper.Finality{Block: casper.Hash{1}, Height: 7, Era: 3}, watermark.Held},
		{"other height", final, casper.Finality{Block: casper.Hash{1}, Height: 8, Era: 3}, watermark.Claimed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table := watermark.New(watermark.Mark{})
			first := watermark.Claim{Message: tt.first, Node: "a", Signature: [64]byte{1}}
			if got, outcome, _ := table.Claim(first); outcome != watermark.Claimed || got != first {
				t.Fatalf("%v, %v", outcome, got)
			}
			second := watermark.Claim{Message: tt.second, Node: "b", Signature: [64]byte{2}}
			want := second
			if tt.want == watermark.Held {
				want = first
			}
			if got, outcome, _ := table.Claim(second); outcome != tt.want || got != want {
				t.Errorf("%v, %v; want %v, %v", outcome, got, tt.want, want)
			}
			slot, _ := casper.SlotOf(tt.second)
			if got, ok := table.Lookup(slot); !ok || got != want {
				t.Errorf("the slot holds %v, want %v", got, want)
			}
		})
	}
}

func TestClaimRefuses(t *testing.T) {
	vote := func(node string, era uint64, round uint32, instance uint16) watermark.Claim {
		return asked{node: node, kind: casper.KindVote, era: era, round: round, instance: instance, value: 1}.claim()
	}
	index := vote("a", 7, 1, 0)
	m := index.Message.(casper.Vote)
	m.Validator++
	index.Message = m
	pointer := vote("a", 9, 0, 0)
	value := pointer.Message.(casper.Vote)
	pointer.Message = &value
	embedded := watermark.Claim{Message: struct{ casper.Vote }{value}, Node: "a"}
	tests := []struct {
		name  string
		claim watermark.Claim
		want  refusal.Reason
	}{
		{"era below the floor", vote("a", 4, 0, 0), refusal.BelowFloor},
		{"era and round", vote("a", 4, 7200, 0), refusal.BelowFloor},
		{"height below the floor", asked{node: "a", kind: casper.KindFinality, era: 7, height: 49}.claim(),
			refusal.BelowFloor},
		{"other instance", vote("a", 7, 1, 1), refusal.OtherInstance},
		{"other index", index, refusal.OtherInstance},
		{"handshake", watermark.Claim{Message: casper.Handshake{}, Node: "a"}, refusal.NoSlot},
		{"no message", watermark.Claim{Node: "a"}, refusal.NoSlot},
		{"pointer", pointer, refusal.NoSlot},
		{"embedded", embedded, refusal.NoSlot},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table := watermark.New(watermark.Mark{Era: 5, Height: 50})
			if _, outcome, _ := table.Claim(vote("a", 7, 0, 0)); outcome != watermark.Claimed {
				t.Fatal(outcome)
			}
			newest := table.Newest()
			got, outcome, why := table.Claim(tt.claim)
			if outcome != watermark.Refused || why != tt.want || got != (watermark.Claim{}) {
				t.Errorf("%v, %v, %v; want %v and no claim", outcome, why, got, tt.want)
			}
			if table.Len() != 1 || table.Newest() != newest {
				t.Errorf("a refused claim left %d slots, newest %v", table.Len(), table.Newest())
			}
		})
	}
}

func TestNewestRound(t *testing.T) {
	table := watermark.New(watermark.Mark{Era: 5})
	if r, ok := table.NewestRound(); ok {
		t.Errorf("empty table: round %d", r)
	}
	for _, step := range []struct {
		era   uint64
		round uint32
		want  uint32
	}{{5, 3, 3}, {5, 1, 3}, {7, 0, 0}, {6, 9, 0}, {7, 7199, 7199}} {
		table.Claim(asked{node: "a", kind: casper.KindEcho, era: step.era, round: step.round}.claim())
		if r, ok := table.NewestRound(); !ok || r != step.want {
			t.Errorf("after era %d round %d: %d, %v; want %d", step.era, step.round, r, ok, step.want)
		}
	}
}

func TestAllStopsWhenTold(t *testing.T) {
	table := watermark.New(watermark.Mark{})
	for _, kind := range []casper.Kind{casper.KindEcho, casper.KindFinality} {
		table.Claim(asked{node: "a", kind: kind}.claim())
		n := 0
		for slot := range table.All() {
			n++
			if slot.Kind == kind {
				break
			}
		}
		if n != table.Len() {
			t.Errorf("%d slots before the %v, of %d", n, kind, table.Len())
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	mark := func(n uint64) watermark.Mark { return watermark.Mark{Era: n, Height: n} }
	tests := []struct {
		name                  string
		pruned, floor, newest watermark.Mark
		ok                    bool
	}{
		{"new", mark(3), mark(3), mark(3), true},
		{"floor above newest", mark(3), mark(99), mark(4), true},
		{"whole window", mark(0), mark(0), watermark.Mark{Era: 11, Height: 16383}, true},
		{"floor below pruned", mark(3), watermark.Mark{Era: 2, Height: 3}, mark(3), false},
		{"floor height below pruned", mark(3), watermark.Mark{Era: 3, Height: 2}, mark(3), false},
		{"newest below pruned", mark(3), mark(3), watermark.Mark{Era: 3, Height: 2}, false},
		{"era window too wide", mark(0), mark(0), watermark.Mark{Era: 12}, false},
		{"height window too wide", mark(0), mark(0), watermark.Mark{Height: 16384}, false},
	}
	for _, tt := range tests {
		if _, err := watermark.Restore(tt.pruned, tt.floor, tt.newest); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestPutRefuses(t *testing.T) {
	vote := asked{node: "a", kind: casper.KindVote, era: 7}
	final := asked{node: "a", kind: casper.KindFinality, height: 70}
	with := func(a asked, edit func(*asked)) watermark.Claim {
		edit(&a)
		return a.claim()
	}
	tests := []struct {
		name  string
		claim watermark.Claim
		ok    bool
	}{
		{"another vote", with(vote, func(a *asked) { a.round = 1 }), true},
		{"another height", with(final, func(a *asked) { a.height = 69 }), true},
		{"a held vote", vote.claim(), false},
		{"a held slot's other value", with(vote, func(a *asked) { a.value = 1 }), false},
		{"a held height", with(final, func(a *asked) { a.value = 1 }), false},
		{"pruned era", with(vote, func(a *asked) { a.era = 4 }), false},
		{"pruned height", with(final, func(a *asked) { a.height = 49 }), false},
		{"era above newest", with(vote, func(a *asked) { a.era = 8 }), false},
		{"height above newest", with(final, func(a *asked) { a.height = 71 }), false},
		{"round of 2^32-1", with(vote, func(a *asked) { a.round = math.MaxUint32 }), true},
		{"second voice of the node", with(vote, func(a *asked) { a.instance = 1 }), false},
		{"handshake", watermark.Claim{Message: casper.Handshake{}}, false},
		{"nothing", watermark.Claim{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			low, high := watermark.Mark{Era: 5, Height: 50}, watermark.Mark{Era: 7, Height: 70}
			table, err := watermark.Restore(low, low, high)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range []asked{vote, final} {
				if err := table.Put(a.claim()); err != nil {
					t.Fatal(err)
				}
			}
			if err := table.Put(tt.claim); (err == nil) != tt.ok {
				t.Errorf("%v", err)
			}
			checkSound(t, table)
		})
	}
}
