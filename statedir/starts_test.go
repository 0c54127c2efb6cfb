package statedir

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestStarts: each start leaves a note, from before it is used until a thousand later; a directory
// of a release that left none begins with this one; one that was put together of two times is
// refused.
func TestStarts(t *testing.T) {
	path := initDir(t)
	mustOpen(t, path).Close() // a start that did not come to its log, or of an earlier release
	var sessions []ID
	for n := uint64(2); n < 5; n++ {
		d := mustOpen(t, path)
		if err := d.NoteStart(Start{Opened: 10 * n, Written: 20 * n}); err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, d.session)
		starts := d.Starts()
		if len(starts) != len(sessions) {
			t.Fatalf("start %d: %d are noted", n, len(starts))
		}
		for i, o := range starts {
			if want := (Start{Boot: uint64(i + 2), Session: sessions[i], Opened: 10 * uint64(i+2),
				Written: 20 * uint64(i+2)}); o != want {
				t.Errorf("noted %+v, want %+v", o, want)
			}
		}
		d.Close()
	}

	boot, err := os.ReadFile(path + "/" + bootFile)
	if err != nil {
		t.Fatal(err)
	}
	d := mustOpen(t, path)
	for range startsKept + 5 {
		d.starts = append(d.starts, Start{Boot: d.boot, Session: d.session, Opened: 99})
		d.boot++
	}
	if err := d.NoteStart(Start{Opened: 100}); err != nil {
		t.Fatal(err)
	}
	if s := d.Starts(); len(s) != startsKept || s[len(s)-1].Opened != 100 {
		t.Errorf("%d are kept, %+v last", len(s), s[len(s)-1])
	}
	d.Close()
	if err := os.WriteFile(path+"/"+bootFile, boot, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(path)
	checkRefused(t, "an older count of starts", err, "not of one time", "docs/recovery.md")
	if err := os.WriteFile(path+"/"+startsFile, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(path)
	checkRefused(t, "damaged", err, "starts.json is damaged", "docs/recovery.md")
}

// TestDropStart: a directory that was put back, and ran on, is started again and again without
// getting any further. What goes are those starts, not those by which it is told from the one that
// went on elsewhere; and each that is dropped is stood for by the next one that is not.
func TestDropStart(t *testing.T) {
	line := []Start{{Boot: 1, Opened: 0}, {Boot: 4, Opened: 100}, {Boot: 6, Opened: 400}}
	for n := uint64(0); n < 40; n++ {
		line = append(line, Start{Boot: 7 + 2*n, Session: ID{byte(n)}, Opened: 1000})
		for len(line) > 6 {
			line = dropStart(line)
		}
	}
	want := []Start{{Boot: 1, Opened: 0}, {Boot: 4, Opened: 100}, {Boot: 6, Opened: 400}, {Boot: 7, Opened: 1000},
		{Boot: 83, Session: ID{38}, Opened: 1000, Since: 9}, {Boot: 85, Session: ID{39}, Opened: 1000}}
	if !slices.Equal(line, want) {
		t.Fatalf("kept %+v, want %+v", line, want)
	}
	for n, want := range []Start{
		{Boot: 85, Session: ID{39}, Opened: 1000, Since: 9},
		{Boot: 85, Session: ID{39}, Opened: 1000, Since: 7},
		{Boot: 4, Opened: 100, Since: 1},
		{Boot: 6, Opened: 400, Since: 1},
	} {
		if line = dropStart(line); len(line) != 5-n || !slices.Contains(line, want) {
			t.Fatalf("drop %d: kept %+v, want %+v among them", n+1, line, want)
		}
	}
	// An end that was not committed is gone at the next start: its length is no growth.
	line = dropStart([]Start{{Boot: 1, Opened: 100}, {Boot: 2, Opened: 110}, {Boot: 3, Opened: 105},
		{Boot: 4, Opened: 200}})
	if line[1].Boot != 3 || line[1].Since != 2 {
		t.Errorf("kept %+v", line)
	}
}

func checkRefused(t *testing.T, what string, err error, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want %q", what, err, text)
		}
	}
}
