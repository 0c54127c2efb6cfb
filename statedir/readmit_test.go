package statedir

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"casper-cosigner/rule/presence"
)

// TestReadmit: a peer whose copy was started is let in again with the directory that goes on, and
// the copy is not, also if it is started more often. Nothing is changed while somebody runs here,
// or if what was seen is not on the line of starts.
func TestReadmit(t *testing.T) {
	path := initDir(t)
	d := mustOpen(t, path)
	line := []Start{{Boot: 5, Session: ID{5}, Opened: 90}, {Boot: 6, Session: ID{0x66}, Opened: 500}}
	original := func(boot uint64) Presence {
		return shown(func(p *Presence) { p.Boot, p.Session, p.LastIndex = boot, ID{byte(0x60 + boot)}, 500 })
	}
	copied := func(boot uint64) Presence {
		return shown(func(p *Presence) { p.Boot, p.Session, p.LastIndex = boot, ID{byte(boot)}, 300 })
	}
	asked := 0
	readmit := func(why error) (bool, error) {
		return Readmit(path, "c2", line, func(seen Sighting) error {
			if asked++; seen.Boot != 5 || seen.Session != (ID{5}) || seen.Highest != 500 {
				t.Errorf("asked about %+v", seen)
			}
			return why
		})
	}
	reopen := func() { d.Close(); d = mustOpen(t, path) }

	checkAdmit(t, "at first", d.Admit("c2", at(500), Sighting{}), "")
	if err := d.peers.persist(); err != nil { // as Run does each second
		t.Fatal(err)
	}
	if _, err := readmit(nil); !errors.Is(err, ErrInUse) {
		t.Errorf("while this cosigner runs: %v", err)
	}
	d.Close()
	if was, err := readmit(nil); was || err != nil {
		t.Errorf("not kept out: %v, %v", was, err)
	}
	if _, err := Readmit(path, "c3", line, func(Sighting) error { return nil }); !errors.Is(err, ErrNeverMet) {
		t.Errorf("never met: %v", err)
	}
	d = mustOpen(t, path)
	checkAdmit(t, "the copy", d.Admit("c2", copied(6), Sighting{}), presence.ReasonIndex)
	checkAdmit(t, "the original", d.Admit("c2", original(7), Sighting{}), presence.ReasonIndex)
	d.Close()
	no := errors.New("not that one")
	if was, err := readmit(no); was || !errors.Is(err, no) {
		t.Errorf("another directory: %v, %v", was, err)
	}
	d = mustOpen(t, path)
	checkAdmit(t, "the original still", d.Admit("c2", original(7), Sighting{}), presence.ReasonIndex)
	d.Close()
	if was, err := readmit(nil); !was || err != nil || asked != 3 {
		t.Fatalf("kept out: %v, %v, asked %d times", was, err, asked)
	}
	d = mustOpen(t, path)
	checkAdmit(t, "the copy's start of the same number", d.Admit("c2", copied(6), Sighting{}), presence.ReasonSession)
	checkAdmit(t, "the original", d.Admit("c2", original(7), Sighting{}), "")
	reopen()
	checkAdmit(t, "the copy, started again", d.Admit("c2", copied(8), Sighting{}), presence.ReasonIndex)
	d.Close()
}

// TestReadStarts: the notes of another host's directory are read as they were written, and what is
// cut or empty is not taken for any.
func TestReadStarts(t *testing.T) {
	d := mustOpen(t, initDir(t))
	if err := d.NoteStart(Start{Opened: 17}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), startsFile)
	if _, err := ReadStarts(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	text, err := os.ReadFile(d.Path(startsFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"cut": text[:len(text)-9], "empty": {}} {
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if line, err := ReadStarts(file); err == nil {
			t.Errorf("%s: read as %v", name, line)
		}
	}
	if err := writeRecord(file, []Start{}); err != nil {
		t.Fatal(err)
	}
	if line, err := ReadStarts(file); err == nil {
		t.Errorf("none: read as %v", line)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	line, err := ReadStarts(file)
	if err != nil || len(line) != 1 || line[0] != (Start{Boot: 1, Session: d.session, Opened: 17}) {
		t.Errorf("read %v, %v", line, err)
	}
}
