package raftstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/hashicorp/raft"

	"casper-cosigner/statedir"
)

// Names within Config.Path.
const (
	databaseFile = "raft.db"
	snapshotsDir = "snapshots" // as raft.FileSnapshotStore calls it
)

// LostStateError is returned by Open for a directory that has run before and whose log or votes are
// gone, damaged or another directory's.
type LostStateError struct {
	Path   string // the store's directory
	Reason string // what is missing
}

// Error says what is lost, what is at stake and what to do.
func (e *LostStateError) Error() string {
	return fmt.Sprintf("the Raft log in %s is lost: %s. This cosigner has run before, so votes and claims that it "+
		"answered for are gone, and with an empty log it could make the validator sign twice. Do not initialise "+
		"the directory again, do not put a copy or a backup in its place and do not start it as a first run: the "+
		"other cosigners refuse it. Leave it stopped and keep its share file; the others go on signing while a quorum "+
		"of them is left. What to do: docs/recovery.md, \"One cosigner is lost\"", e.Path, e.Reason)
}

func (c Config) lost(reason string, args ...any) error {
	return &LostStateError{Path: c.Path, Reason: fmt.Sprintf(reason, args...)}
}

// disk is what a store keeps on disk.
type disk struct {
	database  checked // below log
	log       *logStore
	snapshots snapshotStore
	last      uint64 // last entry, or that of the last snapshot, when it was opened
}

// openDisk opens the log, which it starts on a first run and on no other.
func openDisk(c Config, h *halt, l *hcLogger) (*disk, error) {
	path := filepath.Join(c.Path, databaseFile)
	if !c.FirstRun {
		// Opening would make a file that is not there.
		if info, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return nil, c.lost("%s is missing", databaseFile)
		} else if err == nil && info.Size() == 0 {
			return nil, c.lost("%s is empty", databaseFile)
		}
	}
	if err := os.MkdirAll(c.Path, 0o700); err != nil {
		return nil, err
	}
	if err := removeUnfinished(filepath.Join(c.Path, snapshotsDir)); err != nil {
		return nil, err
	}
	files, err := raft.NewFileSnapshotStoreWithLogger(c.Path, keptSnapshots+1, l)
	if err != nil {
		return nil, err
	}
	kept, err := raft.NewFileSnapshotStoreWithLogger(c.Path, keptSnapshots, l)
	if err != nil {
		return nil, err
	}
	return openFiles(c, h, snapshotStore{SnapshotStore: files, watchdog: c.Watchdog, reap: kept.ReapSnapshots,
		path: filepath.Join(c.Path, snapshotsDir)})
}

// openFiles opens the database and checks it. bbolt follows whatever a damaged page points to, and
// panics; memory that it maps beyond the end of a file that was cut off is a fault.
func openFiles(c Config, h *halt, files snapshotStore) (_ *disk, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = c.lost("%s cannot be read: %v", databaseFile, p)
		}
	}()
	path := filepath.Join(c.Path, databaseFile)
	open := openBolt
	if c.openDB != nil {
		open = c.openDB
	}
	raw, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	db := checked{raw}
	d := &disk{
		database: db,
		log: &logStore{database: db, watchdog: c.Watchdog, halt: h, voters: c.Voters, first: c.first(),
			name: c.Name, mayFollow: c.MayFollow, refusals: newRefusals(c.Log, c.Now)},
	}
	d.snapshots = files
	d.snapshots.log = d.log
	if err := d.check(c); err != nil {
		return nil, errors.Join(err, d.log.Close())
	}
	return d, nil
}

// removeUnfinished removes what a crash left of snapshots that were being written.
func removeUnfinished(path string) error {
	found, err := filepath.Glob(filepath.Join(path, "*.tmp"))
	for _, f := range found {
		err = errors.Join(err, os.RemoveAll(f))
	}
	return err
}

