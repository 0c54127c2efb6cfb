package launcher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casper-cosigner/stock/launcher"
)

var v1, v2, v3 = launcher.Version{1, 0, 0}, launcher.Version{2, 0, 0}, launcher.Version{3, 0, 0}

// host is a validator's, with programs that note how they were called.
type host struct {
	t *testing.T
	launcher.Folders
	calls string
}

func newHost(t *testing.T) *host {
	dir := t.TempDir()
	return &host{t, launcher.Folders{Binaries: filepath.Join(dir, "bin"), Settings: filepath.Join(dir, "etc")},
		filepath.Join(dir, "calls")}
}

// stage stages a version whose program exits with these codes as validator, and when it migrates.
func (h *host) stage(v launcher.Version, code int) {
	h.t.Helper()
	script := fmt.Sprintf("#!/bin/sh\necho %v $* | sed 's|%s/||g' >>%s\n[ $1 = migrate-data ] || exit %d\n", v, h.Settings,
		h.calls, code)
	for name, text := range map[string]string{h.Binary(v): script, h.Config(v): ""} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			h.t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *host) start(forced launcher.Version) *Launcher {
	h.t.Helper()
	l, err := New(h.Folders, forced, os.Stderr)
	if err != nil {
		h.t.Fatal(err)
	}
	return l
}

// called checks how programs were called since the last time.
func (h *host) called(want ...string) {
	h.t.Helper()
	text, _ := os.ReadFile(h.calls)
	if got := strings.TrimSpace(string(text)); got != strings.Join(want, "\n") {
		h.t.Errorf("called:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
	os.Remove(h.calls)
}

func (h *host) fails(l *Launcher, want string) {
	h.t.Helper()
	if err := l.Run(h.t.Context()); err == nil || !strings.Contains(err.Error(), want) {
		h.t.Errorf("%v, want %q", err, want)
	}
}

// TestUpgrades: from version to version, each after migrate-data, and on from the same step after a
// restart.
func TestUpgrades(t *testing.T) {
	h := newHost(t)
	h.stage(v1, 0)
	h.fails(h.start(launcher.Version{}), "none is installed")
	h.called("1.0.0 validator 1_0_0/config.toml")
	h.stage(v3, 0)
	h.stage(v2, 0)
	l := h.start(launcher.Version{}) // from its file, not with the highest
	for range 2 {
		if err := l.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h.called("1.0.0 validator 1_0_0/config.toml",
		"2.0.0 migrate-data --old-config 1_0_0/config.toml --new-config 2_0_0/config.toml")
	h.fails(h.start(launcher.Version{}), "none is installed")
	h.called("2.0.0 validator 2_0_0/config.toml",
		"3.0.0 migrate-data --old-config 2_0_0/config.toml --new-config 3_0_0/config.toml",
		"3.0.0 validator 3_0_0/config.toml")
}

// TestRestartInMigration: a launcher that ends before the migration does it when it starts again.
func TestRestartInMigration(t *testing.T) {
	h := newHost(t)
	h.stage(v1, 0)
	l := h.start(launcher.Version{})
	h.stage(v2, 7)
	if err := l.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l = h.start(launcher.Version{}); l.State().Mode != launcher.Migrate || l.State().New.Version != "2.0.0" {
		t.Errorf("%+v", l.State())
	}
	h.fails(l, "exit status 7")
	h.called("1.0.0 validator 1_0_0/config.toml",
		"2.0.0 migrate-data --old-config 1_0_0/config.toml --new-config 2_0_0/config.toml",
		"2.0.0 validator 2_0_0/config.toml")
}

// TestOtherEnds: downgrade, clean stop with and without a script, and what is an error.
func TestOtherEnds(t *testing.T) {
	h := newHost(t)
	h.stage(v1, exitShutdown)
	h.stage(v2, exitDowngrade)
	h.stage(v3, 101)
	h.fails(h.start(launcher.Version{}), "exit status 101")
	h.called("3.0.0 validator 3_0_0/config.toml")
	ends := func(want int) {
		t.Helper()
		exit := new(ExitError)
		if err := h.start(v2).Run(t.Context()); !errors.As(err, &exit) || exit.Code != want {
			t.Errorf("%v, want %d", err, want)
		}
	}
	ends(0)
	h.called("2.0.0 validator 2_0_0/config.toml", "1.0.0 validator 1_0_0/config.toml")
	script := filepath.Join(h.Settings, shutdownScript)
	for text, want := range map[string]int{"exit 42": 42, "kill -9 $$": killedScript} {
		if err := os.WriteFile(script, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		ends(want)
	}
}

// TestRefused: what does not go together is not started.
func TestRefused(t *testing.T) {
	h := newHost(t)
	refused := func(forced launcher.Version, want string) {
		t.Helper()
		if _, err := New(h.Folders, forced, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	refused(launcher.Version{}, "no such file")
	h.stage(v1, 0)
	refused(v2, "(2.0.0) is not installed")
	os.RemoveAll(filepath.Dir(h.Config(v1)))
	refused(launcher.Version{}, "valid version")
	h.stage(v1, 0)
	l := h.start(launcher.Version{})
	h.stage(v2, 0)
	os.RemoveAll(filepath.Dir(h.Config(v2)))
	h.fails(l, "binary version 2.0.0 != config version 1.0.0")
	refused(launcher.Version{}, "don't match")
}

// TestStop: SIGTERM reaches the node, and its end is the launcher's.
func TestStop(t *testing.T) {
	h := newHost(t)
	h.stage(v1, 0)
	if err := os.WriteFile(h.Binary(v1), []byte("#!/bin/sh\ntrap 'exit 143' TERM\n"+
		"echo ready >"+h.calls+"\nwhile :; do sleep 0.01; done\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			if _, err := os.Stat(h.calls); err == nil {
				tick.Stop()
				cancel()
				return
			}
			<-tick.C
		}
	}()
	l := h.start(launcher.Version{})
	if err := l.Run(ctx); err == nil || !strings.Contains(err.Error(), "exit status 143") {
		t.Error(err)
	}
}
