package localnet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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

// stagedVersion is a folder with chainspec and config as a version is staged with for the main
// network, and with what an operator may have changed.
func stagedVersion(t *testing.T, binary, defaults string) string {
	t.Helper()
	network, err := Setup(t.Context(), Config{Dir: filepath.Join(t.TempDir(), "network"), Binary: binary,
		Defaults: defaults, Validators: make([]Validator, 1), Chain: "casper",
		Chainspec: map[string]any{"protocol.activation_point": 22931, "core.era_duration": "120minutes",
			"core.minimum_era_height": 20, "core.minimum_block_time": "8000ms"},
		Nodes: []NodeConfig{{Config: map[string]any{"consensus.zug.proposal_timeout": "10sec",
			"consensus.zug.sync_state_interval": "1sec", "network.min_peers_for_initialization": 3,
			"network.known_addresses": []string{"192.0.2.1:35000"}, "rest_server.enable_server": false,
			"rest_server.qps_limit": 10, "node.sync_handling": "nosync", "storage.path": "/var/lib/casper/casper-node"}}}})
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

// TestRealDrill: the casper-node of which all this was read passes, unmodified.
func TestRealDrill(t *testing.T) {
	needFUSE(t)
	t.Parallel() // it waits more than it works
	binary, defaults := built(t)
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

// unsound is a casper-node whose writes to unit files go another way: a real one, with other code
// between it and the kernel.
func unsound(t *testing.T, binary, how string) string {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("SKIPPED: no C compiler, so no real casper-node is made unsound")
	}
	dir, err := os.MkdirTemp("", "casper-unsound-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	library, program := filepath.Join(dir, "unsound.so"), filepath.Join(dir, "real")
	out, err := exec.Command(cc, "-shared", "-fPIC", "-O1", "-pthread", "-o", library, "testdata/unsound.c", "-ldl").
		CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(binary)
	if err == nil {
		err = os.WriteFile(program, text, 0o755)
	}
	script := filepath.Join(dir, "casper-node")
	if err == nil {
		err = os.WriteFile(script, fmt.Appendf(nil, "#!/bin/sh\nLD_PRELOAD=%s CASPER_UNSOUND=%s exec %s \"$@\"\n",
			library, how, program), 0o755)
	}
	// The drill runs it as nobody.
	for _, name := range []string{dir, library, program, script} {
		if err == nil {
			err = os.Chmod(name, 0o755)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return script
}

// TestRealDrillUnsound: a real casper-node does not pass that sends before it writes, does not care
// whether it could write, or writes another layout. All three only with CASPER_DRILL=all, because
// that takes minutes.
func TestRealDrillUnsound(t *testing.T) {
	needFUSE(t)
	t.Parallel()
	binary, defaults := built(t)
	ours, version := product(t), stagedVersion(t, binary, defaults)
	for how, want := range map[string]string{"swapped": "was not written", "reckless": "was not written",
		"layout": "another layout"} {
		t.Run(how, func(t *testing.T) {
			if how != "reckless" && os.Getenv("CASPER_DRILL") != "all" {
				t.Skip("SKIPPED: CASPER_DRILL is not all")
			}
			results := drill.Results(t.TempDir())
			cmd := exec.CommandContext(t.Context(), ours, "gate", "drill", "--node", unsound(t, binary, how), "--version-dir",
				version, "--results", string(results))
			tmp, err := os.MkdirTemp("", "casper-drill-test-")
			if err == nil {
				err = os.Chmod(tmp, 0o711)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(tmp) })
			cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
			said, err := cmd.CombinedOutput()
			t.Logf("%s", said)
			if bytes.Contains(said, []byte("this host is too busy")) {
				t.Skip("SKIPPED: this host is too busy to drill a casper-node")
			}
			if cmd.ProcessState.ExitCode() != 5 || !bytes.Contains(said, []byte(want)) {
				t.Errorf("%v, want %q", err, want)
			}
		})
	}
}
