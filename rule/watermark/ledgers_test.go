package watermark_test

import (
	"maps"
	"strings"
	"testing"

	"casper-cosigner/rule/watermark"
)

// TestLedgers: what each ledger holds is read as it was written, and what could be read in two ways
// is not.
func TestLedgers(t *testing.T) {
	by := map[string]watermark.Seen{"c2": {From: 7, Bits: "\x05\x80"}, "c1": {From: 1 << 60, Bits: "\x00"}, "c10": {}}
	l := watermark.NewLedgers(by)
	if got := maps.Collect(l.All()); !maps.Equal(got, by) {
		t.Errorf("%+v", got)
	}
	if read, err := watermark.ReadLedgers([]byte(l)); read != l || err != nil {
		t.Errorf("%q, %v", read, err)
	}
	if l, err := watermark.ReadLedgers(nil); l != "" || err != nil {
		t.Errorf("nothing: %q, %v", l, err)
	}
	swapped := watermark.NewLedgers(map[string]watermark.Seen{"c2": by["c2"]}) +
		watermark.NewLedgers(map[string]watermark.Seen{"c1": by["c1"]})
	for name, b := range map[string]string{"cut": string(l[:len(l)-1]), "longer": string(l) + "\x00", "a name": "\x02c",
		"out of order": string(swapped), "twice": strings.Repeat(string(l), 2), "a length": "\x02c1" +
			strings.Repeat("\x00", 8) + strings.Repeat("\xff", 8)} {
		if read, err := watermark.ReadLedgers([]byte(b)); err == nil {
			t.Errorf("%s: %q", name, read)
		}
	}
}

// TestResetOf: for a ledger a reset frees what that one held, and nothing if it did not answer.
func TestResetOf(t *testing.T) {
	r := watermark.Reset{Height: 100, Until: 110, Seen: watermark.Seen{From: 100, Bits: "\xff\xff"},
		Ledgers: watermark.NewLedgers(map[string]watermark.Seen{"c1": {From: 103, Bits: "\x01"}, "c2": {From: 90, Bits: ""}})}
	for name, frees := range map[string][]uint64{"c1": {100, 101, 102, 103}, "c2": nil, "c3": nil, "": nil} {
		own := r.Of(name)
		free := 0
		for h := range uint64(200) {
			if own.Frees(h) {
				free++
			}
		}
		for _, h := range frees {
			if !own.Frees(h) {
				t.Errorf("%q: %d is not freed", name, h)
			}
		}
		if free != len(frees) {
			t.Errorf("%q: %d heights are freed", name, free)
		}
	}
	if !r.Of("c3").Pruned(101) || r.Of("c1").Pruned(103) || !r.Of("c1").Pruned(104) {
		t.Error("whether a ledger pruned since is not said by what it held")
	}
}
