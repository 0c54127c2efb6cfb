package testnet

import (
	"fmt"
	"os"
	"path/filepath"

	"casper-cosigner/cluster"
	"casper-cosigner/stock/claim"
)

// Claims returns what the gate of a node claims with. It believes the cluster file of its host.
func (c *Cluster) Claims(node string) (*claim.Client, error) {
	text, err := os.ReadFile(filepath.Join(c.Dir, node, "cluster.toml"))
	if err != nil {
		return nil, fmt.Errorf("claiming for %s: %w", node, err)
	}
	f, err := cluster.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("claiming for %s: %w", node, err)
	}
	return claim.Dial(claim.Config{Socket: c.Socket(node), Attesters: f.Attesters()})
}

// Gate makes the settings of a gate for a stock node that looks for its unit files there, and
// returns its process, which is not of the cluster: who starts it ends it. It asks the node's
// agent.
func (c *Cluster) Gate(node, unitFiles string) (*Process, error) {
	config := filepath.Join(c.Dir, node, "gate.toml")
	text := fmt.Sprintf("cluster = 'cluster.toml'\nsocket = '%s'\nunit_files = '%s'\nfolder = 'gate'\n",
		c.Socket(node), unitFiles)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("making a gate for %s: %w", node, err)
	}
	return c.process(node+"-gate", "gate", "run", "--config", config), nil
}

// GateWatch returns the process that watches the node's gate, whose settings there must be. It is
// not of the cluster either.
func (c *Cluster) GateWatch(node string) *Process {
	return c.process(node+"-watch", "gate", "watch", "--config", filepath.Join(c.Dir, node, "gate.toml"))
}

// GateFolder is where the gate of a node keeps what was granted.
func (c *Cluster) GateFolder(node string) string {
	return filepath.Join(c.Dir, node, "gate", "unit_files")
}
