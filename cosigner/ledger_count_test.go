package cosigner

import (
	"maps"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

// counts fails if the ledger does not say that so many records were written, now and when it is
// opened anew.
func (r *rig) counts(what string, want uint64) {
	r.t.Helper()
	if n := r.Written(); n != want {
		r.t.Fatalf("%s: %d records were written, want %d", what, n, want)
	}
	r.disk.powerCut(func(int) bool { return false })
	r.reopen()
	if n := r.Written(); n != want {
		r.t.Fatalf("%s: %d records were written as it is opened, want %d", what, n, want)
	}
}

// TestLedgerCounts: every record counts, for ever: also those that a compaction or a reset leaves
// out. What binds nothing new counts nothing.
func TestLedgerCounts(t *testing.T) {
	r := newRig(t)
	r.counts("made", 1)
	for range 2 {
		r.must(r.Claim(heightSlot(100), digest(0)))
		wantConflict(t, r.Claim(heightSlot(100), digest(9)), digest(0))
	}
	r.counts("one claim", 2)
	_, err := r.Fill(maps.All(map[casper.Slot]casper.Hash{heightSlot(100): digest(1), heightSlot(101): digest(2)}))
	r.must(err)
	r.counts("one that differs, and one that is missing", 4)
	r.compactAbove = 0
	r.must(r.Prune(watermark.Mark{Era: 10, Height: 101}))
	r.counts("a floor", 5)
	for i := range 20 {
		r.must(r.Claim(heightSlot(102+uint64(i)), digest(i)))
	}
	r.compactAbove = 0
	old := r.disk.name
	r.must(r.Prune(watermark.Mark{Era: 10, Height: 120}))
	if r.disk.name == old {
		t.Fatal("the file was not rewritten")
	}
	r.counts("compacted", 26)
	r.must(r.Claim(heightSlot(200), digest(0)))
	r.must(r.Reset(110, 1))
	r.counts("reset", 27)
	r.must(r.Claim(heightSlot(200), digest(1)))
	r.counts("claimed after that", 28)
}

// TestLedgerCountsWhatIsDurable: a record counts once it is synced, and not before.
func TestLedgerCountsWhatIsDurable(t *testing.T) {
	r := newRig(t)
	r.disk.fault = func(op string, _ int64) (error, bool) {
		if op == "sync" && r.Written() != 1 {
			t.Error("it counts what is not synced")
		}
		return nil, true
	}
	r.must(r.Claim(heightSlot(100), digest(0)))
	r.failOnce("sync", errFault, false)
	wantIs(t, r.Claim(heightSlot(101), digest(0)), errFault)
	if n := r.Written(); n != 2 {
		t.Errorf("%d records, of which one is not known to be durable", n)
	}
}

// older has the ledger's file written anew as a release does that does not count.
func (r *rig) older(floor watermark.Mark) {
	r.t.Helper()
	h := header{directory: testDirectory, first: testFirst, floor: floor, sealed: uint64(r.index.size)}
	r.must(writeLedger(r.disk, statedir.Watchdog{}, h, r.live(nil)))
}

// TestLedgerCountedByAnother: a release that does not count runs in between, and writes the file
// anew. Whatever was counted before, the count is above it, once and for good. Nothing is added to
// a file that is the one that was left, whoever wrote it, so that a copy shows the count that it
// had.
func TestLedgerCountedByAnother(t *testing.T) {
	r, _ := history(t, 20)
	r.noted = r.File()
	r.counts("fresh", 21)
	r.older(watermark.Mark{Era: 10, Height: 101})
	if b := r.disk.name.data; b[5] != versionWithoutResets {
		t.Fatalf("version %d", b[5])
	}
	r.reopen()
	r.counts("written anew by an older release", recounted+21)
	if r.disk.name.data[5] != versionWithCount {
		t.Error("an older release would take it")
	}
	if n := r.Stats().Slots; n != 19 {
		t.Errorf("it holds %d slots", n)
	}
	r.must(r.Claim(heightSlot(500), digest(0)))
	r.counts("and claimed since", recounted+22)

	r, _ = history(t, 20)
	r.older(watermark.Mark{Era: 10, Height: 101})
	r.reopen()
	r.counts("of an older release, never noted", 21)
	r.noted = r.File()
	r.must(r.Claim(heightSlot(500), digest(0)))
	r.counts("of an older release, noted", 22)
	if r.disk.name.data[5] != versionWithoutResets {
		t.Error("an older release does not take it any more")
	}
}

// TestLedgerHeaders: each version comes back as it was, and only the third has a count.
func TestLedgerHeaders(t *testing.T) {
	base := header{directory: testDirectory, first: testFirst, floor: testFirst, sealed: 3}
	reset, counted, gone := base, base, base
	reset.resets, counted.counted, gone.counted, gone.gone, gone.resets = 1, true, true, 5, 2
	for version, h := range map[byte][]header{versionWithoutResets: {base}, versionWithResets: {reset},
		versionWithCount: {counted, gone}} {
		for _, h := range h {
			var b [recordSize]byte
			h.put(b[:])
			if got, err := parseHeader(b[:]); err != nil || got != h || b[5] != version {
				t.Errorf("%+v came back as %+v of version %d: %v", h, got, b[5], err)
			}
		}
	}
	lost := base
	lost.gone = 1
	var b [recordSize]byte
	lost.put(b[:])
	if _, err := parseHeader(b[:]); err == nil {
		t.Error("a count in a file of version 1 is taken")
	}
}