// check refuses a log that has lost something, after it has started one if this is the first run
// and has deleted what a snapshot took the place of. It writes nothing to one that is not ours.
func (d *disk) check(c Config) error {
	_, last, snapshot, err := d.extent()
	if err != nil {
		return err
	}
	switch {
	case c.FirstRun && last <= 1 && snapshot == 0: // cut short, a first run leaves an entry at most
		if err := d.bootstrap(c); err != nil {
			return fmt.Errorf("starting the log: %w", err)
		}
	case last == 0 && snapshot == 0:
		return c.lost("it has neither an entry nor a snapshot")
	default:
		if err := d.checkFiles(c, last, snapshot); err != nil {
			return err
		}
	}
	if err := d.deleteStale(); err != nil {
		return fmt.Errorf("deleting what lies below the newest snapshot: %w", err)
	}
	first, last, snapshot, err := d.extent()
	if err != nil {
		return err
	}
	if first > snapshot+1 {
		return c.lost("it begins at entry %d, and the newest snapshot ends at %d", first, snapshot)
	}
	d.last = max(last, snapshot)
	return d.checkContent(c, first, last)
}

// checkFiles refuses a database or a mark that is another directory's, and one without the other.
// A database of an earlier version belongs to nobody yet. It becomes ours, and is given checksums
// and a mark; its owner comes last, so that all of it is done again if it is cut short.
func (d *disk) checkFiles(c Config, last, snapshot uint64) error {
	earlier, err := d.checkOwner(c)
	if err != nil {
		return err
	}
	if earlier {
		if err := d.database.seal(d.log.guard); err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(c.Path, markFile)); errors.Is(err, os.ErrNotExist) {
			if err := createMark(c.Path, c.directory(), reached{last: last}); err != nil {
				return err
			}
		}
	}
	d.log.mark, err = openMark(c.Path, c.directory())
	switch {
	case errors.Is(err, os.ErrNotExist):
		return c.lost("%s is missing", markFile)
	case err != nil:
		return c.lost("%v", err)
	}
	if !earlier && d.wentBack(last) {
		return errWentBack
	}
	if err := d.checkMark(c, max(last, snapshot)); err != nil || !earlier {
		return err
	}
	return d.own(c)
}

// errWentBack is no LostStateError, whose advice would have a sound cosigner thrown away.
var errWentBack = errors.New("an earlier version has written to " + databaseFile + " since this one gave it " +
	"checksums, and what it wrote has none, so that damage could not be told. Nothing is known to be lost: go on " +
	"with that version")

// wentBack reports whether an earlier version wrote the term or the last entry, which is not below
// what there was before.
func (d *disk) wentBack(last uint64) bool {
	raw, had := d.database.database, d.log.mark.reached
	if term, err := raw.Get([]byte(keyTerm)); err == nil && len(term) == 8 {
		return last >= had.last && binary.BigEndian.Uint64(term) >= had.term
	}
	var l raft.Log
	return last > had.last && raw.GetLog(last, &l) == nil && l.Index == last && len(l.Extensions) == 0
}

// checkOwner refuses the database of another directory, and reports whether it is of an earlier
// version.
func (d *disk) checkOwner(c Config) (earlier bool, err error) {
	own := c.directory()
	owner, err := d.log.Get([]byte(keyDirectory))
	switch {
	case absent(err):
		return true, nil
	case errors.Is(err, errDamaged):
		return false, c.lost("%v", err)
	case err != nil:
		return false, err
	case !bytes.Equal(owner, own[:]):
		return false, c.lost("%s belongs to the state directory with the id %x, and this is %s", databaseFile, owner, own)
	}
	return false, nil
}

// own writes whose database it is.
func (d *disk) own(c Config) error {
	id := c.directory()
	return d.log.Set([]byte(keyDirectory), id[:])
}

