package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"casper-cosigner/stock/launcher"
	"casper-cosigner/testnet/casperdemo/stage"
	"casper-cosigner/testnet/localnet"
)

// aNode ends as a casper-node does that has the next version beside it, and cleanly as that one.
const aNode = `#!/bin/sh
echo "$1" "$2" >> "$(dirname "$0")/../../ran"
case "$1 $2" in "validator "*2_0_4*) exit 103;; esac
`

// TestLaunch: each node has a launcher of its own, which takes it from the version that it runs to
// the one that is staged beside it, with migrate-data between them.
func TestLaunch(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "casper-node")
	if err := os.WriteFile(program, []byte(aNode), 0o700); err != nil {
		t.Fatal(err)
	}
	d := &demo{Stage: &stage.Stage{Options: stage.Options{Node: program}, Dir: dir}}
	network := &localnet.Network{}
	c := localnet.Config{Dir: filepath.Join(dir, "network")}
	for _, name := range []string{"one", "another"} {
		n := &localnet.Node{Name: name, Dir: filepath.Join(c.Dir, name)}
		if err := os.MkdirAll(n.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"config.toml", "accounts.toml", "secret_key.pem"} {
			if err := os.WriteFile(filepath.Join(n.Dir, file), []byte(name), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		spec := "[protocol]\nversion = '2.0.3'\nactivation_point = 0\n"
		if err := os.WriteFile(filepath.Join(n.Dir, "chainspec.toml"), []byte(spec), 0o600); err != nil {
			t.Fatal(err)
		}
		network.Nodes = append(network.Nodes, n)
		c.Nodes = append(c.Nodes, localnet.NodeConfig{Name: name})
	}
	d.launched(&c)
	d.stageOld(network)
	if d.stageErr != nil {
		t.Fatal(d.stageErr)
	}
	if err := d.stage(network, newVersion, map[string]any{"protocol.version": "2.0.4"}); err != nil {
		t.Fatal(err)
	}
	for i, n := range network.Nodes {
		text, err := os.ReadFile(c.Nodes[i].Binary)
		if err != nil || !strings.Contains(string(text), launching+"='"+n.Dir+"' exec ") {
			t.Errorf("%s is started by %q, %v", n.Name, text, err)
		}
		f := staged(n.Dir)
		// The stand-in takes the highest version if nothing says which ran.
		state := "mode = 'RunNodeAsValidator'\nversion = '2.0.3'\nbinary_path = '" + f.Binary(oldVersion) +
			"'\nconfig_path = '" + f.Config(oldVersion) + "'\n"
		if err := os.WriteFile(filepath.Join(f.Settings, launcher.StateFile), []byte(state), 0o600); err != nil {
			t.Fatal(err)
		}
		if code := launch(n.Dir); code != 0 {
			t.Errorf("%s: the launcher exits with %d", n.Name, code)
		}
		if now, ok, err := f.State(); err != nil || !ok || now.Version != newVersion.String() {
			t.Errorf("%s: state %+v, %v", n.Name, now, err)
		}
		ran, err := os.ReadFile(filepath.Join(n.Dir, "launcher", "ran"))
		want := "validator " + f.Config(oldVersion) + "\nmigrate-data --old-config\nvalidator " + f.Config(newVersion) + "\n"
		if err != nil || string(ran) != want {
			t.Errorf("%s ran %q, %v", n.Name, ran, err)
		}
		spec, err := os.ReadFile(filepath.Join(filepath.Dir(f.Config(newVersion)), "chainspec.toml"))
		if err != nil || !strings.Contains(string(spec), "2.0.4") {
			t.Errorf("%s: the chainspec of the new version is %q, %v", n.Name, spec, err)
		}
	}
}
