package watermark_test

import (
	"maps"
	"slices"
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

// TestResetOf: for a ledger a reset frees what that one held, of what the log frees, and nothing if
// it did not answer. A floor that others had not stays.
func TestResetOf(t *testing.T) {
	r := watermark.Reset{Height: 100, Until: 110, Seen: watermark.Seen{From: 102, Bits: "\xff\x00"},
		Ledgers: watermark.NewLedgers(map[string]watermark.Seen{"c1": {From: 103, Bits: "\x81"}, "c2": {From: 90, Bits: ""},
			"c4": {From: 101, Bits: "\x03"}, "c5": {From: 102, Bits: "\x00"}})}
	for name, want := range map[string][]uint64{"c1": {100, 101, 103}, "c2": nil, "c3": nil, "": nil,
		"c4": {100, 101, 102}, "c5": {100, 101}} {
		var frees []uint64
		for h := range uint64(200) {
			if r.Of(name).Frees(h) {
				frees = append(frees, h)
			}
		}
		if !slices.Equal(frees, want) {
			t.Errorf("%q: %v are freed, want %v", name, frees, want)
		}
	}
	for name, pruned := range map[string]map[uint64]bool{"c1": {102: false, 103: true}, "c3": {100: false, 101: true},
		"c4": {101: false, 102: true}} {
		for below, want := range pruned {
			if r.Of(name).Pruned(below) != want {
				t.Errorf("%q: a floor of %d stays: %v", name, below, !want)
			}
		}
	}
}
