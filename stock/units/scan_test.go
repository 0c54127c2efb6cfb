package units_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"casper-cosigner/stock/units"
)

// TestScan: what is to be claimed of a file, where it may be cut, and what speaks against our key.
func TestScan(t *testing.T) {
	file, at := example()
	us, other, era := newSigner(1, 3), newSigner(2, 0), instanceOf(1)
	foreign := slices.Concat(signed(us.cast(instanceOf(2), 7, vote(true))), signed(other.cast(era, 7, vote(true))),
		evidence(other.cast(era, 8, vote(true)), other.cast(era, 8, vote(false))))
	false1 := evidence(us.cast(instanceOf(2), 9, echo("old")), us.cast(era, 9, echo("new")))
	for name, c := range map[string]struct {
		tail    []byte
		against int
		torn    int64
		damaged bool
	}{
		"whole":          {nil, 2, 0, false},
		"others'":        {foreign, 2, 0, false},
		"false evidence": {false1, 3, 0, false},
		"torn":           {signed(us.cast(era, 5, vote(true)))[:60], 2, 60, false},
		"zeros":          {make([]byte, 60), 2, 0, true},
	} {
		whole := slices.Concat(file, c.tail)
		got, err := units.Scan(bytes.NewReader(whole), ownOf(us, era))
		if err != nil || len(got.Ours) != 2 || len(got.Against) != c.against || (got.Damage != nil) != c.damaged {
			t.Fatalf("%s: %d ours, %d against us, damage %v, %v", name, len(got.Ours), len(got.Against), got.Damage, err)
		}
		if !c.damaged && got.Torn != c.torn {
			t.Errorf("%s: %d bytes torn", name, got.Torn)
		}
		if got.Ours[0].Offset != int64(at[0]) || got.Ours[1].Offset != int64(at[2]) {
			t.Errorf("%s: ours at %d and %d", name, got.Ours[0].Offset, got.Ours[1].Offset)
		}
		for n := range len(file) + 1 {
			if _, want := slices.BinarySearch(at, n); got.Boundaries.Has(int64(n)) != want {
				t.Errorf("%s: %d is a boundary: %v", name, n, !want)
			}
		}
		if end := got.Boundaries.End(); c.tail == nil && end != int64(len(file)) {
			t.Errorf("%s: ends at %d", name, end)
		}
	}
}

// TestScanFails: a file that cannot be read, and one with our index in another's hand.
func TestScanFails(t *testing.T) {
	us, moved, era := newSigner(1, 3), newSigner(1, 2), instanceOf(1)
	if _, err := units.Scan(iotest.ErrReader(io.ErrClosedPipe), ownOf(us, era)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
	var disagree *units.IndexError
	file := slices.Concat(signed(us.cast(era, 1, vote(true))), signed(moved.cast(era, 2, vote(true))))
	if _, err := units.Scan(bytes.NewReader(file), ownOf(us, era)); !errors.As(err, &disagree) {
		t.Errorf("%v", err)
	}
	c, err := units.Scan(bytes.NewReader(nil), ownOf(us, era))
	if err != nil || c.Boundaries.End() != 0 || !c.Boundaries.Has(0) {
		t.Errorf("an empty file: %+v, %v", c, err)
	}
	if (units.Boundaries{}).End() != 0 {
		t.Error("no boundary, and an end")
	}
}