// checkMark refuses a database that has less than it had.
func (d *disk) checkMark(c Config, last uint64) error {
	term, vote, err := d.log.terms()
	if err != nil {
		return c.lost("%v", err)
	}
	has, had := reached{last: last, term: term, vote: vote}, d.log.mark.reached
	if has.last < had.last || has.term < had.term || has.vote < had.vote {
		return c.lost("it ends at entry %d, has the term %d and voted in the term %d, and %s says that it had %d, %d and %d",
			has.last, has.term, has.vote, markFile, had.last, had.term, had.vote)
	}
	if has.last < had.applied { // a snapshot that took the place of the log
		return c.lost("it ends at entry %d, its newest snapshot included, and %s says that entry %d was applied", has.last,
			markFile, had.applied)
	}
	return nil
}

// checkContent reads every entry, the term and the vote.
func (d *disk) checkContent(c Config, first, last uint64) error {
	_, highest, err := d.newest()
	if err != nil {
		return err
	}
	var l raft.Log
	for i := first; i <= last && i > 0; i++ {
		before := l.Term
		if err := d.database.GetLog(i, &l); err != nil {
			return c.lost("entry %d: %v", i, err)
		}
		if l.Term < before {
			return c.lost("entry %d has the term %d, the one before it %d", i, l.Term, before)
		}
	}
	highest = max(highest, l.Term)
	term, vote, err := d.log.terms()
	if err != nil {
		return c.lost("%v", err)
	}
	if term < highest {
		return c.lost("its term is %d, and it has an entry of the term %d", term, highest)
	}
	if vote > term {
		return c.lost("its term is %d, and it has voted in the term %d", term, vote)
	}
	return nil
}

// newest returns the index and the term of the newest snapshot's last entry, 0 without one.
func (d *disk) newest() (index, term uint64, err error) {
	snapshots, err := d.snapshots.List()
	if err != nil || len(snapshots) == 0 {
		return 0, 0, err
	}
	return snapshots[0].Index, snapshots[0].Term, nil
}

// extent returns the first and last entry and the end of the newest snapshot, 0 for none.
func (d *disk) extent() (first, last, snapshot uint64, err error) {
	first, err = d.log.FirstIndex()
	if err != nil {
		return 0, 0, 0, err
	}
	last, err = d.log.LastIndex()
	if err != nil {
		return 0, 0, 0, err
	}
	snapshot, _, err = d.newest()
	return first, last, snapshot, err
}

// deleteStale deletes the log if it reaches below the newest snapshot and does not hold the
// snapshot's own last entry. Then another member made the snapshot, and we crashed between
// installing it and deleting the log. What is left of that may differ from what was committed; this
// member would lead on with it and send it to others.
func (d *disk) deleteStale() error {
	snapshot, term, err := d.newest()
	if err != nil {
		return err
	}
	first, last, _, err := d.extent()
	if err != nil || first == 0 || first > snapshot {
		return err
	}
	if last >= snapshot {
		var same raft.Log
		if err := d.log.GetLog(snapshot, &same); err != nil || same.Term == term {
			return err
		}
	}
	d.log.replaced.Store(true)
	return d.log.DeleteRange(first, last)
}

// bootstrap writes the first entry, the voters, which is the same on all of them. If it is cut
// short the directory is still in its first run, and it is all written again.
func (d *disk) bootstrap(c Config) error {
	// In this order, and not by raft.BootstrapCluster: that one writes the term first, and with a term
	// and no entry it refuses to go on.
	entry := &raft.Log{Index: 1, Term: 1, Type: raft.LogConfiguration,
		Data: raft.EncodeConfiguration(c.Voters.configuration())}
	err := createMark(c.Path, c.directory(), reached{})
	if err != nil {
		return err
	}
	if d.log.mark, err = openMark(c.Path, c.directory()); err != nil {
		return err
	}
	if err := errors.Join(d.log.StoreLog(entry), d.log.SetUint64([]byte(keyTerm), entry.Term), d.own(c)); err != nil {
		return err
	}
	// Without these a power cut could take the file itself.
	for _, path := range []string{c.Path, filepath.Dir(c.Path)} {
		if err := statedir.SyncDir(path); err != nil {
			return err
		}
	}
	return nil
}
