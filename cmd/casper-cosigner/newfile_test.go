package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWriteNewAllOrNone has the last of three files fail, by being the first once more.
func TestWriteNewAllOrNone(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "kept")
	if err := os.WriteFile(kept, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	one, two := filepath.Join(dir, "new", "deep", "one"), filepath.Join(dir, "two")
	if err := writeNew([]newFile{{one, nil, secretMode}, {two, nil, secretMode}, {one, nil, secretMode}}); err == nil {
		t.Fatal("wrote one file twice")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "kept" {
		t.Errorf("left behind %v, error %v", entries, err)
	}
	if err := writeNew([]newFile{{one, nil, secretMode}, {kept, nil, secretMode}}); err == nil {
		t.Error("wrote over a file")
	}
	if text, err := os.ReadFile(kept); err != nil || string(text) != "kept" {
		t.Errorf("the file that was there holds %q, error %v", text, err)
	}
}
