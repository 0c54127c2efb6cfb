package report

import (
	"slices"
	"testing"
	"time"
)

// TestFate is the definition of a lost round, for every combination of what may have been seen.
func TestFate(t *testing.T) {
	facts := []Fact{Unseen, No, Yes}
	for _, test := range []struct {
		led, block, vote []Fact
		struck           []bool
		want             Fate
	}{
		// A block came, or nobody saw that none did: the Vote decides, whoever led and whatever was
		// struck.
		{facts, []Fact{Yes, Unseen}, []Fact{Yes, Unseen}, []bool{false, true}, Kept},
		{facts, []Fact{Yes, Unseen}, []Fact{No}, []bool{false, true}, Unvoted},
		// No block came: who led it decides, whether we voted or not.
		{[]Fact{Yes}, []Fact{No}, facts, []bool{false}, Unpublished},
		{[]Fact{Yes}, []Fact{No}, facts, []bool{true}, Died},
		{[]Fact{No}, []Fact{No}, facts, []bool{false, true}, Skipped},
		// No block came, and nobody saw who led it: that excuses nothing, and accuses of nothing.
		{[]Fact{Unseen}, []Fact{No}, []Fact{No}, []bool{false, true}, Unvoted},
		{[]Fact{Unseen}, []Fact{No}, []Fact{Yes, Unseen}, []bool{false, true}, Kept},
	} {
		for _, led := range test.led {
			for _, block := range test.block {
				for _, vote := range test.vote {
					for _, struck := range test.struck {
						r := Round{Led: led, Block: block, Vote: vote, Struck: struck}
						if have := r.Fate(); have != test.want {
							t.Errorf("%+v: fate %d, want %d", r, have, test.want)
						}
					}
				}
			}
		}
	}
	for fate, want := range map[Fate]bool{Kept: false, Unvoted: true, Unpublished: true, Died: false, Skipped: false} {
		if fate.Lost() != want {
			t.Errorf("fate %d: lost is not %v", fate, want)
		}
	}
}

// TestUnseen: what was not seen is said.
func TestUnseen(t *testing.T) {
	if have := (Round{Vote: No}).Unseen(); !slices.Equal(have, []string{"who led it", "whether a block came of it"}) {
		t.Errorf("unseen: %q", have)
	}
	if have := (Round{Led: Yes, Block: No}).Unseen(); len(have) != 1 {
		t.Errorf("unseen: %q", have)
	}
	if have := (Round{Led: No, Block: Yes, Vote: No}).Unseen(); len(have) != 0 {
		t.Errorf("unseen: %q", have)
	}
	if Seen(true) != Yes || Seen(false) != No {
		t.Error("what is seen is not what is so")
	}
}

// TestHeight is the definition of a lost finality signature, and when both are due.
func TestHeight(t *testing.T) {
	for signed, want := range map[Fact]bool{Unseen: false, No: true, Yes: false} {
		if (Height{Signed: signed}).Lost() != want {
			t.Errorf("signed %d: lost is not %v", signed, want)
		}
	}
	at := time.UnixMilli(1000)
	if VoteDue(at, time.Second) != at.Add(time.Second) || FinalityDue(at, time.Second) != at.Add(6*time.Second) {
		t.Error("due at another time")
	}
}
