package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units"
)

// ErrUnread says that part of an old unit file cannot be read, so that nobody knows what was signed
// there.
var ErrUnread = errors.New("what stands behind it cannot be read and may have been sent, so it cannot be claimed: " +
	"stop the other node too, have `watermark floor --from-node` set the floor, move the file away, and start both once " +
	"the chain is in the floor's era")

// ErrNever is in the chain of an Asker's error if the slot is free, and nothing is granted there to
// this node any more, however often it asks.
var ErrNever = errors.New("the slot is free and is not granted any more")

// Imported is what came of an old unit file.
type Imported struct {
	Own   int   // messages of ours, all granted
	Size  int64 // bytes that are whole entries
	Cut   int64 // bytes behind them that are not
	Had   bool  // the gate had a file of that era, and keeps it
	Added int   // messages of ours that this one lacked, and has now
}

// Old is what came of one of several old unit files.
type Old struct {
	Path string
	Imported
	Err error // nil if all of ours in it is granted, and kept
}

// Eras tells which era an instance is of.
type Eras interface {
	// Era must return when ctx ends.
	Era(ctx context.Context, instance casper.Hash) (uint64, error)
}

// Import takes over unit files that a node wrote without a gate: those of these paths, and those
// in a folder. Each message of ours in one is claimed before anything of it is kept. If the slot
// of one holds another content, two were signed: then the gate does not start any more until
// somebody looked into it, which is an error, and so is each later time. The gate must not run
// meanwhile, nor the node: while somebody writes unit files there a file is refused.
//
// Whatever fails, all files are tried: what is claimed nobody else of the pair contradicts. If the
// gate has a file of that era, what of ours that lacks is added.
func (g *Gate) Import(ctx context.Context, eras Eras, paths ...string) ([]Old, error) {
	lock, err := g.take()
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	all, err := filesOf(paths)
	if err != nil {
		return nil, err
	}
	g.newestFirst(ctx, eras, all)
	for i := range all {
		all[i].Imported, all[i].Err = g.importOne(ctx, all[i].Path)
	}
	return all, g.contradicted()
}

// filesOf returns the files, and for a folder the unit files in it.
func filesOf(paths []string) (all []Old, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || !info.IsDir() { // what cannot be found is told beside the others
			all = append(all, Old{Path: path})
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), "unit_") {
				all = append(all, Old{Path: filepath.Join(path, e.Name())})
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there is no unit file in %s", strings.Join(paths, ", "))
	}
	return all, nil
}

// newestFirst sorts files by their eras. The time that passed since anything was claimed lets the
// watermark move up by all eras that a node can have signed, but once: of what is left over no more
// is kept than a short burst. What is below the newest era then costs nothing. A file whose era is
// not known comes last.
func (g *Gate) newestFirst(ctx context.Context, eras Eras, all []Old) {
	known := map[string]uint64{}
	for _, f := range all {
		instance, err := journal.ParseName(filepath.Base(f.Path), g.settings.Key)
		if err != nil {
			continue
		}
		within, cancel := context.WithTimeout(ctx, refusedWait)
		if era, err := eras.Era(within, instance); err == nil {
			known[f.Path] = era + 1
		}
		cancel()
	}
	slices.SortStableFunc(all, func(a, b Old) int { return cmp.Compare(known[b.Path], known[a.Path]) })
}

func (g *Gate) importOne(ctx context.Context, path string) (Imported, error) {
	name := filepath.Base(path)
	instance, err := journal.ParseName(name, g.settings.Key)
	if err != nil {
		return Imported{}, err
	}
	folder, err := beside(path)
	if err != nil {
		return Imported{}, err
	}
	defer folder.Close()
	source, err := openStill(unix.AT_FDCWD, path)
	if err != nil {
		return Imported{}, err
	}
	defer source.Close()
	if f := g.names[name]; f != nil {
		if same, err := source.beginOf(f.path()); err != nil || same {
			return Imported{Had: true, Size: source.before.Size}, errors.Join(err, source.unchanged())
		}
	}
	done, own, err := g.survey(source.File, instance)
	if err != nil && !errors.Is(err, ErrUnread) { // what can be read is claimed all the same
		return Imported{}, fmt.Errorf("reading it: %w", err)
	}
	proofs, failed := g.claimOld(ctx, path, own)
	if err := errors.Join(failed, err, source.unchanged(), folder.unchanged()); err != nil {
		return Imported{}, err
	}
	if f := g.names[name]; f != nil {
		done.Had = true
		done.Added, err = g.mergeOld(f, path, own, proofs)
		return done, err
	}
	return done, g.takeOver(source.File, name, done.Size)
}

