package watermark_test

import (
	"slices"
	"strings"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/watermark"
)

// TestSeen: what an operator is shown is what is held from a height on, and a reset that is signed
// by it frees that, up to its last height, and whatever lies below what could still be bound. All
// else stays as it was signed.
func TestSeen(t *testing.T) {
	for from, want := range map[uint64]watermark.Seen{
		99: {From: 99, Bits: "\x04\x08\x18"}, 110: {From: 110, Bits: "\x01\x03"}, 119: {From: 119, Bits: "\x01"},
		120: {From: 120, Bits: "\x00"},
	} {
		got := watermark.NewSeen(from, slices.Values([]uint64{119, 101, 110, 118, from + watermark.KeptHeights}))
		if got != want {
			t.Errorf("from %d: %+v, want %+v", from, got, want)
		}
		for h := range got.All() {
			if !slices.Contains([]uint64{101, 110, 118, 119}, h) || h < from {
				t.Errorf("from %d: %d is yielded", from, h)
			}
		}
	}
	made := watermark.Seen{From: ^uint64(0) - 3, Bits: strings.Repeat("\xff", watermark.KeptHeights)}
	if n := made.Len(); n != 4 {
		t.Errorf("%d heights above the highest", n-4)
	}
	if made.From = 0; made.Len() != watermark.KeptHeights {
		t.Errorf("%d heights of one that was made up", made.Len())
	}
	r := watermark.Reset{Height: 102, Until: 118, Seen: watermark.Seen{From: 105, Bits: "\x20\x60"}}
	for height, want := range map[uint64]bool{101: false, 102: true, 104: true, 105: false, 109: false, 110: true,
		111: false, 118: true, 119: false, 120: false, 126: false, 1 << 40: false, ^uint64(0): false} {
		if r.Frees(height) != want {
			t.Errorf("height %d is freed: %v", height, !want)
		}
	}
}

// bound returns a table of heights from 100 on, of which these are bound.
func bound(t *testing.T, heights ...uint64) *watermark.Table {
	t.Helper()
	table := watermark.New(watermark.Mark{Height: 100})
	for _, height := range heights {
		c := watermark.Claim{Message: casper.Finality{Height: height}}
		c.Signature = stamp(c)
		if _, outcome, why := table.Claim(c); outcome != watermark.Claimed {
			t.Fatalf("height %d: %v", height, why)
		}
	}
	return table
}

// TestResetKeeps: a reset frees exactly what was seen bound and lies in its range. What is bound
// above, or was not seen, is answered with its old value, and the marks stay where that needs them.
func TestResetKeeps(t *testing.T) {
	for name, tt := range map[string]struct {
		heights []uint64
		but     uint64
		free    []uint64
		newest  uint64
	}{
		"all was seen":      {[]uint64{101, 110, 118}, 0, []uint64{110, 118}, 105},
		"one was not":       {[]uint64{110, 112, 118}, 112, []uint64{110, 118}, 112},
		"one is above":      {[]uint64{110, 118, 119}, 0, []uint64{110, 118}, 119},
		"far above":         {[]uint64{110, 118, 5000}, 0, []uint64{110, 118}, 5000},
		"only what is kept": {[]uint64{101, 119}, 0, nil, 119},
	} {
		table := bound(t, tt.heights...)
		r := watermark.Reset{Height: 105, Until: 118, Seen: seenFrom(table, 105, tt.but)}
		if why := table.ResetHeights(r); why != refusal.None || table.Newest().Height != tt.newest {
			t.Errorf("%s: %v, newest %d", name, why, table.Newest().Height)
		}
		checkSound(t, rebuilt(t, table))
		for _, height := range tt.heights {
			other := watermark.Claim{Message: casper.Finality{Height: height, Block: casper.Hash{9}}}
			held, outcome, _ := table.Claim(other)
			if free := outcome == watermark.Claimed; free != slices.Contains(tt.free, height) ||
				!free && held.Message != (casper.Finality{Height: height}) {
				t.Errorf("%s: height %d: %v, %+v", name, height, outcome, held.Message)
			}
		}
	}
}

// TestResetBesidePruned: what was pruned is freed only while it lies below what the operator saw
// pruned, and the old chain reaches up to it. What stays bound above keeps its window.
func TestResetBesidePruned(t *testing.T) {
	top := uint64(200 + watermark.KeptHeights) // all below 201 is pruned
	for name, tt := range map[string]struct {
		from, until uint64
		want        refusal.Reason
		pruned      uint64
	}{
		"all goes":             {201, top, refusal.None, 105},
		"the newest stays":     {201, top - 1, refusal.None, 201},
		"up to the mark":       {201, 200, refusal.None, 201},
		"beyond the old chain": {201, 199, refusal.FloorAbove, 201},
		"pruned since":         {200, top, refusal.PrunedSince, 201},
	} {
		table := bound(t, 110, top)
		r := watermark.Reset{Height: 105, Until: tt.until,
			Seen: watermark.NewSeen(tt.from, slices.Values([]uint64{top}))}
		if tt.from == 200 { // top is too far above for what it tells
			r.Bits += "\x01"
		}
		if why := table.ResetHeights(r); why != tt.want || table.Pruned().Height != tt.pruned {
			t.Errorf("%s: %v, pruned %d", name, why, table.Pruned().Height)
		}
		checkSound(t, rebuilt(t, table))
	}
}

// TestVersion: three numbers, compared in order.
func TestVersion(t *testing.T) {
	sorted := []string{"0.0.1", "0.9.0", "1.0.0", "1.5.8", "2.0.3", "2.0.10", "2.1.0", "10.0.0"}
	for i, a := range sorted {
		v, err := watermark.ParseVersion(a)
		if err != nil || v.String() != a {
			t.Errorf("%s: %v, %v", a, v, err)
		}
		for j, b := range sorted {
			if w, _ := watermark.ParseVersion(b); v.Above(w) != (i > j) {
				t.Errorf("%v above %v: %v", v, w, i <= j)
			}
		}
	}
	for _, s := range []string{"", "2", "2.0", "2.0.x", "2.0.3.1", "02.0.3", "2.0.-3", "2.0.4294967296",
		"0.0.0", " 2.0.3"} {
		if v, err := watermark.ParseVersion(s); err == nil {
			t.Errorf("%q: %v", s, v)
		}
	}
}

// TestWithin: a reset is for the founding that the operator signed it for, and frees nothing of
// before it.
func TestWithin(t *testing.T) {
	first := watermark.Mark{Era: 5, Height: 100}
	sound := watermark.Reset{Height: 100, Until: 100, First: first, Seen: watermark.Seen{From: 100, Bits: "\x00"}}
	for name, tt := range map[string]struct {
		edit func(*watermark.Reset)
		ok   bool
	}{
		"sound":                       {func(*watermark.Reset) {}, true},
		"of no height":                {func(r *watermark.Reset) { r.Until = 99 }, false},
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
