package drill

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
)

// TestResults: a program counts as drilled only by a result of its own, of today's drill, that it
// passed.
func TestResults(t *testing.T) {
	all := Results(filepath.Join(t.TempDir(), "results"))
	hash := sha256.Sum256([]byte("a program"))
	one := Result{SHA256: hex.EncodeToString(hash[:]), Revision: Revision, Passed: true}
	if all.Drilled(hash) {
		t.Error("drilled before any drill")
	}
	lock, err := all.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all.Lock(); err == nil {
		t.Error("two drills at once")
	}
	lock.Close()
	keep := func(r Result) {
		t.Helper()
		if err := all.Keep(r); err != nil {
			t.Fatal(err)
		}
	}
	keep(one)
	if !all.Drilled(hash) {
		t.Error("passed, and not drilled")
	}
	if all.Drilled(sha256.Sum256([]byte("another"))) {
		t.Error("another program is drilled")
	}
	failed, other := one, one
	failed.Passed, other.Revision = false, Revision+1
	for what, r := range map[string]Result{"it did not pass": failed, "of another revision": other} {
		keep(r)
		if all.Drilled(hash) {
			t.Errorf("drilled, though %s", what)
		}
	}
	name := filepath.Join(string(all), one.SHA256+".json")
	foreign := one
	foreign.SHA256 = hex.EncodeToString(make([]byte, 32))
	keep(foreign)
	if err := os.Rename(filepath.Join(string(all), foreign.SHA256+".json"), name); err != nil {
		t.Fatal(err)
	}
	if _, _, err := all.Of(hash); err == nil || all.Drilled(hash) {
		t.Error("another program's result in its place")
	}
	if err := os.WriteFile(name, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := all.Of(hash); err == nil || all.Drilled(hash) {
		t.Error("a result that cannot be read")
	}
}
