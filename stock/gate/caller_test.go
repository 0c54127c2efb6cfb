package gate

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// all is Binaries that know one program.
type all [sha256.Size]byte

func (a all) Drilled(hash [sha256.Size]byte) bool { return hash == a }

// process makes what /proc shows of a casper-node whose unit files are on a file system without a
// disk, as a gate's is, and a key that this node gets.
func process(t *testing.T) (proc string, tree *secretTree) {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "gate")
	if err != nil {
		t.Skipf("SKIPPED: who gets the key is not tested without /dev/shm: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	proc = filepath.Join(dir, "proc")
	unitFiles := filepath.Join(dir, "storage", "casper", "unit_files")
	for _, d := range []string{unitFiles, proc} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"config.toml": "[storage]\npath = 'storage'\n", "exe": "program",
		"chainspec.toml": "[network]\nname = 'casper'\n", "proc/environ": "HOME=/\x00",
		"proc/cmdline": "casper-node\x00validator\x00config.toml\x00"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"root": "/", "cwd": dir, "exe": filepath.Join(dir, "exe")} {
		if err := os.Symlink(to, filepath.Join(proc, name)); err != nil {
			t.Fatal(err)
		}
	}
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, unitFiles, 0, unix.STATX_TYPE, &st); err != nil || st.Dev_major != 0 {
		t.Skipf("SKIPPED: who gets the key is not tested where /dev/shm is a disk: %v", err)
	}
	return proc, newSecretTree(Secret{Binaries: all(sha256.Sum256([]byte("program")))}, int(st.Dev_minor), owner{},
		zerolog.Nop())
}

// TestAdmit: a casper-node, as a launcher starts it, that writes into this gate, with a drilled
// program.
func TestAdmit(t *testing.T) {
	for name, tt := range map[string]struct{ file, text, why string }{
		"nothing": {},
		"migrating": {"proc/cmdline",
			"n\x00migrate-data\x00--old-config\x00x\x00--new-config\x00config.toml\x00", ""},
		"other arguments":   {"proc/cmdline", "n\x00validator\x00config.toml\x00-Cstorage.path=x\x00", "launcher"},
		"not a node":        {"proc/cmdline", "cat\x00key\x00", "launcher"},
		"other settings":    {"proc/environ", "NODE_CONFIG=storage.path=x\x00", "NODE_CONFIG"},
		"other code":        {"proc/environ", "LD_PRELOAD=x\x00", "LD_PRELOAD"},
		"another storage":   {"config.toml", "[storage]\npath = '/proc'\n", "unit files"},
		"another network":   {"chainspec.toml", "[network]\nname = 'casper-test'\n", "unit files"},
		"no storage":        {"config.toml", "", "no storage.path"},
		"another program":   {"exe", "another", "drill"},
		"broken settings":   {"config.toml", "[storage", "config.toml"},
		"a kernel's thread": {"proc/cmdline", "", "launcher"},
	} {
		proc, tree := process(t)
		if tt.file != "" {
			if err := os.WriteFile(filepath.Join(filepath.Dir(proc), tt.file), []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := tree.admit(proc)
		if (err == nil) != (tt.why == "") || err != nil && !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
	proc, tree := process(t)
	tree.device++
	if err := tree.admit(proc); err == nil || !strings.Contains(err.Error(), "does not stand") {
		t.Errorf("behind another gate: %v", err)
	}
	if err := tree.admit("/proc/0"); err == nil {
		t.Error("a process that cannot be seen")
	}
}
