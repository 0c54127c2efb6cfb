package daemon

import (
	"errors"
	"fmt"
	"path/filepath"

	"casper-cosigner/cosigner"
	"casper-cosigner/raftstore"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

// errStarted says that a first era and height no longer counts.
var errStarted = errors.New("the cluster has started, as far as this cosigner knows: where it starts is settled, and " +
	"`casper-cosigner watermark floor --from-node` raises what may be signed: if anything with the PEM ran since, that " +
	"comes first, before any node is started. If the others take no part in that founding, the " +
	"cluster is founded anew, with all cosigners: docs/recovery.md, \"The cluster founded anew\". Nothing was changed")

// Restate has a cosigner that does not run, and whose cluster has not started, state another first
// era and height. The others go on taking its state directory for the one that they met.
func (f *CosignerFile) Restate(self Host, first watermark.Mark) error {
	return statedir.Restate(f.StatePath(), first, f.unstarted(self))
}

// CheckRestate says why Restate would refuse now, before anybody is asked for anything.
func (f *CosignerFile) CheckRestate(self Host) error {
	return statedir.CheckRestate(f.StatePath(), f.unstarted(self))
}

// unstarted says what shows that this cosigner's cluster may have started, or that the directory is
// not its own.
func (f *CosignerFile) unstarted(self Host) func(statedir.Identity, statedir.ID) error {
	return func(id statedir.Identity, directory statedir.ID) error {
		if id.Cluster != statedir.ID(self.Cluster.ID) || id.Name != self.Name {
			return fmt.Errorf("it is the directory of %q in cluster %v, not of %q in cluster %x", id.Name, id.Cluster,
				self.Name, []byte(self.Cluster.ID))
		}
		path := f.StatePath()
		started, err := raftstore.HoldsCommands(filepath.Join(path, "raft"))
		if err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
		if started {
			return errStarted
		}
		return cosigner.CheckUnused(cosigner.LedgerConfig{Path: filepath.Join(path, "ledger"), Directory: directory})
	}
}
