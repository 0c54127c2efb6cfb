package watermark_test

import (
	"strings"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
)

// TestSeen: what an operator is shown is what the table holds from a height on, and a reset that is
// signed by it frees that, whatever lies below what could still be bound, and nothing else.
func TestSeen(t *testing.T) {
	table := watermark.New(watermark.Mark{Height: 100})
	bind := func(height uint64) {
		if _, outcome, why := table.Claim(watermark.Claim{Message: casper.Finality{Height: height}}); outcome !=
			watermark.Claimed {
			t.Fatalf("height %d: %v", height, why)
		}
	}
	for _, height := range []uint64{101, 110, 118, 119} {
		bind(height)
	}
	for from, want := range map[uint64]watermark.Seen{
		99: {From: 100, Bits: "\x02\x04\x0c"}, 100: {From: 100, Bits: "\x02\x04\x0c"}, 110: {From: 110, Bits: "\x01\x03"},
		119: {From: 119, Bits: "\x01"}, 120: {},
	} {
		if got := table.SeenFrom(from); got != want {
			t.Errorf("from %d: %+v, want %+v", from, got, want)
		}
	}
	r := watermark.Reset{Height: 102, Newest: 119, Seen: table.SeenFrom(102)}
	if n := r.Len(); n != 3 || table.Unseen(r) {
		t.Errorf("%d heights seen, one unseen: %v", n, table.Unseen(r))
	}
	for height, want := range map[uint64]bool{101: true, 102: false, 109: false, 110: true, 111: false, 118: true,
		119: true, 120: false, 126: false, 1 << 40: false, ^uint64(0): false} {
		if r.Saw(height) != want {
			t.Errorf("height %d was seen: %v", height, !want)
		}
	}
	bind(100) // below the reset: it stays
	if table.Unseen(r) {
		t.Error("what stays counts")
	}
	for _, late := range []uint64{112, 120} {
		before := table.Clone()
		bind(late)
		if !table.Unseen(r) {
			t.Errorf("height %d, which was bound since, would be freed", late)
		}
		table = before
	}
	for below, want := range map[uint64]bool{101: false, 102: false, 103: true, 119: true} {
		at := watermark.Mark{Height: below}
		if pruned, err := watermark.Restore(at, at, watermark.Mark{Height: 119}); err != nil || pruned.Unseen(r) != want {
			t.Errorf("pruned below %d since: unseen %v, %v", below, !want, err)
		}
	}
	for h := uint64(120); h < 102+watermark.KeptHeights; h++ {
		bind(h)
	}
	if got := table.SeenFrom(0); got.From != 102 || len(got.Bits) != watermark.KeptHeights/8 ||
		got.Len() != 3+watermark.KeptHeights-18 {
		t.Errorf("all that are kept: from %d, %d bytes, %d heights", got.From, len(got.Bits), got.Len())
	}
}

// TestWithin: a reset is for the founding that the operator signed it for, and frees nothing of
// before it.
func TestWithin(t *testing.T) {
	first := watermark.Mark{Era: 5, Height: 100}
	sound := watermark.Reset{Height: 100, First: first, Seen: watermark.Seen{From: 100, Bits: "\x00"}}
	for name, tt := range map[string]struct {
		edit func(*watermark.Reset)
		ok   bool
	}{
		"sound":                       {func(*watermark.Reset) {}, true},
		"below the first height":      {func(r *watermark.Reset) { r.Height = 99 }, false},
		"of a founding below":         {func(r *watermark.Reset) { r.First.Height = 99 }, false},
		"of a founding above":         {func(r *watermark.Reset) { r.First.Height = 101 }, false},
		"of one for another era":      {func(r *watermark.Reset) { r.First.Era = 4 }, false},
		"it does not say what it saw": {func(r *watermark.Reset) { r.Bits = "" }, false},
	} {
		r := sound
		tt.edit(&r)
		if err := r.Within(first); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFollowed: another reset waits for each ledger that is known to lack the last one, unless an
// operator goes on without it. The first waits for nobody.
func TestFollowed(t *testing.T) {
	made := map[string]uint64{"c1": 2, "c2": 1, "c3": 0}
	for _, tt := range []struct {
		resets  uint64
		without []string
		behind  string
	}{
		{0, nil, ""}, {1, nil, ": c3 has made 0 of 1."}, {1, []string{"c3"}, ""},
		{2, nil, ": c2 has made 1 of 2, c3 has made 0 of 2."}, {2, []string{"c3"}, ": c2 has made 1 of 2."},
		{2, []string{"c3", "c2"}, ""}, {2, []string{"c1"}, ": c2 has made 1 of 2, c3 has made 0 of 2."},
	} {
		err := watermark.Followed(tt.resets, made, tt.without)
		if (err == nil) != (tt.behind == "") || err != nil && !strings.Contains(err.Error(), tt.behind) {
			t.Errorf("%d resets, without %v: %v", tt.resets, tt.without, err)
		}
	}
}
