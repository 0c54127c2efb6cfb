package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// partEnv has a process play a part of a drill.
const partEnv = "DRILL_TEST_PART"

// TestMain has this program be a casper-node, or a part of a drill.
func TestMain(m *testing.M) {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "validator":
		err = runFake(os.Args[2])
	case len(os.Args) == 2 && os.Args[1] == "--version":
		fmt.Println("Casper node 0.0.0-fake\nmore")
	case len(os.Args) == 2 && os.Args[1] == partEnv:
		err = Part(context.Background(), os.Stdin, os.Stdout, os.Stderr)
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// needFUSE skips where nothing can be mounted.
func needFUSE(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can mount, so no program is drilled")
	}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("SKIPPED: no program is drilled without FUSE: /dev/fuse: %v", err)
	}
	unix.Close(fd)
}

// staged is a version's folder with as little as a fake needs.
func staged(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"chainspec.toml": "[protocol]\nversion = '0.0.1'\n",
		"config-example.toml": "[node]\ntrusted_hash = 'x'\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// work is a folder for nobody to pass through.
func work(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "casper-drill-test-")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func drillFake(t *testing.T, mode string) (Result, error) {
	t.Helper()
	needFUSE(t)
	t.Parallel()
	binary, err := fakeProgram(t.TempDir(), mode)
	if err != nil {
		t.Fatal(err)
	}
	said := new(strings.Builder)
	r, err := Run(t.Context(), Settings{Binary: binary, Version: staged(t), Work: work(t), Within: 10 * time.Minute,
		Self: []string{"/proc/self/exe", partEnv}, Tell: said})
	t.Logf("%s%+v, %v", said, r, err)
	if err != nil && strings.Contains(err.Error(), "too busy") {
		t.Skip("SKIPPED: this host is too busy for a drill")
	}
	return r, err
}

// TestSound: a program that writes before it sends passes, and every kind of message was seen.
func TestSound(t *testing.T) {
	r, err := drillFake(t, sound)
	if err != nil || !r.Passed || r.Version != "Casper node 0.0.0-fake" || r.Protocol != "0.0.1" {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, kind := range []string{leads, echoes, votes, skips} {
		if r.Messages[kind] == 0 {
			t.Errorf("no %s", kind)
		}
	}
	if r.Blocks == 0 || r.Blocks > r.Messages[votes] {
		t.Errorf("%d blocks", r.Blocks)
	}
}

// TestUnsound: whatever sends before it has written, or without, does not pass.
func TestUnsound(t *testing.T) {
	for mode, want := range map[string]string{
		swapped:   "was not written",
		reckless:  "was not written",
		impatient: "was not written",
		layout:    "another layout",
		elsewhere: "only 0 votes were written",
		forgetful: "was not written",
	} {
		t.Run(mode, func(t *testing.T) {
			r, err := drillFake(t, mode)
			var v *Violation
			if r.Passed || !errors.As(err, &v) || !strings.Contains(err.Error(), want) {
				t.Errorf("passed %v, %v, want %q", r.Passed, err, want)
			}
		})
	}
}