// Once one message of an old file was refused, another one waits no longer than this; and after so
// many in a row no more are claimed: nothing of that era is granted yet, or nobody answers. What is
// never granted does not count: a slot that holds another content may stand behind it.
const (
	refusedWait  = time.Second
	refusedInRow = 16
)

// claimOld claims what was signed without a gate, and returns the proof of each. It goes on where a
// slot holds another content, and where one is refused: what is claimed nobody else of the pair
// contradicts.
func (g *Gate) claimOld(ctx context.Context, path string, own []casper.Ballot) (proofs []attest.Proof, err error) {
	var conflicts, refused, never []error
	wait, inRow, claimed := g.settings.Patience, 0, 0
	for ; claimed < len(own) && inRow < refusedInRow && ctx.Err() == nil; claimed++ {
		within, cancel := context.WithTimeout(ctx, wait)
		proof, err := g.prove(within, own[claimed])
		cancel()
		switch {
		case err == nil:
			proofs, inRow = append(proofs, proof), 0
		case errors.Is(err, ErrBound):
			conflicts, inRow = append(conflicts, err), 0
		case errors.Is(err, ErrNever):
			never = append(never, err)
		default:
			refused, inRow = append(refused, err), inRow+1
			wait = min(wait, refusedWait)
		}
	}
	if conflicts != nil {
		err = g.conflict(path, conflicts)
	}
	if refused = append(refused, never...); refused != nil {
		err = errors.Join(err, fmt.Errorf("nothing is kept: of %d messages of ours that were claimed, of %d, "+
			"%d were not granted, and the first one is told: %w", claimed, len(own), len(refused), refused[0]))
	}
	return proofs, cmp.Or(err, ctx.Err())
}

// mergeOld adds what of ours the gate's own file of that era lacks, all of which is granted.
func (g *Gate) mergeOld(f *file, path string, own []casper.Ballot, proofs []attest.Proof) (added int, err error) {
	if err := f.open(); err != nil {
		return 0, err
	}
	defer f.close()
	before := f.held.Own()
	err = f.add(own, proofs)
	if errors.Is(err, journal.ErrContradicts) {
		return 0, g.conflict(path, []error{fmt.Errorf("%w: %w", ErrBound, err)})
	}
	if err != nil {
		return 0, err
	}
	return f.held.Own() - before, f.store.Sync()
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
	if c.Damage != nil {
		return Imported{}, own, fmt.Errorf("%w: %w", c.Damage, ErrUnread)
	}
	return Imported{Own: len(own), Size: end, Cut: info.Size() - end}, own, nil
}

// conflict has no gate start with this folder, and says why.
func (g *Gate) conflict(path string, all []error) error {
	known, _ := os.ReadFile(conflictFile(g.settings.State))
	line := fmt.Sprintf("%s: %v\n", path, all[0])
	err := os.WriteFile(conflictFile(g.settings.State), []byte(strings.ReplaceAll(string(known), line, "")+line), 0o600)
	return errors.Join(fmt.Errorf("ALARM: two messages of our key were signed for one slot, and both may have been sent "+
		"(%d such slots, the first one is told): %w. Keep %s, stop all our nodes, have `watermark floor --from-node` set "+
		"the floor, start none before the chain is in the floor's era, and find out which process signed without its gate",
		len(all), all[0], path), err)
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
	if err := os.Rename(part, filepath.Join(g.folder(), name)); err != nil {
		return err
	}
	g.enter(name)
	return nil
}
