package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBuild: a program is built broken, its source stays as it is, and which mutant is meant must
// be clear.
func TestBuild(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	const source = "package main\n\nfunc main() {\n\tprintln(\"whole\")\n}\n"
	mutant := func(name string) string {
		return "name: " + name + "\nwhy: w\nfile: main.go\ntest: . -run ^Test$\n--- old\n\tprintln(\"whole\")\n--- new\n" +
			"\tprintln(\"broken\")\n--- end\n"
	}
	for path, text := range map[string]string{
		filepath.Join(root, "go.mod"): "module m\n\ngo 1.26\n", filepath.Join(root, "main.go"): source,
		filepath.Join(dir, "a.mutant"): mutant("one"), filepath.Join(dir, "b.mutant"): mutant("another"),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program := broken{".", filepath.Join(dir, "program")}
	runner := Runner{Root: root, Timeout: time.Minute, Parallel: 1}
	if err := build(context.Background(), runner, dir, "", program); err == nil {
		t.Error("built with either of two mutants")
	}
	if err := build(context.Background(), runner, dir, "^one$", program); err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command(program.out).CombinedOutput()
	if err != nil || strings.TrimSpace(string(said)) != "broken" {
		t.Errorf("the program says %q, %v", said, err)
	}
	if text, err := os.ReadFile(filepath.Join(root, "main.go")); err != nil || string(text) != source {
		t.Errorf("the source is %q now, %v", text, err)
	}
}
