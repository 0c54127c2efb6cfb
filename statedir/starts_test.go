package statedir

import (
	"os"
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

func checkRefused(t *testing.T, what string, err error, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want %q", what, err, text)
		}
	}
}
