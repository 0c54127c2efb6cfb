package drill

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/units"
)

// content is one message: a slot and what it was signed with.
type content struct {
	Instance casper.Hash
	Round    uint32
	Kind     casper.Kind
	Value    casper.Hash
}

func contentOf(b casper.Ballot) content { return content{b.Instance, b.Round, b.Kind, b.Value} }

// String names it.
func (c content) String() string {
	return fmt.Sprintf("%v of round %d of %v", c.Kind, c.Round, c.Instance)
}

// listener reads the unit files of the node that listens, in which each message stands that reached
// it.
type listener struct {
	folder  string
	drilled casper.PublicKey // whose messages are looked for
	self    casper.PublicKey

	mu   sync.Mutex
	read map[string]int64 // by file, how far
	got  map[content]bool // of the drilled node
	own  map[content]bool // of the listener itself
}

func newListener(folder string, drilled, self casper.PublicKey) *listener {
	return &listener{folder: folder, drilled: drilled, self: self, read: map[string]int64{}, got: map[content]bool{},
		own: map[content]bool{}}
}

// look reads what is new.
func (l *listener) look() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	files, err := filepath.Glob(filepath.Join(l.folder, "unit_*.dat"))
	for _, name := range files {
		err = errors.Join(err, l.lookInto(name))
	}
	return err
}

func (l *listener) lookInto(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(l.read[name], io.SeekStart); err != nil {
		return err
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	from := l.read[name]
	for r := units.NewReader(bytes.NewReader(text)); ; {
		e, err := r.Next()
		var damage *units.DamageError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &damage):
			return &Violation{fmt.Sprintf("its unit file has another layout: at %d, %s", from+damage.Offset, damage.Problem)}
		case err != nil:
			return err
		}
		if err := l.take(e); err != nil {
			return err
		}
		l.read[name] = from + r.Offset()
	}
}

// take notes one entry. The lock is the caller's.
func (l *listener) take(e units.Entry) error {
	switch {
	case e.Kind == units.Evidence && (e.First.SignedBy(l.drilled) || e.Second.SignedBy(l.drilled)):
		return &Violation{fmt.Sprintf("it sent two contents: there is evidence of %v", contentOf(e.First.Ballot))}
	case e.Kind != units.Signed:
	case e.First.SignedBy(l.drilled):
		l.got[contentOf(e.First.Ballot)] = true
	case e.First.SignedBy(l.self):
		l.own[contentOf(e.First.Ballot)] = true
	}
	return nil
}

// has reports whether a message has arrived.
func (l *listener) has(c content) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.got[c]
}

// said reports whether the listener itself signed this.
func (l *listener) said(c content) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.own[c]
}

// all returns what has arrived.
func (l *listener) all() (all []content) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.got {
		all = append(all, c)
	}
	return all
}
