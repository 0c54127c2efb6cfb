package statedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/custody"
)

// Given is what a cosigner gave of the validator's key: the last record of each node, in a file of
// its own. There is none until the first. It is of use to whoever looks, and to refuse a second
// time; who removes it has a cosigner give again what it gave, to the same recipient.
type Given struct {
	path string

	mu   sync.Mutex // guards what follows, also while it is written
	last map[string]givenRecord
}

// givenRecord is what is kept of a custody.Record, by node.
type givenRecord struct {
	Number    uint64     `json:"number"`
	Granted   uint64     `json:"granted"`
	Recipient casper.Hex `json:"recipient"`
}

// OpenGiven reads the file, if it is there.
func OpenGiven(path string) (*Given, error) {
	g := &Given{path: path, last: map[string]givenRecord{}}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return g, nil
	}
	if err := readRecord(path, &g.last); err != nil {
		return nil, fmt.Errorf("reading what was given of the key: %w", err)
	}
	return g, nil
}

// Given returns the number of the node's newest start for which something was given, 0 if nothing
// ever was.
func (g *Given) Given(node string) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last[node].Number
}

// Give records, durably, what is about to be given. After an error it may be recorded or not, and
// nothing may be given.
func (g *Given) Give(r custody.Record) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	before, any := g.last[r.Node]
	g.last[r.Node] = givenRecord{Number: r.Number, Granted: r.Granted, Recipient: r.Recipient[:]}
	if err := writeRecord(g.path, g.last); err != nil {
		if delete(g.last, r.Node); any {
			g.last[r.Node] = before
		}
		return fmt.Errorf("recording what is given of the key: %w", err)
	}
	return nil
}
