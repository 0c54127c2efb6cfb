package statedir

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"casper-cosigner/rule/watermark"
)

// TestWords: what was typed is kept in the directory, while a process has it open too, and added
// to.
func TestWords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := AddWords(path, Words{Without: []string{"a"}}); err == nil {
		t.Error("kept without a state directory")
	}
	if err := Init(path, Identity{Cluster: testCluster, Name: "c1", Absent: []string{"b"}}); err != nil {
		t.Fatal(err)
	}
	d := mustOpen(t, path)
	for range 2 {
		if err := AddWords(path, Words{Without: []string{"a"}, Disregard: []string{"1"}}); err != nil {
			t.Fatal(err)
		}
	}
	w, err := ReadWords(path)
	if err != nil || !slices.Equal(w.Without, []string{"a"}) || !slices.Equal(w.Absent, []string{"b"}) ||
		!slices.Equal(w.Disregard, []string{"1"}) {
		t.Errorf("%+v, %v", w, err)
	}
	if err := os.WriteFile(d.Path(wordsFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadWords(path); err == nil || !strings.Contains(err.Error(), "founding.json is damaged") {
		t.Errorf("damaged: %v", err)
	}
}

// TestLost: that a directory lost its memory outlives the process. A release that does not know of
// it reads identity.json strictly, and refuses; before it is needed the file is as it was.
func TestLost(t *testing.T) {
	path := initDir(t)
	d := mustOpen(t, path)
	if why, err := d.Lost(); why != "" || err != nil {
		t.Fatalf("a new directory: %q, %v", why, err)
	}
	earlier := func() error { // as every release before read it
		var record struct {
			Cluster   ID             `json:"cluster"`
			Name      string         `json:"name"`
			Directory ID             `json:"directory"`
			First     watermark.Mark `json:"first"`
		}
		return readRecord(d.Path(identityFile), &record)
	}
	if err := earlier(); err != nil {
		t.Fatalf("before it is needed: %v", err)
	}
	if err := d.MarkLost("it ended at entry 5"); err != nil {
		t.Fatal(err)
	}
	checkRefused(t, "a release before", earlier(), "identity.json is damaged", `unknown field "lost"`, "docs/recovery.md")
	was := d.ID()
	d.Close()
	d = mustOpen(t, path)
	if why, err := d.Lost(); why != "it ended at entry 5" || err != nil || d.ID() != was {
		t.Errorf("%q, %v", why, err)
	}
	if err := d.EndFirstRun(); err != nil {
		t.Fatal(err)
	}
	d.Close()
	err := Restate(path, watermark.Mark{Era: 1}, func(Identity, ID) error { return nil })
	checkRefused(t, "stating another era", err, "it ended at entry 5")
	if why, err := d.Lost(); why != "it ended at entry 5" || err != nil {
		t.Errorf("later %q, %v", why, err)
	}
}

// TestVerdictIsMoved: what was found when it was kept in a file of its own is found by a release
// before that from the first start on.
func TestVerdictIsMoved(t *testing.T) {
	path := initDir(t)
	if err := writeRecord(filepath.Join(path, verdictFile), "it ended at entry 5"); err != nil {
		t.Fatal(err)
	}
	d := mustOpen(t, path)
	if b, err := os.ReadFile(d.Path(identityFile)); err != nil || !strings.Contains(string(b), "it ended at entry 5") {
		t.Errorf("%s, %v", b, err)
	}
	d.Close()
	if err := os.WriteFile(d.Path(verdictFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil {
		t.Error("a damaged note was taken for none")
	}
}
