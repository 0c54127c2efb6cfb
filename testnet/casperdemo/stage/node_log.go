package stage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"casper-cosigner/testnet/localnet"
)

// NodeLog reads what a node logs, run after run, as far as it has come.
type NodeLog struct {
	Node *localnet.Node
	runs []*RunLog
}

// RunLog is the log of one run.
type RunLog struct {
	path   string
	offset int64
	rest   []byte // the beginning of a line whose end is not there yet
	Story
}

// update reads what has been written since the last time.
func (l *NodeLog) update() error {
	path := l.Node.LogFile()
	if path == "" {
		return nil
	}
	if len(l.runs) == 0 || l.Last().path != path {
		if len(l.runs) > 0 {
			if err := l.Last().update(); err != nil { // the end of the run before
				return err
			}
		}
		l.runs = append(l.runs, &RunLog{path: path})
	}
	return l.Last().update()
}

// Last is the newest run; there must be one.
func (l *NodeLog) Last() *RunLog { return l.runs[len(l.runs)-1] }

// Timeline is that of the newest run, empty before the first.
func (l *NodeLog) Timeline() *Timeline {
	if len(l.runs) == 0 {
		return &Timeline{}
	}
	return &l.Last().Timeline
}

// Asked lists the requests of all runs.
func (l *NodeLog) Asked() (all []Asked) {
	for _, r := range l.runs {
		all = append(all, r.Asked...)
	}
	return all
}

// bound lists the slots, of all runs, that held another value.
func (l *NodeLog) bound() (all []bound) {
	for _, r := range l.runs {
		all = append(all, r.Bound...)
	}
	return all
}

func (r *RunLog) update() error {
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
