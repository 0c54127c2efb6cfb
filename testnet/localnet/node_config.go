package localnet

import (
	"fmt"
	"maps"
	"path/filepath"
)

// lmdbSize is the most that each of a node's databases may hold, in bytes; a day of empty blocks
// needs far less. The default is hundreds of gigabytes. The files are sparse and as long as this
// from the start, so whoever searches a folder for a key reads their holes too.
const lmdbSize = 512 << 20

// nodeConfig mends casper-node's default config, in place, into that of one node. Peers are the
// addresses of the others.
func nodeConfig(config tree, n *Node, spec NodeConfig, peers []string) ([]byte, error) {
	values := map[string]any{
		"logging.format": "json",

		"consensus.secret_key_path": keyFile,
		// At the default of a second a restarted node needs seconds for each round of the era.
		"consensus.zug.sync_state_interval": "50ms",

		"network.bind_address":    n.Network,
		"network.public_address":  n.Network,
		"network.known_addresses": peers,

		"rest_server.address":         n.REST,
		"event_stream_server.address": n.Events,
		"binary_port_server.address":  n.BinaryPort,

		"storage.path":                           n.Storage(),
		"storage.max_block_store_size":           lmdbSize,
		"storage.max_deploy_store_size":          lmdbSize,
		"storage.max_deploy_metadata_store_size": lmdbSize,
		"storage.max_state_store_size":           lmdbSize,
		"contract_runtime.max_global_state_size": lmdbSize,
	}
	if s := spec.Signer; s != "" {
		values["consensus.secret_key_path"] = nil
		values["consensus.remote_signer"] = tree{"socket": s, "public_key": n.Validator.String()}
	}
	maps.Copy(values, spec.Config)
	if err := config.setAll(values); err != nil {
		return nil, fmt.Errorf("writing the config of %s: %w", n.Name, err)
	}
	return config.toml()
}

// keyFile is the name of a node's key, beside its config.
const keyFile = "secret_key.pem"

// Storage is the folder of the node's databases. Its consensus state is below, in the
// folder of UnitFiles.
func (n *Node) Storage() string { return filepath.Join(n.Dir, "storage") }

// UnitFiles is the folder of the node's consensus state (write-ahead logs), one file per era, with
// the messages of all validators that it received (casper-node era_supervisor.rs). Files older than
// two eras are deleted.
func (n *Node) UnitFiles() string { return filepath.Join(n.Storage(), n.chain, "unit_files") }
