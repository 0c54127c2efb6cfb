package raftstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/hashicorp/raft"

	"casper-cosigner/rule/watermark"
)

// errStated says that the members state different first eras and heights. Each stands for what its
// operator found out on that host, so one of them is mistaken: the higher would refuse all that
// lies below it for good, and the lower would let a slot be signed again.
type errStated []string

func (e errStated) Error() string {
	return fmt.Sprintf("the cosigners state different first eras and heights: %s. Both must be later than any era and "+
		"height in which a process that holds the validator's PEM ran. Stop the cosigner that is mistaken, and on its "+
		"host: casper-cosigner cosigner restate --first-era E --first-height H, then start it again. Nothing was signed "+
		"yet", strings.Join(e, "; "))
}

// stated returns an error if any of the others, as it was seen last, states another first era or
// height than this one.
func (c Config) stated(own watermark.Mark) error {
	all, differ := errStated{say(c.Name, own)}, false
	for _, name := range c.Voters.but(c.Name) {
		if p, ok := c.Network.Presences.Seen(name); ok {
			all, differ = append(all, say(name, p.First)), differ || p.First != own
		}
	}
	if !differ {
		return nil
	}
	return all
}

// Stated returns an error while the log has no Genesis and the members, as they were seen last,
// state different first eras and heights.
func (s *Store) Stated() error {
	if s.held || s.founded() {
		return nil
	}
	return s.cfg.stated(s.cfg.Network.Presences.Presence(s.Indexes()).First)
}

func say(name string, m watermark.Mark) string {
	return fmt.Sprintf("%s era %d and height %d", name, m.Era, m.Height)
}

// Held reports whether the log held a command as it was opened: what is applied does not show that
// before somebody leads.
func (s *Store) Held() bool { return s.held }

func (d *disk) holdsCommands() (bool, error) {
	if snapshot, _, err := d.newest(); err != nil || snapshot > 0 {
		return true, err
	}
	return anyCommand(d.database)
}

// HoldsCommands reports whether a log that is not open, in a store's directory, has ever held a
// command, of which Genesis is the first. There may be no log.
func HoldsCommands(path string) (holds bool, err error) {
	file := filepath.Join(path, databaseFile)
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	snapshots, err := os.ReadDir(filepath.Join(path, snapshotsDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) || len(snapshots) > 0 {
		return true, err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s cannot be read: %v", file, p)
		}
	}()
	db, err := openBolt(file)
	if err != nil {
		return false, fmt.Errorf("%s: %w", file, err)
	}
	holds, err = anyCommand(db)
	return holds, errors.Join(err, db.Close())
}

func anyCommand(db database) (bool, error) {
	first, err := db.FirstIndex()
	if err != nil {
		return false, err
	}
	last, err := db.LastIndex()
	if err != nil {
		return false, err
	}
	for i := first; i <= last && i > 0; i++ {
		var l raft.Log
		if err := db.GetLog(i, &l); err != nil {
			return false, fmt.Errorf("entry %d: %w", i, err)
		}
		if l.Type == raft.LogCommand {
			return true, nil
		}
	}
	return false, nil
}
