package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"casper-cosigner/testnet/localnet"
)

// nodeLog reads what a node logs, run after run, as far as it has come.
type nodeLog struct {
	node *localnet.Node
	runs []*runLog
}

// runLog is the log of one run.
type runLog struct {
	path   string
	offset int64
	rest   []byte // the beginning of a line whose end is not there yet
	story
}

// update reads what has been written since the last time.
func (l *nodeLog) update() error {
	path := l.node.LogFile()
	if path == "" {
		return nil
	}
	if len(l.runs) == 0 || l.last().path != path {
		if len(l.runs) > 0 {
			if err := l.last().update(); err != nil { // the end of the run before
				return err
			}
		}
		l.runs = append(l.runs, &runLog{path: path})
	}
	return l.last().update()
}

// last is the newest run; there must be one.
func (l *nodeLog) last() *runLog { return l.runs[len(l.runs)-1] }

// timeline is that of the newest run, empty before the first.
func (l *nodeLog) timeline() *timeline {
	if len(l.runs) == 0 {
		return &timeline{}
	}
	return &l.last().timeline
}

// asked lists the requests of all runs.
func (l *nodeLog) asked() (all []asked) {
	for _, r := range l.runs {
		all = append(all, r.asked...)
	}
	return all
}

// bound lists the slots, of all runs, that held another value.
func (l *nodeLog) bound() (all []bound) {
	for _, r := range l.runs {
		all = append(all, r.bound...)
	}
	return all
}

func (r *runLog) update() error {
	f, err := os.Open(r.path)
	if err != nil {
		return fmt.Errorf("reading a node's log: %w", err)
	}
	defer f.Close()
	if _, err := f.Seek(r.offset, io.SeekStart); err != nil {
		return fmt.Errorf("reading a node's log: %w", err)
	}
	more, err := io.ReadAll(f)
	r.offset += int64(len(more))
	text := append(r.rest, more...)
	for {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			r.rest = bytes.Clone(text)
			return err
		}
		err = errors.Join(err, r.read(line))
		text = rest
	}
}
