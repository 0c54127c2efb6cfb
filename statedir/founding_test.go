package statedir

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestWords: what was typed is kept in the directory, while a process has it open too, and added
// to.
func TestWords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := AddWords(path, Words{Without: []string{"a"}}); err == nil {
		t.Error("kept without a state directory")
	}
	if err := Init(path, Identity{Cluster: testCluster, Name: "c1", Without: []string{"b"}}); err != nil {
		t.Fatal(err)
	}
	d := mustOpen(t, path)
	for range 2 {
		if err := AddWords(path, Words{Without: []string{"a"}, Disregard: []string{"1"}}); err != nil {
			t.Fatal(err)
		}
	}
	w, err := ReadWords(path)
	if err != nil || !slices.Equal(w.Without, []string{"a", "b"}) || !slices.Equal(w.Disregard, []string{"1"}) {
		t.Errorf("%+v, %v", w, err)
	}
	if err := os.WriteFile(d.Path(wordsFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadWords(path); err == nil || !strings.Contains(err.Error(), "founding.json is damaged") {
		t.Errorf("damaged: %v", err)
	}
}

// TestLost: that a directory lost its memory outlives the process, and a damaged note of it is not
// taken for none.
func TestLost(t *testing.T) {
	path := initDir(t)
	d := mustOpen(t, path)
	if why, err := d.Lost(); why != "" || err != nil {
		t.Fatalf("a new directory: %q, %v", why, err)
	}
	if err := d.MarkLost("it ended at entry 5"); err != nil {
		t.Fatal(err)
	}
	d.Close()
	d = mustOpen(t, path)
	if why, err := d.Lost(); why != "it ended at entry 5" || err != nil {
		t.Errorf("%q, %v", why, err)
	}
	if err := os.WriteFile(d.Path(verdictFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Lost(); err == nil {
		t.Error("a damaged note was taken for none")
	}
}
