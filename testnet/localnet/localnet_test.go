package localnet

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/node"
)

// fakeDefaults writes a program that prints a document of the same form as localnet-defaults
// prints, with the keys that are set here and one each of what TOML takes differently.
func fakeDefaults(t *testing.T) string {
	t.Helper()
	const document = `{"config": {
		"node": {"trusted_hash": null, "chance": 0.25, "big": 18446744073709551615, "whole": 2.0},
		"logging": {"format": "text"},
		"consensus": {"secret_key_path": "x", "remote_signer": null, "zug": {"sync_state_interval": "1s"}},
		"network": {"bind_address": "", "public_address": "", "known_addresses": [], "min_peers_for_initialization": 1},
		"rest_server": {"address": ""}, "event_stream_server": {"address": ""}, "binary_port_server": {"address": ""},
		"storage": {"path": "", "max_block_store_size": 1, "max_deploy_store_size": 1, "max_deploy_metadata_store_size": 1,
			"max_state_store_size": 1},
		"contract_runtime": {"max_global_state_size": 1}
	}, "chainspec": {
		"protocol": {"version": "1.0.0", "activation_point": "", "hard_reset": true, "global_state_update": null},
		"network": {"name": "", "maximum_net_message_size": 0, "accounts_config": {"accounts": []}},
		"core": {"era_duration": "", "minimum_era_height": 0, "minimum_block_time": "", "signature_rewards_max_delay": 0,
			"validator_slots": 0, "pricing_handling": {"type": "fixed"}, "unbonding_delay": 7},
		"transactions": {"v1": {"wasm_lanes": [[3, 1, 2, 6000000000000, 4]]}}
	}}`
	path := filepath.Join(t.TempDir(), "localnet-defaults")
	if err := os.WriteFile(path, []byte("#!/bin/sh\ncat <<'END'\n"+document+"\nEND\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func readTOML(t *testing.T, path ...string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := toml.Unmarshal(text, &document); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return document
}

// at is the value at a path of keys with dots between them.
func at(document map[string]any, path string) any {
	var v any = document
	for key := range strings.SplitSeq(path, ".") {
		table, _ := v.(map[string]any)
		v = table[key]
	}
	return v
}

func TestSetup(t *testing.T) {
	const seed = 3
	foreign := ValidatorKey(99, 0).Public()
	network, err := Setup(t.Context(), Config{
		Dir: filepath.Join(t.TempDir(), "net"), Binary: "/bin/true", Defaults: fakeDefaults(t), Seed: seed,
		Validators: []Validator{{Bond: 7}, {}, {PublicKey: foreign}},
		Nodes: []NodeConfig{{}, {Validator: 1, Config: map[string]any{"network.min_peers_for_initialization": 2}},
			{Name: "main", Validator: 2, Signer: "/run/a.sock"}, {Name: "standby", Validator: 2, Signer: "/run/b.sock"}},
		Genesis: time.Now().Add(time.Minute), BlockTime: 8 * time.Second, EraDuration: 5 * time.Minute,
		Chainspec: map[string]any{"core.unbonding_delay": 9},
	})
	if err != nil {
		t.Fatal(err)
	}
	plain, main := network.Node("node-1"), network.Node("main")
	if plain == nil || main == nil || main.Validator != foreign || network.Node("standby").Validator != foreign {
		t.Fatalf("nodes %+v", network.Nodes)
	}
	for path, want := range map[string]any{
		"protocol.activation_point":    network.Genesis.UTC().Format("2006-01-02T15:04:05.000Z"),
		"protocol.hard_reset":          false,
		"core.minimum_block_time":      "8000ms",
		"core.minimum_era_height":      int64(5),
		"core.unbonding_delay":         int64(9),
		"core.pricing_handling.type":   "payment_limited",
		"network.accounts_config":      nil,
		"transactions.v1.wasm_lanes":   []any{[]any{int64(3), int64(1), int64(2), int64(6e12), int64(4)}},
		"protocol.global_state_update": nil,
	} {
		if got := at(readTOML(t, plain.Dir, "chainspec.toml"), path); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("chainspec %s is %v, want %v", path, got, want)
		}
	}
	accounts := readTOML(t, main.Dir, "accounts.toml")["accounts"].([]any)
	if len(accounts) != 4 || at(accounts[1].(map[string]any), "validator.bonded_amount") != "7" ||
		at(accounts[3].(map[string]any), "public_key") != foreign.String() {
		t.Errorf("accounts %v", accounts)
	}
	checkNodeConfigs(t, network, foreign)
	if _, err := Setup(t.Context(), Config{Dir: filepath.Dir(plain.Dir), Binary: "/bin/true", Defaults: fakeDefaults(t),
		Validators: make([]Validator, 1)}); err == nil {
		t.Error("a network was made over another")
	}
}

func checkNodeConfigs(t *testing.T, network *Network, foreign casper.PublicKey) {
	t.Helper()
	addresses := map[string]bool{}
	for i, n := range network.Nodes {
		config := readTOML(t, n.Dir, "config.toml")
		for _, path := range []string{"network.bind_address", "rest_server.address", "event_stream_server.address",
			"binary_port_server.address"} {
			addresses[fmt.Sprint(at(config, path))] = true
		}
		if known := at(config, "network.known_addresses").([]any); len(known) != 3 {
			t.Errorf("%s knows %v", n.Name, known)
		}
		if got := at(config, "node.trusted_hash"); got != nil {
			t.Errorf("%s: null became %v", n.Name, got)
		}
		if got := fmt.Sprint(at(config, "node.chance"), at(config, "node.big"),
			at(config, "node.whole")); got != "0.25 9223372036854775807 2" {
			t.Errorf("%s: numbers %s", n.Name, got)
		}
		_, err := os.Stat(filepath.Join(n.Dir, node.KeyFile))
		if i < 2 {
			if err != nil || at(config, "consensus.secret_key_path") != node.KeyFile ||
				at(config, "consensus.remote_signer") != nil {
				t.Errorf("%s: consensus %v, %v", n.Name, config["consensus"], err)
			}
			continue
		}
		if err == nil || at(config, "consensus.secret_key_path") != nil ||
			at(config, "consensus.remote_signer.public_key") != foreign.String() {
			t.Errorf("%s: consensus %v, key file: %v", n.Name, config["consensus"], err)
		}
	}
	if len(addresses) != 16 {
		t.Errorf("%d different addresses, want 16", len(addresses))
	}
	if got := at(readTOML(t, network.Nodes[1].Dir, "config.toml"),
		"network.min_peers_for_initialization"); got != int64(2) {
		t.Errorf("min_peers_for_initialization is %v", got)
	}
}

func TestSetupRefuses(t *testing.T) {
	good := Config{Dir: "d", Binary: "b", Defaults: "d", Validators: make([]Validator, 2)}
	tests := map[string]struct {
		change func(*Config)
		want   string
	}{
		"no validators":      {func(c *Config) { c.Validators = nil }, "no validator"},
		"rewards too late":   {func(c *Config) { c.MinimumEraHeight, c.RewardDelay = 5, 6 }, "below the reward delay"},
		"long ago":           {func(c *Config) { c.Genesis = time.Now().Add(-time.Hour) }, "no node would join"},
		"two of one name":    {func(c *Config) { c.Nodes = []NodeConfig{{Name: "a"}, {Name: "a"}} }, "two nodes are named a"},
		"nobody's node":      {func(c *Config) { c.Nodes = []NodeConfig{{Validator: 2}} }, "validator 2 of 2"},
		"no binary":          {func(c *Config) { c.Binary = "" }, "no binary"},
		"no defaults":        {func(c *Config) { c.Defaults = "" }, "localnet-defaults"},
		"a key we lack":      {func(c *Config) { c.Validators[0].PublicKey[0] = 1 }, "not ours to give"},
		"defaults not there": {func(c *Config) { c.Defaults = "/does/not/exist" }, "asking /does/not/exist"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := good
			c.Validators = make([]Validator, 2)
			test.change(&c)
			if _, err := Setup(t.Context(), c); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestSetRefusesWhatIsNotThere(t *testing.T) {
	document := node.Tree{"a": node.Tree{"b": nil, "c": int64(1)}}
	if err := document.SetAll(map[string]any{"a.b": 1}); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"a.d", "d", "a.c.d", "e.f"} {
		if document.Set(path, 1) == nil {
			t.Errorf("%s was set", path)
		}
	}
}
