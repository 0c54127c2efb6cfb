package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestStartIsKept: how long a start took outlives the agent; what cannot be read counts as unknown.
func TestStartIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), startFile)
	if got := readStart(path); got != 0 {
		t.Errorf("before the first: %v", got)
	}
	if err := keepStart(path, 7400*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if got := readStart(path); got != 7400*time.Millisecond {
		t.Errorf("kept %v", got)
	}
	for _, bad := range []string{"{", `{"took_ms":-5}`} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := readStart(path); got != 0 {
			t.Errorf("%q: %v", bad, got)
		}
	}
}
