package raftstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"

	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

// database is what bbolt does for us: each write is one transaction, durable when it returns.
type database interface {
	raft.LogStore
	raft.StableStore
	io.Closer
}

// openBolt opens the database file.
func openBolt(path string) (database, error) {
	db, err := raftboltdb.New(raftboltdb.Options{Path: path, BoltOptions: &bbolt.Options{Timeout: time.Second}})
	if err != nil {
		return nil, err
	}
	return db, nil
}

// Keys of the Raft library's own (hashicorp/raft raft.go), and keyVote, which takes the place of
// the two before it.
const (
	keyTerm          = "CurrentTerm"
	keyVoteTerm      = "LastVoteTerm"
	keyVoteCandidate = "LastVoteCand"
	keyVote          = "Vote"
)

// logStore guards a database: a write that hangs is reported to the watchdog, and one that fails
// ends the store, since after it nobody knows what the file holds. It may not be tried again: after
// a failed fsync, a second one that succeeds proves nothing.
//
// It also keeps a vote in one write. The library writes the term and then the candidate. A
// crash between the two leaves the new term beside the candidate of an earlier one, and to that
// candidate a vote is granted again as a duplicate, without a look at its log: a committed
// entry could be lost.
type logStore struct {
	database
	mark     *mark
	watchdog statedir.Watchdog
	halt     *halt
	writes   atomic.Uint64
	failed   atomic.Pointer[error]
	broken   atomic.Bool // bbolt panicked, and keeps its locks
	replaced atomic.Bool // a snapshot took the place of the whole log, which the library deletes next
	fsm      *fsm        // told of all that is durable; nil until the store is open
	voters   Voters
	first    watermark.Mark // first era and height that this member may sign
	name     string         // of this member
	refusals *refusals
	end      place // of the newest entry, zero if it is not known; the library's main loop alone

	mayFollow func() error // Config.MayFollow

	voteTerm *uint64 // term of a vote whose candidate has yet to come; only the library's main loop writes votes
}

func (s *logStore) guard(what string, write func() error) error {
	if failed := s.failed.Load(); failed != nil {
		return fmt.Errorf("%s: not tried: %w", what, *failed)
	}
	stop := s.watchdog.Start(what)
	err := s.try(write)
	stop()
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
		s.failed.Store(&err)
		s.halt.stop(err)
		return err
	}
	s.writes.Add(1)
	return nil
}

// try makes an error of a panic: what bbolt does when it finds its free pages damaged.
func (s *logStore) try(write func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.broken.Store(true)
			err = fmt.Errorf("%s is damaged: %v", databaseFile, p)
		}
	}()
	return write()
}

// StoreLog stores one entry.
func (s *logStore) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs stores entries in one durable write, unless no honest leader sends them.
func (s *logStore) StoreLogs(logs []*raft.Log) error {
	if err := s.mayStore(logs); err != nil || len(logs) == 0 {
		return err
	}
	s.replaced.Store(false) // the log was empty if it was not deleted by now
	err := s.guard("storing log entries", func() error {
		if err := s.database.StoreLogs(logs); err != nil {
			return err
		}
		last := logs[len(logs)-1]
		s.end = place{last.Index, last.Term}
		return s.mark.raise(func(r *reached) { r.last = last.Index })
	})
	if err == nil {
		s.fsm.stored(logs)
	}
	return err
}

// DeleteRange deletes the entries from first to last, both included. It ends the store, with
// nothing deleted, if they were applied and nothing stands for them.
func (s *logStore) DeleteRange(first, last uint64) error {
	bySnapshot, err := s.mayDelete(first, last)
	if err != nil {
		s.halt.stop(err)
		return err
	}
	s.fsm.deletes(first, last) // before they are gone: whoever reads them anew finds them all, or does not look
	err = s.guard("deleting log entries", func() error {
		if err := s.mark.cut(first, last); err != nil {
			return err
		}
		return s.database.DeleteRange(first, last)
	})
	if err != nil || !bySnapshot {
		return err
	}
	return s.mayGoOn()
}

// IsMonotonic makes the library drop the whole old log once it has installed a snapshot, so that no
// entry that was never committed can stay below the snapshot and be sent on later.
func (s *logStore) IsMonotonic() bool { return true }

// Set stores a value.
func (s *logStore) Set(key, value []byte) error {
	if string(key) != keyVoteCandidate {
		return s.guard("storing "+string(key), func() error { return s.database.Set(key, value) })
	}
	return s.guard("storing a vote", func() error {
		if s.voteTerm == nil {
			return errors.New("it came without its term")
		}
		term := *s.voteTerm
		s.voteTerm = nil
		if err := s.database.Set([]byte(keyVote), append(binary.BigEndian.AppendUint64(nil, term), value...)); err != nil {
			return err
		}
		return s.mark.raise(func(r *reached) { r.vote = term })
	})
}

// SetUint64 stores a number; that of a vote's term waits for its candidate.
func (s *logStore) SetUint64(key []byte, value uint64) error {
	if string(key) == keyVoteTerm {
		s.voteTerm = &value
		return nil
	}
	return s.guard("storing "+string(key), func() error {
		if err := s.database.SetUint64(key, value); err != nil || string(key) != keyTerm {
			return err
		}
		s.fsm.entered(value)
		return s.mark.raise(func(r *reached) { r.term = value })
	})
}

// Close closes the files.
func (s *logStore) Close() error {
	var err error
	if !s.broken.Load() {
		err = s.database.Close()
	}
	if s.mark != nil { // else the database was refused
		err = errors.Join(err, s.mark.close())
	}
	return err
}

// GetLog returns an entry. One that is damaged ends the store: the library would only try again.
//
// After a snapshot that came from a leader the log begins behind it, and the library asks here for
// what is before its first entry. Without an answer it refuses that leader, which then sends ever
// older entries, or a snapshot from before. See base.
func (s *logStore) GetLog(index uint64, l *raft.Log) error {
	err := s.database.GetLog(index, l)
	switch {
	case errors.Is(err, errDamaged):
		s.halt.stop(err)
	case errors.Is(err, raft.ErrLogNotFound):
		if base := s.base(); index > 0 && index == base.index {
			*l = raft.Log{Index: base.index, Term: base.term, Type: standsForSnapshot}
			return nil
		}
	}
	return err
}

// Get returns a value.
func (s *logStore) Get(key []byte) ([]byte, error) {
	if string(key) != keyVoteCandidate {
		return s.database.Get(key)
	}
	_, candidate, err := s.vote()
	return candidate, err
}

// GetUint64 returns a number.
func (s *logStore) GetUint64(key []byte) (uint64, error) {
	if string(key) != keyVoteTerm {
		return s.database.GetUint64(key)
	}
	term, _, err := s.vote()
	return term, err
}

// terms returns the current term and that of the vote, 0 before the first.
func (s *logStore) terms() (current, voted uint64, err error) {
	if current, err = s.GetUint64([]byte(keyTerm)); err != nil && !absent(err) {
		return 0, 0, err
	}
	if voted, _, err = s.vote(); err != nil && !absent(err) {
		return 0, 0, err
	}
	return current, voted, nil
}

func (s *logStore) vote() (term uint64, candidate []byte, err error) {
	vote, err := s.database.Get([]byte(keyVote))
	if err != nil {
		return 0, nil, err
	}
	if len(vote) < 8 {
		return 0, nil, fmt.Errorf("the stored vote has %d bytes", len(vote))
	}
	return binary.BigEndian.Uint64(vote), vote[8:], nil
}
