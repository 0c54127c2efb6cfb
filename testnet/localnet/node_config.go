package localnet

import (
	"fmt"
	"maps"
	"path/filepath"

	"casper-cosigner/stock/node"
)

// nodeConfig mends casper-node's default config, in place, into that of one node. Peers are the
// addresses of the others.
func nodeConfig(config node.Tree, n *Node, spec NodeConfig, peers []string) ([]byte, error) {
	values := node.Place{Storage: n.Storage(), Network: n.Network, REST: n.REST, Events: n.Events,
		BinaryPort: n.BinaryPort, Peers: peers}.Config()
	if s := spec.Signer; s != "" {
		values["consensus.secret_key_path"] = nil
		values["consensus.remote_signer"] = node.Tree{"socket": s, "public_key": n.Validator.String()}
	}
	maps.Copy(values, spec.Config)
	if err := config.SetAll(values); err != nil {
		return nil, fmt.Errorf("writing the config of %s: %w", n.Name, err)
	}
	return config.TOML()
}

// Storage is the folder of the node's databases. Its consensus state is below, in the
// folder of UnitFiles.
func (n *Node) Storage() string { return filepath.Join(n.Dir, "storage") }

// UnitFiles is the folder of the node's consensus state, with the messages of all validators that
// it received.
func (n *Node) UnitFiles() string { return node.UnitFiles(n.Storage(), n.chain) }
