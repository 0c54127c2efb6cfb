package localnet

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"casper-cosigner/stock/drill"
)

// built is what make built of casper-node: as published, and the program that tells its defaults.
func built(t *testing.T) (binary, defaults string) {
	t.Helper()
	cache := os.Getenv("CASPER_CACHE")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		cache = filepath.Join(home, ".cache", "casper-cosigner")
	}
	binary = filepath.Join(cache, "casper-node-2.0.3-stock/target/release/casper-node")
	defaults = filepath.Join(cache, "casper-node-2.0.3/target/release/localnet-defaults")
	for name, make := range map[string]string{binary: "casper-node-stock", defaults: "casper-node"} {
		if _, err := os.Stat(name); err != nil {
			t.Skipf("SKIPPED: no real casper-node is tested: make %s has not built %s", make, name)
		}
	}
	return binary, defaults
}

// needFUSE skips where nothing can be mounted.
func needFUSE(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can mount, so no casper-node is drilled")
	}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("SKIPPED: no casper-node is drilled without FUSE: /dev/fuse: %v", err)
	}
	unix.Close(fd)
}

// stagedVersion is a folder with chainspec and config as a version is staged with.
func stagedVersion(t *testing.T, binary, defaults string) string {
	t.Helper()
	network, err := Setup(t.Context(), Config{Dir: filepath.Join(t.TempDir(), "network"), Binary: binary,
		Defaults: defaults, Validators: make([]Validator, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return network.Nodes[0].Dir
}

// product builds our program.
func product(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "casper-cosigner")
	out, err := exec.Command("go", "build", "-o", name, "casper-cosigner/cmd/casper-cosigner").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return name
}

// TestRealDrill: the casper-node of which all this was read passes, unmodified. Another program can
// be named, to see it fail: CASPER_DRILL=.../casper-node
func TestRealDrill(t *testing.T) {
	needFUSE(t)
	binary, defaults := built(t)
	if name := os.Getenv("CASPER_DRILL"); name != "" {
		binary = name
	}
	results := filepath.Join(t.TempDir(), "results")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	said, err := exec.CommandContext(ctx, product(t), "gate", "drill", "--node", binary, "--version-dir",
		stagedVersion(t, binary, defaults), "--results", results).CombinedOutput()
	t.Logf("%s", said)
	if bytes.Contains(said, []byte("this host is too busy")) {
		t.Skip("SKIPPED: this host is too busy to drill a casper-node")
	}
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(results, "*.json"))
	if len(files) != 1 {
		t.Fatalf("results %q", files)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var r drill.Result
	if err := json.Unmarshal(text, &r); err != nil || !r.Passed || r.Protocol != "2.0.3" || r.Blocks == 0 {
		t.Errorf("%s", text)
	}
}
