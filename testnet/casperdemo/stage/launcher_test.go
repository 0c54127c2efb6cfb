package stage

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"casper-cosigner/testnet/localnet"
)

// aDefault is as little as localnet-defaults may print.
const aDefault = `{"config": {"node": {}, "logging": {"format": ""}, "consensus": {"secret_key_path": "",
	"remote_signer": null, "zug": {"sync_state_interval": ""}},
	"network": {"bind_address": "", "public_address": "", "known_addresses": [], "min_peers_for_initialization": 1},
	"rest_server": {"address": ""}, "event_stream_server": {"address": ""}, "binary_port_server": {"address": ""},
	"storage": {"path": "", "max_block_store_size": 1, "max_deploy_store_size": 1, "max_deploy_metadata_store_size": 1,
		"max_state_store_size": 1}, "contract_runtime": {"max_global_state_size": 1}},
"chainspec": {"protocol": {"version": "", "activation_point": "", "hard_reset": true, "global_state_update": null},
	"network": {"name": "", "maximum_net_message_size": 0, "accounts_config": {"accounts": []}},
	"core": {"era_duration": "", "minimum_era_height": 0, "minimum_block_time": "", "signature_rewards_max_delay": 0,
		"validator_slots": 0, "pricing_handling": {"type": "fixed"}},
	"transactions": {"v1": {"wasm_lanes": [[3, 1, 2, 6000000000000, 4]]}}}}`

// launched returns a launcher with one node, a shell script, and a folder of files that tell it
// what to do.
func launched(t *testing.T, script string) (*Launcher, *localnet.Node, string) {
	t.Helper()
	dir := t.TempDir()
	program := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\ncd '"+dir+"'\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	network, err := localnet.Setup(t.Context(), localnet.Config{Dir: filepath.Join(dir, "network"),
		Binary: program("node", script), Defaults: program("defaults", "cat <<'END'\n"+aDefault+"\nEND"),
		Validators: make([]localnet.Validator, 1)})
	if err != nil {
		t.Fatal(err)
	}
	n := network.Nodes[0]
	if err := n.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Kill() }) //nolint:errcheck // it ends with this program at the latest
	order := func(string) string { return filepath.Join(dir, "order") }
	return &Launcher{nodes: []*localnet.Node{n}, order: order}, n, order("")
}

// look has it look once, and returns what it did.
func look(t *testing.T, l *Launcher, n *localnet.Node) []string {
	t.Helper()
	if err := l.look(context.WithoutCancel(t.Context()), n); err != nil {
		t.Fatal(err)
	}
	return l.Told()
}

// TestLauncherStartsAgain: a node that ended by itself is started again, and it is said whether
// that was a known bug of it; one that was killed by hand is left.
func TestLauncherStartsAgain(t *testing.T) {
	for end, known := range map[string]int{"echo \"" + knownBug + " 1\"; exit 101": 1, "echo other; exit 101": 0,
		"echo \"" + knownBug + " 1\"; exit 1": 0} {
		l, n, _ := launched(t, "[ -e again ] && exec sleep 600\n> again\n"+end)
		if _, err := n.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		told := look(t, l, n)
		if len(told) != 1 || !strings.Contains(told[0], "ended by itself") ||
			strings.Contains(told[0], "known bug") != (known == 1) || !n.Running() || l.Bugs(Window{}) != known {
			t.Errorf("%s: told %q, running %v, %d known", end, told, n.Running(), l.Bugs(Window{}))
		}
		if l.Bugs(Window{From: time.Now().Add(time.Hour)}) != 0 {
			t.Errorf("%s: an end of another time counts", end)
		}
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
		if told := look(t, l, n); len(told) != 0 || n.Running() {
			t.Errorf("killed by hand: told %q, running %v", told, n.Running())
		}
	}
}

// TestLauncherObeysItsAgent: an order is followed once, and a node that runs is left without one.
func TestLauncherObeysItsAgent(t *testing.T) {
	l, n, order := launched(t, "exec sleep 600")
	before := n.PID()
	if told := look(t, l, n); len(told) != 0 || n.PID() != before {
		t.Errorf("without an order: told %q", told)
	}
	if err := os.WriteFile(order, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	told := append(look(t, l, n), look(t, l, n)...)
	if len(told) != 1 || !strings.Contains(told[0], "by order") || n.PID() == before || !n.Running() {
		t.Errorf("told %q, running %v", told, n.Running())
	}
	if exits := n.Exits(); !slices.ContainsFunc(exits, func(e localnet.Exit) bool { return e.Wanted }) {
		t.Errorf("the end by order counts as the node's own: %v", exits)
	}
}
