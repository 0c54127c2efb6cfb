package simnet

import (
	"path/filepath"

	"casper-cosigner/cluster"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/link"
)

// interpose puts a link between main's agent and each cosigner, in that agent's copy of
// the cluster file.
func (n *Network) interpose() error {
	return link.Rewire(filepath.Join(n.Cluster.Dir, testnet.Main, "cluster.toml"), func(f *cluster.File) error {
		for i := range f.Cosigners {
			to := &f.Cosigners[i]
			l, err := link.OnTCP(testnet.Main, to.Name, to.Address)
			if err != nil {
				return err
			}
			n.links = append(n.links, l)
			to.Address = l.Address()
		}
		return nil
	})
}

// Partition cuts main's agent off from the cosigners, or mends that. The standby's agent
// still reaches it.
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
