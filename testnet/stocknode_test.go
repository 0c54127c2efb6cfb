package testnet

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units"
	"casper-cosigner/stock/units/unitstest"
)

// stockNode does with its unit file what casper-node does, and nothing else.
type stockNode struct {
	t    *testing.T
	name string
	key  unitstest.Validator
	era  casper.Round
	file string
	gate *Process

	mu   sync.Mutex // guards what follows
	sent map[casper.Ballot]bool
	held map[slotOf]casper.Hash // what it read at its start, or wrote: it signs nothing else there
	open *os.File               // nil while it is deactivated
	died int                    // how often it was deactivated
}

// slotOf is a slot within one instance.
type slotOf struct {
	round uint32
	kind  casper.Kind
}

func at(b casper.Ballot) slotOf { return slotOf{b.Round, b.Kind} }

// start reads the unit file, as a node does before it signs anything, and opens it to be written.
func (n *stockNode) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.held = map[slotOf]casper.Hash{}
	entries, err := n.read(n.file)
	if err != nil {
		return err
	}
	for _, b := range entries {
		n.held[at(b)] = b.Value
	}
	n.open, err = os.OpenFile(n.file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	return err
}

// read returns the messages of ours in a unit file.
func (n *stockNode) read(path string) (own []casper.Ballot, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := units.NewReader(f)
	for {
		e, err := r.Next()
		if err != nil {
			return own, nil
		}
		if e.First.SignedBy(n.key.Public()) {
			own = append(own, e.First.Ballot)
		}
	}
}

// record signs and writes as Zug does, and sends what was written (zug.rs, record_entry). A
// BufWriter that could not write does it once more when it is dropped.
func (n *stockNode) record(b casper.Ballot, foreign ...casper.Ballot) (sent bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if value, taken := n.held[at(b)]; n.open == nil || taken && value != b.Value {
		return false
	}
	var text []byte
	for _, f := range foreign {
		text = append(text, unitstest.Entry(f)...)
	}
	text = append(text, unitstest.Entry(b)...)
	if _, err := n.open.Write(text); err != nil {
		if _, err := n.open.Write(text); err == nil {
			n.t.Errorf("%s: the second write of %v was taken, the first was not", n.name, b)
		}
		n.open.Close()
		n.open, n.died = nil, n.died+1
		return false
	}
	n.held[at(b)], n.sent[b] = b.Value, true
	return true
}

// active reports whether it votes.
func (n *stockNode) active() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.open != nil
}

// stored is what of ours lies in the gate's folder.
func (n *stockNode) stored(c *Cluster) []casper.Ballot {
	n.t.Helper()
	own, err := n.read(filepath.Join(c.GateFolder(n.name), journal.FileName(n.era.Instance(), n.key.Public())))
	if err != nil {
		n.t.Fatal(err)
	}
	return own
}
