package statedir

import (
	"context"
	"strings"
	"testing"

	"casper-cosigner/rule/presence"
)

// gave is what the peer's start of that number shows of its ledger, on a log that is as long as
// ever.
func gave(boot byte, written uint64) Presence {
	return shown(func(p *Presence) {
		p.Boot, p.Session, p.Written, p.LastIndex = uint64(boot), ID{boot}, written, 10_000
	})
}

// TestFewerRecordsStayRefused: a directory that is started with a ledger of fewer records than it
// showed was put back, however long its log is. It stays refused whatever it shows then, also after
// our own restart.
func TestFewerRecordsStayRefused(t *testing.T) {
	path := initDir(t)
	d := mustOpen(t, path)
	checkAdmit(t, "at first", d.Admit("c2", gave(5, 50), Sighting{}), "")
	checkAdmit(t, "with more", d.Admit("c2", gave(5, 53), Sighting{}), "")
	checkAdmit(t, "overtaken", d.Admit("c2", gave(5, 51), Sighting{}), "")
	again := func() { // with a goodbye: else the last second is forgotten
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := d.Run(ctx); err != nil {
			t.Fatal(err)
		}
		d.Close()
		d = mustOpen(t, path)
	}
	again()
	checkAdmit(t, "the next start, with as much", d.Admit("c2", gave(6, 53), Sighting{}), "")
	checkAdmit(t, "a release that does not show it", d.Admit("c2", gave(7, 0), Sighting{}), "")
	again()
	err := d.Admit("c2", gave(8, 52), Sighting{})
	checkAdmit(t, "a start with fewer", err, presence.ReasonLedger)
	for _, want := range []string{"given 52 records", "shown 53", "A copy was started"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the refusal lacks %q: %v", want, err)
		}
	}
	for range 2 {
		checkAdmit(t, "once it has grown", d.Admit("c2", gave(8, 99), Sighting{}), presence.ReasonLedger)
		checkAdmit(t, "its next start", d.Admit("c2", gave(9, 99), Sighting{}), presence.ReasonLedger)
		if seen, _ := d.Seen("c2"); !seen.Void(5) || !seen.Void(8) {
			t.Errorf("what it sends on old connections counts: %+v", seen)
		}
		d.Close() // without a goodbye
		d = mustOpen(t, path)
	}
	line := []Start{{Boot: 8, Session: ID{88}, Opened: 10_000, Written: 53}}
	d.Close()
	was, err := Readmit(path, "c2", line, func(s Sighting) error {
		if s.Wrote != 53 {
			t.Errorf("seen were %d records", s.Wrote)
		}
		return nil
	})
	if !was || err != nil {
		t.Fatalf("kept out %v: %v", was, err)
	}
	d = mustOpen(t, path)
	checkAdmit(t, "the copy, started again", d.Admit("c2", gave(9, 52), Sighting{}), presence.ReasonLedger)
	d.Close()
}

// TestAnswerOfFewerRecords: a process that answers with fewer records than it had shown before it
// was asked was put back with its memory, though it had applied no more.
func TestAnswerOfFewerRecords(t *testing.T) {
	path := initDir(t)
	d := mustOpen(t, path)
	checkAdmit(t, "at first", d.Admit("c2", gave(5, 50), Sighting{}), "")
	asked, _ := d.Seen("c2")
	checkAdmit(t, "an answer with as much", d.Admit("c2", gave(5, 50), asked), "")
	err := d.Admit("c2", gave(5, 49), asked)
	checkAdmit(t, "an answer with less", err, presence.ReasonFell)
	if !strings.Contains(err.Error(), "records in its ledger: 49, but as the same process it had shown 50") {
		t.Error(err)
	}
	for range 2 {
		checkAdmit(t, "once it has as much", d.Admit("c2", gave(5, 60), Sighting{}), presence.ReasonFell)
		d.Close()
		d = mustOpen(t, path)
	}
	d.Close()
}
