package cosigner

import (
	"maps"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

func (r *rig) written() uint64 {
	n, _ := r.Written()
	return n
}

// counts fails if the ledger does not say that so many records were written, now and, with the same
// link, when it is opened anew.
func (r *rig) counts(what string, want uint64) {
	r.t.Helper()
	n, link := r.Written()
	if at, ok := r.LinkAt(n); n != want || !ok || at != link {
		r.t.Fatalf("%s: %d records were written, want %d, at %v, %v", what, n, want, link, at)
	}
	if _, ok := r.LinkAt(n + 1); ok {
		r.t.Fatalf("%s: a link at a record that is not there", what)
	}
	r.disk.powerCut(func(int) bool { return false })
	r.reopen()
	if again, at := r.Written(); again != want || at != link {
		r.t.Fatalf("%s: %d records with %v were written as it is opened, want %d with %v", what, again, at, want, link)
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
	_, before := r.Written()
	at, _ := r.LinkAt(20)
	r.must(r.Prune(watermark.Mark{Era: 10, Height: 120}))
	if r.disk.name == old {
		t.Fatal("the file was not rewritten")
	}
	if again, ok := r.LinkAt(20); !ok || again != at {
		t.Errorf("the link at a record of the file before is %x, %v, and was %x", again, ok, at)
	}
	r.counts("compacted", 26)
	if _, link := r.Written(); link == before {
		t.Error("the floor left no link")
	}
	r.must(r.Claim(heightSlot(200), digest(0)))
	_, before = r.Written()
	r.must(r.Reset(110, 1))
	r.counts("reset", 27)
	r.must(r.Claim(heightSlot(200), digest(1)))
	r.counts("claimed after that", 28)
	if at, ok := r.LinkAt(27); !ok || at != before {
		t.Errorf("the link at the last record before the reset is %x, %v, and was %x", at, ok, before)
	}
}

// TestLedgerCountsWhatIsDurable: a record counts once it is synced, and not before.
func TestLedgerCountsWhatIsDurable(t *testing.T) {
	r := newRig(t)
	r.disk.fault = func(op string, _ int64) (error, bool) {
		if op == "sync" && r.written() != 1 {
			t.Error("it counts what is not synced")
		}
		return nil, true
	}
	r.must(r.Claim(heightSlot(100), digest(0)))
	r.failOnce("sync", errFault, false)
	wantIs(t, r.Claim(heightSlot(101), digest(0)), errFault)
	if n := r.written(); n != 2 {
		t.Errorf("%d records, of which one is not known to be durable", n)
	}
}

// TestLinks: two ledgers have the same links up to where their records part, and none from there
// on, whatever they are given later; and no matter over how many batches, starts and files.
func TestLinks(t *testing.T) {
	rigs := []*rig{newRig(t), newRig(t), newRig(t)}
	for i, r := range rigs {
		for n := range uint64(30) {
			d := digest(int(n))
			if i == 2 && n == 10 {
				d = digest(77)
			}
			r.must(r.Claim(heightSlot(100+n), d))
			if i == 1 && n%7 == 0 {
				r.reopen()
			}
		}
	}
	for n := uint64(1); n <= 31; n++ {
		a, _ := rigs[0].LinkAt(n)
		b, _ := rigs[1].LinkAt(n)
		c, _ := rigs[2].LinkAt(n)
		if parted := n > 11; a != b || (a == c) == parted {
			t.Errorf("record %d: %x, %x, %x", n, a, b, c)
		}
	}
}

// TestLinksAreBounded: of very many records the last ones are known, by their place.
func TestLinksAreBounded(t *testing.T) {
	c := chain{before: 1, links: []Link{{}}}
	for n := range 5 * linksKept {
		c.add([]Link{{byte(n), byte(n >> 8), byte(n >> 16)}})
	}
	l := Ledger{chain: c}
	last, place := 5*linksKept-1, uint64(5*linksKept+1)
	if at, ok := l.LinkAt(place); !ok || at != (Link{byte(last), byte(last >> 8), byte(last >> 16)}) {
		t.Errorf("the last link is %x, %v", at, ok)
	}
	if _, ok := l.LinkAt(place - linksKept + 1); !ok || len(c.links) > 2*linksKept+1 {
		t.Errorf("%d links are kept, %v", len(c.links), ok)
	}
}

// older has the ledger's file written as a release did that counts nothing.
func (r *rig) older(resets uint64) {
	r.t.Helper()
	h := header{directory: testDirectory, first: testFirst, floor: testFirst, sealed: uint64(r.index.size), resets: resets,
		uncounted: true}
	r.must(writeLedger(r.disk, statedir.Watchdog{}, h, r.live(nil)))
}

// TestLedgerOfAnEarlierRelease: what a release wrote that counts nothing is taken up, with all that
// it holds, and in a file that such a release does not take.
func TestLedgerOfAnEarlierRelease(t *testing.T) {
	for resets, version := range []byte{versionWithoutResets, versionWithResets} {
		r, _ := history(t, 20)
		r.older(uint64(resets))
		if b := r.disk.name.data; b[5] != version {
			t.Fatalf("version %d", b[5])
		}
		r.reopen()
		if v := r.disk.name.data[5]; v != versionWithCount {
			t.Errorf("version %d after a start", v)
		}
		if n := r.Stats().Slots; n != 20 || r.Resets() != uint64(resets) {
			t.Errorf("it holds %d slots, and was reset %d times", n, r.Resets())
		}
		r.counts("of an earlier release", 21)
		r.must(r.Claim(heightSlot(500), digest(0)))
		r.counts("and claimed since", 22)
	}
}

// TestLedgerHeaders: each version comes back as it was. From the third on there is a count, and in
// the fourth the network's version at the last reset.
func TestLedgerHeaders(t *testing.T) {
	base := header{directory: testDirectory, first: testFirst, floor: testFirst, sealed: 3, uncounted: true}
	reset, counted, linked := base, base, base
	reset.resets = 1
	counted.uncounted, counted.written = false, 1
	linked.uncounted, linked.written, linked.link, linked.resets = false, 5, Link{1}, 2
	restarted := linked
	restarted.network = watermark.Version{Major: 2, Minor: 1, Patch: 7}
	for version, h := range map[byte][]header{versionWithoutResets: {base}, versionWithResets: {reset},
		versionWithCount: {counted, linked}, versionWithNetwork: {restarted}} {
		for _, h := range h {
			var b [recordSize]byte
			h.put(b[:])
			if got, err := parseHeader(b[:]); err != nil || got != h || b[5] != version {
				t.Errorf("%+v came back as %+v of version %d: %v", h, got, b[5], err)
			}
		}
	}
	for what, change := range map[string]func(*header){
		"a count in a file of version 1": func(h *header) { h.written = 1 },
		"a link in a file of version 1":  func(h *header) { h.link = Link{1} },
		"no count in one of version 3":   func(h *header) { h.uncounted = false },
		"no count in one of version 4":   func(h *header) { h.network.Patch = 1 },
	} {
		h := base
		change(&h)
		var b [recordSize]byte
		h.put(b[:])
		if _, err := parseHeader(b[:]); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}
