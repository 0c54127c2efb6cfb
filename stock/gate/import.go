package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units"
)

// Imported is what came of an old unit file.
type Imported struct {
	Own  int   // messages of ours, all granted
	Size int64 // bytes that were kept
	Cut  int64 // bytes behind them that were not: no whole entries
}

// Import takes over a unit file that a node wrote without a gate. Each message of ours in it is
// claimed before anything is kept. If the slot of one holds another content, two were signed: then
// the gate does not start any more until somebody looked into it. The gate must not run meanwhile.
func (g *Gate) Import(ctx context.Context, path string) (Imported, error) {
	lock, err := g.Open()
	if err != nil {
		return Imported{}, err
	}
	defer lock.Close()
	name := filepath.Base(path)
	instance, err := journal.ParseName(name, g.settings.Key)
	if err != nil {
		return Imported{}, err
	}
	if g.names[name] != nil {
		return Imported{}, fmt.Errorf("the gate has a file %s already", name)
	}
	source, err := os.Open(path)
	if err != nil {
		return Imported{}, err
	}
	defer source.Close()
	done, own, err := g.survey(source, instance)
	if err != nil {
		return Imported{}, fmt.Errorf("reading %s: %w", path, err)
	}
	for _, m := range own {
		within, cancel := context.WithTimeout(ctx, g.settings.Patience)
		err := g.claim(within, m)
		cancel()
		if errors.Is(err, ErrBound) {
			err = errors.Join(fmt.Errorf("%s: %w: two messages were signed for one slot: keep the file, and do not "+
				"start this node", path, err), g.markConflict(path, m))
		}
		if err != nil {
			return Imported{}, err
		}
	}
	return done, g.takeOver(source, name, done.Size)
}

// survey tells how far a file is whole, and what in that is ours.
func (g *Gate) survey(source *os.File, instance casper.Hash) (done Imported, own []casper.Ballot, err error) {
	info, err := source.Stat()
	if err != nil {
		return Imported{}, nil, err
	}
	c, err := units.Scan(source, units.NewOwn(g.settings.Key, instance))
	if err != nil {
		return Imported{}, nil, err
	}
	if _, err := source.Seek(0, io.SeekStart); err != nil {
		return Imported{}, nil, err
	}
	end, err := journal.New(instance, g.settings.Key).Load(source)
	if err != nil {
		return Imported{}, nil, err
	}
	// Also what stands behind the cut was signed, if its signature says so.
	for _, e := range c.Ours {
		own = append(own, e.First.Ballot)
	}
	return Imported{Own: len(own), Size: end, Cut: info.Size() - end}, own, nil
}

// markConflict has no gate start with this folder.
func (g *Gate) markConflict(path string, m casper.Ballot) error {
	text := fmt.Sprintf("%s has %v, and that slot is bound to another content", path, m)
	return os.WriteFile(conflictFile(g.settings.State), []byte(text), 0o600)
}

// takeOver copies a file's whole entries. A copy that was interrupted is not in the folder yet.
func (g *Gate) takeOver(source *os.File, name string, size int64) error {
	part := filepath.Join(g.settings.State, "importing")
	to, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, io.NewSectionReader(source, 0, size))
	if err := errors.Join(err, to.Sync(), to.Close()); err != nil {
		return err
	}
	return os.Rename(part, filepath.Join(g.folder(), name))
}
