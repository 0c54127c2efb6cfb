package main

import (
	"testing"

	"casper-cosigner/rule/casper"
)

// Every message must be for a free slot, and the marks must rise as the bench says that they do.
func TestLoad(t *testing.T) {
	l := newLoad()
	const count = 10000
	seen := map[casper.Slot]bool{}
	var era, height uint64
	for i := range count {
		slot, _ := casper.SlotOf(l.next())
		if seen[slot] || slot.Round >= roundsPerEra {
			t.Fatalf("message %d: slot %v is not free", i, slot)
		}
		seen[slot] = true
		if slot.Kind == casper.KindFinality {
			if slot.Height != height+1 {
				t.Fatalf("message %d: height %d after %d", i, slot.Height, height)
			}
			height = slot.Height
			continue
		}
		if slot.Era != era && slot.Era != era+1 {
			t.Fatalf("message %d: era %d after %d", i, slot.Era, era)
		}
		era = slot.Era
	}
	if height != count/finalityEvery || era != 5 {
		t.Errorf("height %d, era %d", height, era)
	}
}

func TestPartsAreKnown(t *testing.T) {
	if err := (options{parts: "latency,nonsense"}).check(); err == nil {
		t.Error("an unknown part is taken")
	}
	if err := (options{}).check(); err != nil {
		t.Error(err)
	}
}
