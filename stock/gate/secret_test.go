package gate_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"casper-cosigner/pulse/pulsetest"
	"casper-cosigner/stock/gate"
)

// node is a casper-node's host, as far as it matters for who gets the key.
type node struct {
	*site
	program string
	config  string
	key     string // as it is served
}

const pem = "-----BEGIN PRIVATE KEY-----"

func newNode(t *testing.T) *node {
	s := newShut(t, &Fake{})
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(drilledEnv, fmt.Sprintf("%x", sha256.Sum256(self)))
	dir := t.TempDir()
	n := &node{site: s, program: os.Args[0], config: filepath.Join(dir, "2_0_0", "config.toml"),
		key: filepath.Join(dir, "keys", "validator.pem")}
	s.settings.Secret = &gate.Secret{File: filepath.Join(dir, "root", "validator.pem"), Folder: filepath.Dir(n.key)}
	for name, text := range map[string]string{n.config: fmt.Sprintf("[storage]\npath = %q\n", filepath.Dir(
		filepath.Dir(s.settings.UnitFiles))), s.settings.Secret.File: pem,
		filepath.Join(filepath.Dir(n.config), "chainspec.toml"): "[network]\nname = 'casper-example'\n"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for exec.Command("umount", "-l", s.settings.Secret.Folder).Run() == nil {
		}
	})
	return n
}

// gets reports whether a process with these arguments reads the key.
func (n *node) gets(args ...string) bool {
	n.t.Helper()
	return n.getsWith(nil, args...)
}

func (n *node) getsWith(env []string, args ...string) bool {
	n.t.Helper()
	c := exec.Command(n.program, args...)
	c.Env = append(append(os.Environ(), nodeEnv+"="+n.key), env...)
	out, err := c.Output()
	if err != nil {
		n.t.Fatal(err)
	}
	return strings.HasPrefix(string(out), pem)
}

// TestNoGateNoKey: the key is there while the gate stands.
func TestNoGateNoKey(t *testing.T) {
	n := newNode(t)
	n.start()
	if !n.gets("validator", n.config) {
		t.Errorf("a node behind the gate does not get its key:\n%s", n.gate.log)
	}
	if !n.gets("migrate-data", "--old-config", "x", "--new-config", n.config) {
		t.Errorf("nor when it migrates its data:\n%s", n.gate.log)
	}
	n.gate.kill()
	if n.gets("validator", n.config) {
		t.Error("after the gate's death a node gets its key")
	}
	n.start()
	n.stop()
	if _, err := os.Stat(n.key); !os.IsNotExist(err) {
		t.Errorf("after the gate's end: %v", err)
	}
}

// TestWhoGetsNoKey: whatever is no casper-node behind this gate.
func TestWhoGetsNoKey(t *testing.T) {
	n := newNode(t)
	n.start()
	if _, err := os.ReadFile(n.key); !os.IsPermission(err) {
		t.Errorf("root's other process: %v", err)
	}
	if n.gets("validator", n.config, "-C=storage.path=/elsewhere") || n.gets("validate-config", n.config) || n.gets() {
		t.Error("other arguments")
	}
	if n.getsWith([]string{"NODE_CONFIG=storage.path=/elsewhere"}, "validator", n.config) {
		t.Error("settings changed by the environment")
	}
	if n.getsWith([]string{"LD_PRELOAD=/x"}, "validator", n.config) {
		t.Error("a program with other code in it")
	}
	for name, change := range map[string]string{"[storage]\npath = '/tmp'\n": n.config,
		"[network]\nname = 'casper-test'\n": filepath.Join(filepath.Dir(n.config), "chainspec.toml")} {
		before, err := os.ReadFile(change)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(change, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		if n.gets("validator", n.config) {
			t.Errorf("a node whose unit files are elsewhere: %s", name)
		}
		if err := os.WriteFile(change, before, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, hidden := range []string{n.settings.UnitFiles, filepath.Dir(n.settings.UnitFiles)} {
		if err := unix.Mount("none", hidden, "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		os.Mkdir(filepath.Join(hidden, "unit_files"), 0o700)
		if n.gets("validator", n.config) {
			t.Errorf("a node that does not see the gate for what lies over %s", hidden)
		}
		if err := unix.Unmount(hidden, 0); err != nil {
			t.Fatal(err)
		}
	}
	n.program = filepath.Join(t.TempDir(), "casper-node")
	to, err := os.OpenFile(n.program, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if _, err := to.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	from.Close()
	to.Close()
	if n.gets("validator", n.config) {
		t.Error("a program that did not pass the drill")
	}
	n.program = os.Args[0]
	if !n.gets("validator", n.config) {
		t.Errorf("in the end nobody gets it:\n%s", n.gate.log)
	}
}

// TestKeyBelow: a gate does not stand over a key file that a node without a gate would find.
func TestKeyBelow(t *testing.T) {
	n := newNode(t)
	write := func(path, text string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder := n.settings.Secret.Folder
	write(filepath.Join(folder, "public_key.pem"), "-----BEGIN PUBLIC KEY-----\n")
	for path, text := range map[string]string{n.key: "whatever it holds",
		filepath.Join(folder, "secret_key.pem"): "-----BEGIN PRIVATE KEY-----\n"} {
		write(path, text)
		for range 2 { // the second time it is hidden already
			p, why := launch(t, n.settings, n.socket)
			if p != nil || !strings.Contains(why, "a key file lies in") {
				t.Fatalf("the gate stands over %s: %s", path, why)
			}
		}
		if err := unix.Unmount(folder, 0); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	n.start()
	if !n.gets("validator", n.config) {
		t.Errorf("once it is moved away, a node does not get its key:\n%s", n.gate.log)
	}
}

// TestHungGateAndKey: a node that starts while the gate hangs does not hang with it.
func TestHungGateAndKey(t *testing.T) {
	n := newNode(t)
	n.start()
	if err := pulsetest.Halt(n.gate.cmd.Process); err != nil {
		t.Fatal(err)
	}
	log := n.watch(time.Second)
	if n.gets("validator", n.config) {
		t.Error("a hung gate gives the key")
	}
	log.await(t, "the gate does not answer", 1)
}
