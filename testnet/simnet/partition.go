package simnet

import (
	"fmt"
	"os"
	"path/filepath"

	"casper-cosigner/cluster"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/link"
)

// interpose puts a link between main's agent and each cosigner, in that agent's copy of the cluster file.
func (n *Network) interpose() error {
	path := filepath.Join(n.Cluster.Dir, testnet.Main, "cluster.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("interposing: %w", err)
	}
	file, err := cluster.Parse(text)
	if err != nil {
		return fmt.Errorf("interposing: %w", err)
	}
	for i := range file.Cosigners {
		to := &file.Cosigners[i]
		l, err := link.OnTCP(testnet.Main, to.Name, to.Address)
		if err != nil {
			return err
		}
		n.links = append(n.links, l)
		to.Address = l.Address()
	}
	if text, err = file.Encode(); err != nil {
		return fmt.Errorf("interposing: %w", err)
	}
	return os.WriteFile(path, text, 0o600)
}

// Partition cuts main's agent off from the cosigners, or mends that. The standby's agent still reaches it.
func (n *Network) Partition(cut bool) {
	for _, l := range n.links {
		if cut {
			l.Cut()
			l.Sever()
		} else {
			l.Mend()
		}
	}
}
