package held_test

import (
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/held"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// TestHeldAfterReset: a height is judged only by a state in which the heights were reset as often
// as in the ledger, be it applied or only stored; a round by any.
func TestHeldAfterReset(t *testing.T) {
	version := machine.Place{Index: 9, Version: machine.Version}
	block := casper.Finality{Block: casper.Hash{1}, Height: 120}
	claim := func(m casper.Message) machine.Claim {
		return machine.Claim{Claim: watermark.Claim{Message: m, Node: "a", AskedAt: 1}}
	}
	reset := machine.ResetHeights{Reset: watermark.Reset{Height: 120, Until: 120, SeenAt: 1, Count: 1,
		Network: watermark.Version{Major: 2}, Seen: watermark.Seen{From: 120, Bits: "\x01"}}}
	entry := func(index uint64, c machine.Command) held.Entry {
		return held.Entry{Index: index, Term: 5, From: "b", Version: machine.Version, Command: c}
	}
	applied := machine.New()
	applied.ApplyAt(version, machine.Genesis{First: watermark.Mark{Height: 100}, Active: "a"})
	if r := applied.ApplyAt(version, claim(block)); r.Outcome != machine.Done {
		t.Fatalf("%+v", r)
	}
	other := block
	other.Block[0]++
	vote := vote(7, true)
	l := held.New("c")
	l.Begin(5, 9)
	l.Rerun(applied, nil)
	judge := func(m casper.Message, resets uint64) held.Answer {
		slot, _ := casper.SlotOf(m)
		return l.Judge(applied, held.Claim{Asker: "b", Term: 5, Slot: slot, Message: m, Node: "a", AskedAt: 1,
			Resets: resets})
	}
	expect := func(when string, m casper.Message, resets uint64, want held.Answer) {
		t.Helper()
		if got := judge(m, resets); got != want {
			t.Errorf("%s, after %d resets of the ledger: %v, want %v", when, resets, got, want)
		}
	}
	expect("before", block, 0, held.Holds)
	l.Store(entry(10, reset))
	l.Store(entry(11, claim(other)))
	l.Store(entry(12, claim(vote)))
	expect("stored", other, 0, held.Other) // applied is the old one
	free := block
	free.Height = 121
	l.Store(entry(13, claim(free)))
	expect("stored, above", free, 0, held.Waits)
	expect("stored, a vote", vote, 0, held.Holds)
	applied.ApplyAt(version, reset)
	applied.ApplyAt(version, claim(other))
	for resets, want := range []held.Answer{held.Waits, held.Holds, held.Waits} {
		expect("applied", other, uint64(resets), want)
		expect("stored over it", free, uint64(resets), want)
	}
	expect("applied, a vote", vote, 0, held.Holds)
}
