package localnet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/attest/attesttest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/drill"
	"casper-cosigner/stock/gate"
	"casper-cosigner/stock/launcher"
	"casper-cosigner/stock/node"
	standin "casper-cosigner/testnet/launcher"
)

// hostEnv says that this process has mounts of its own, which end with it.
const hostEnv = "LOCALNET_TEST_HOST"

// TestRealKey: on the day of an upgrade a real casper-node that did not pass the drill gets no key
// and so does not migrate; once it has, it does, and is what the launcher runs.
func TestRealKey(t *testing.T) {
	needFUSE(t)
	binary, defaults := built(t)
	if os.Getenv(hostEnv) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run", "^TestRealKey$")
		cmd.Env = append(os.Environ(), hostEnv+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	keys := filepath.Join(t.TempDir(), "keys")
	served := map[string]any{"consensus.secret_key_path": filepath.Join(keys, node.KeyFile)}
	network, err := Setup(t.Context(), Config{Dir: filepath.Join(t.TempDir(), "network"), Binary: binary,
		Defaults: defaults, Validators: make([]Validator, 1), Nodes: []NodeConfig{{Config: served}}})
	if err != nil {
		t.Fatal(err)
	}
	n, dir := network.Nodes[0], t.TempDir()
	f := launcher.Folders{Binaries: filepath.Join(dir, "bin"), Settings: filepath.Join(dir, "etc")}
	from, to := launcher.Version{2, 0, 3}, launcher.Version{2, 0, 4}
	for _, v := range []launcher.Version{from, to} {
		if err := n.Stage(f, v, n.binary, map[string]any{"protocol.version": v.String()}); err != nil {
			t.Fatal(err)
		}
	}
	results := drill.Results(filepath.Join(dir, "results"))
	stand(t, n, &gate.Secret{File: filepath.Join(n.Dir, node.KeyFile), Folder: keys, Binaries: results})
	migrate := func() (*standin.Launcher, error) {
		state := "mode = 'MigrateData'\n"
		for name, i := range map[string]launcher.NodeInfo{"old_info": f.Info(from), "new_info": f.Info(to)} {
			state += fmt.Sprintf("[%s]\nversion = %q\nbinary_path = %q\nconfig_path = %q\n", name, i.Version, i.BinaryPath,
				i.ConfigPath)
		}
		if err := os.WriteFile(filepath.Join(f.Settings, launcher.StateFile), []byte(state), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := standin.New(f, launcher.Version{}, os.Stderr)
		if err != nil {
			t.Fatal(err)
		}
		return l, l.Step(t.Context())
	}
	if l, err := migrate(); err == nil || !strings.Contains(err.Error(), "exited with error") ||
		l.State().Mode != launcher.Migrate {
		t.Errorf("undrilled: %v, %+v", err, l.State())
	}
	text, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(text)
	passed := drill.Result{SHA256: hex.EncodeToString(hash[:]), Revision: drill.Revision, Passed: true}
	if err := results.Keep(passed); err != nil {
		t.Fatal(err)
	}
	if l, err := migrate(); err != nil || l.State().Mode != launcher.Run || l.State().Version != to.String() {
		t.Errorf("drilled: %v, %+v", err, l.State())
	}
}

// granting grants everything.
type granting struct{}

func (granting) Claim(_ context.Context, own casper.Ballot) (attest.Proof, error) {
	return attesttest.Proof(own), nil
}

func (granting) Signed(context.Context, casper.Hash) ([]casper.Ballot, *uint32, error) {
	return nil, nil, nil
}

// stand has a gate with the node's key stand until the test ends.
func stand(t *testing.T, n *Node, secret *gate.Secret) {
	t.Helper()
	for _, dir := range []string{filepath.Dir(n.UnitFiles()), filepath.Dir(secret.Folder)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	g := gate.New(gate.Settings{Key: n.Validator, UnitFiles: n.UnitFiles(), State: filepath.Join(t.TempDir(), "gate"),
		Secret: secret, Log: zerolog.New(os.Stderr)}, granting{})
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- g.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(errors.Join(errors.New("the gate does not stand"), err))
	}
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		for _, dir := range []string{n.UnitFiles(), secret.Folder} {
			for unix.Unmount(dir, unix.MNT_DETACH) == nil {
			}
		}
	})
}
