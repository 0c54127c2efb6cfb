package daemon

import (
	"errors"
	"fmt"

	"casper-cosigner/rule/witness"
	"casper-cosigner/statedir"
)

// Readmit has this cosigner, which does not run, let in another one again whose copied or restored
// directory it refuses, if the directory whose starts are in the file holds all that was seen of
// it. It reports whether that one was kept out for good.
func (f *CosignerFile) Readmit(self Host, peer, file string, check bool) (was bool, err error) {
	if _, ok := self.Cluster.Cosigner(peer); !ok || peer == self.Name {
		return false, fmt.Errorf("%q is no other cosigner of the cluster file", peer)
	}
	line, err := statedir.ReadStarts(file)
	if err != nil {
		return false, err
	}
	was, err = statedir.Readmit(f.StatePath(), peer, line, func(seen statedir.Sighting) error {
		last := witness.Statement{Boot: seen.Boot, Session: witness.ID(seen.Session), Applied: seen.Highest,
			Written: seen.Wrote}
		if why := witness.Continues(startsOf(line), last); why != "" {
			return errors.New(why)
		}
		if check {
			return errOnlyChecked
		}
		return nil
	})
	if errors.Is(err, errOnlyChecked) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("letting cosigner %s in again: %w", peer, err)
	}
	return was, nil
}

// errOnlyChecked keeps what was found to agree from being written.
var errOnlyChecked = errors.New("only checked")

func startsOf(line []statedir.Start) (all []witness.Start) {
	for _, o := range line {
		all = append(all, witness.Start{Boot: o.Boot, Session: witness.ID(o.Session), Opened: o.Opened, Written: o.Written,
			Since: o.Since})
	}
	return all
}
