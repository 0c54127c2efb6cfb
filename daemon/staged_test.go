package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"casper-cosigner/stock/drill"
	"casper-cosigner/stock/launcher"
)

// TestUndrilled: a staged program is told of until it has passed the drill, and so is one that
// takes the place of one that has.
func TestUndrilled(t *testing.T) {
	f := launcher.Folders{Binaries: t.TempDir(), Settings: t.TempDir()}
	results := drill.Results(t.TempDir())
	put := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		// Another file in its place, as a download makes it.
		if err := os.WriteFile(name+".new", []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			t.Fatal(err)
		}
	}
	keep := func(text string, passed bool) {
		t.Helper()
		hash := sha256.Sum256([]byte(text))
		r := drill.Result{SHA256: hex.EncodeToString(hash[:]), Revision: drill.Revision, Passed: passed, Why: "it sent"}
		if err := results.Keep(r); err != nil {
			t.Fatal(err)
		}
	}
	s := newStaged(f, string(results))
	check := func(want string) {
		t.Helper()
		if got := s.undrilled(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	old, now, next := launcher.Version{1, 5, 8}, launcher.Version{2, 0, 3}, launcher.Version{2, 2, 2}
	put(f.Binary(old), "never drilled, and past")
	put(f.Binary(now), "now")
	put(filepath.Join(f.Settings, launcher.StateFile), "mode = 'RunNodeAsValidator'\nversion = '2.0.3'\n")
	check("2.0.3 was not drilled")
	keep("now", true)
	check("")
	put(f.Binary(next), "next")
	check("2.2.2 was not drilled")
	keep("next", false)
	check("2.2.2 did not pass the drill: it sent")
	keep("next", true)
	check("")
	put(f.Binary(next), "next, built by another")
	check("2.2.2 was not drilled")
	put(filepath.Join(f.Settings, launcher.StateFile), "?")
	if got := s.undrilled(); !strings.Contains(got, "cannot see what is staged") {
		t.Errorf("%q", got)
	}
}
