// Package node makes the files of a casper-node of a throw-away network, and the command that
// starts it as casper-node-launcher does.
//
// It promises that a node which is started here reads its settings from its file alone, and dies
// with the program that started it. It leaves to others which network that is, and what becomes of
// the process.
package node

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"casper-cosigner/rule/casper"
)

// KeyFile is the name of a node's key, beside its config.
const KeyFile = "secret_key.pem"

// lmdbSize is the most that each of a node's databases may hold, in bytes; a day of empty blocks
// needs far less. The default is hundreds of gigabytes. The files are sparse and as long as this
// from the start, so whoever searches a folder for a key reads their holes too.
const lmdbSize = 512 << 20

// Place is where a node of a throw-away network keeps things and listens.
type Place struct {
	Storage string // the folder of its databases

	// As host:port.
	Network, REST, Events, BinaryPort string

	Peers []string // the Network of the others
}

// Config is what a Place comes to in config.toml, by path.
func (p Place) Config() map[string]any {
	return map[string]any{
		"logging.format": "json",

		"consensus.secret_key_path": KeyFile,
		// At the default of a second a restarted node needs seconds for each round of the era.
		"consensus.zug.sync_state_interval": "50ms",

		"network.bind_address":    p.Network,
		"network.public_address":  p.Network,
		"network.known_addresses": p.Peers,

		"rest_server.address":         p.REST,
		"event_stream_server.address": p.Events,
		"binary_port_server.address":  p.BinaryPort,

		"storage.path":                           p.Storage,
		"storage.max_block_store_size":           lmdbSize,
		"storage.max_deploy_store_size":          lmdbSize,
		"storage.max_deploy_metadata_store_size": lmdbSize,
		"storage.max_state_store_size":           lmdbSize,
		"contract_runtime.max_global_state_size": lmdbSize,
	}
}

// UnitFiles is the folder of a node's consensus state (write-ahead logs), one file per era, with
// the messages of all validators that it received (casper-node era_supervisor.rs). Files older than
// two eras are deleted.
func UnitFiles(storage, chain string) string { return filepath.Join(storage, chain, "unit_files") }

// Chain is what a throw-away network is, besides its validators.
type Chain struct {
	Name             string
	Genesis          time.Time
	BlockTime        time.Duration
	EraDuration      time.Duration
	MinimumEraHeight uint64 // blocks
}

// Chainspec is what a Chain comes to in chainspec.toml, by path.
func (c Chain) Chainspec() map[string]any {
	return map[string]any{
		"protocol.activation_point": c.Genesis.UTC().Format("2006-01-02T15:04:05.000Z"),
		// Else every start would throw the chain away from era 0 on.
		"protocol.hard_reset": false,

		"network.name": c.Name,

		"core.era_duration":       Duration(c.EraDuration),
		"core.minimum_era_height": c.MinimumEraHeight,
		"core.minimum_block_time": Duration(c.BlockTime),
	}
}

// Tokens, in motes. Every node panics at the first rewarded switch block if the supply is below
// 4.2e18 motes, with the default seigniorage rate (casper-node rewards.rs: a denominator of 0), so
// the faucet holds far more than that.
const (
	faucetBalance    = "1000000000000000000000000000"
	validatorBalance = "1000000000000000000"
)

// Bonded is a validator from the genesis on.
type Bonded struct {
	Key  fmt.Stringer
	Bond uint64 // its weight, in motes
}

// Accounts returns accounts.toml: one with nearly all of the tokens, and the validators
// (casper-types chainspec/accounts_config).
func Accounts(faucet fmt.Stringer, validators []Bonded) []byte {
	var b strings.Builder
	account := func(key fmt.Stringer, balance string) {
		fmt.Fprintf(&b, "[[accounts]]\npublic_key = '%s'\nbalance = '%s'\n", key, balance)
	}
	account(faucet, faucetBalance)
	for _, v := range validators {
		b.WriteString("\n")
		account(v.Key, validatorBalance)
		fmt.Fprintf(&b, "\n[accounts.validator]\nbonded_amount = '%d'\n", v.Bond)
	}
	return []byte(b.String())
}

// Duration writes a time span as casper-types reads it (timestamp.rs, the format of the
// humantime crate).
func Duration(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }

// Public returns the public key of a key.
func Public(k ed25519.PrivateKey) casper.PublicKey {
	return casper.PublicKey(k.Public().(ed25519.PublicKey))
}

// PEM returns the text of a secret_key.pem: one PRIVATE KEY block with PKCS#8 version 1
// (casper-types asymmetric_key.rs).
func PEM(k ed25519.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, fmt.Errorf("encoding a secret key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Command is that which starts a node whose config.toml is in dir. It is killed when ctx ends, and
// by the system when this program dies. What would change its settings past the file, or its code,
// does not reach it: NODE_CONFIG, and the loader's LD_.
func Command(ctx context.Context, binary, dir string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, "validator", filepath.Join(dir, "config.toml"))
	cmd.Dir = dir
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "NODE_CONFIG=") && !strings.HasPrefix(e, "LD_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, "RUST_LOG=info")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true, // an interrupt from the terminal is for this program, which then ends the others in order
		Pdeathsig: syscall.SIGKILL,
	}
	return cmd
}
