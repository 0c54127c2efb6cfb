package daemon_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"casper-cosigner/daemon"
)

// TestPortInUse: a cosigner that cannot listen leaves its state directory as it is, so that one
// which is started again each second neither uses up the numbers of its starts nor pushes out the
// notes of earlier ones. Nor does it keep a port.
func TestPortInUse(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	f, err := daemon.ReadCosignerFile(filepath.Join(l.path, "cosigner-1", "cosigner.toml"))
	if err != nil {
		t.Fatal(err)
	}
	entry, _ := l.File.Cosigner("cosigner-1")
	before := l.files("cosigner-1")
	for port, address := range map[string]string{"Raft": entry.RaftAddress, "data": entry.Address,
		"admin": entry.AdminAddress} {
		other, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		err = daemon.RunCosigner(t.Context(), f, daemon.Options{Fatal: func(error) {}, Now: time.Now})
		if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), port+" port") {
			t.Errorf("%s port: %v", port, err)
		}
		if now := l.files("cosigner-1"); now != before {
			t.Errorf("without its %s port it changed its directory from %s to %s", port, before, now)
		}
		_ = other.Close()
	}
	l.start("cosigner-1", "cosigner-2", "cosigner-3")
	l.waitReady("cosigner-1")
}

// files returns what the cosigner's state directory holds.
func (l *local) files(name string) string {
	l.t.Helper()
	var all strings.Builder
	root := filepath.Join(l.path, name, "state")
	entries, err := os.ReadDir(root)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, e := range entries {
		text, _ := os.ReadFile(filepath.Join(root, e.Name()))
		all.WriteString(e.Name() + ": " + string(text) + "\n")
	}
	return all.String()
}
