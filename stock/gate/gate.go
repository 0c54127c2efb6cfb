// Package gate is the file system in which a casper-node, as its authors ship it, keeps its unit
// files. The node writes each message there before it sends it, so what the gate does not take is
// not sent.
//
// It promises: no message of our key is stored without the proof that its slot holds it
// (stock/journal decides, this carries); what is not needed is not possible: there are no renames,
// links or shared mappings, and whoever writes appends; files lie in the gate's own folder, and
// hold nothing else. It waits for nobody but for a grant, and for that no longer than it is told; a
// node that opens a file waits a few seconds at most for what our key signed elsewhere, and gets
// the file in any case; reading never waits.
// It starts no process and opens nothing of its own file system: either would hang it in its own
// end.
//
// It leaves to others: whose attestations are a proof (rule/attest, by the cluster file of this
// host), who brings them (the port Asker), and who notices that it hangs (Watch, which is
// for another process).
package gate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/journal"
)

// ErrBound is in the chain of an Asker's error if the slot is known to be bound to another content.
var ErrBound = errors.New("the slot is bound to another content")

// ErrConflict says that no gate starts with this folder.
var ErrConflict = errors.New("an imported unit file contradicts what was signed since")

// Asker grants messages.
type Asker interface {
	// Claim must return a proof that the message's slot is bound to its very content for good, by the
	// cluster file that the gate was given; of anything else the gate stores nothing. It must return
	// when ctx ends. What it returned an error for may be bound all the same.
	Claim(ctx context.Context, own casper.Ballot) (attest.Proof, error)
	// Signed must return what our key signed in an instance, on whichever node, as far as that is
	// known now, of which nothing is believed; and our key's index in that era by the chain, nil if it
	// is not known. It must return when ctx ends.
	Signed(ctx context.Context, instance casper.Hash) (all []casper.Ballot, index *uint32, err error)
}

// Settings are what a gate needs to know.
type Settings struct {
	Key       casper.PublicKey // the validator's
	UnitFiles string           // where the node looks for them: <storage>/<network>/unit_files
	State     string           // the gate's own folder; files are kept below it
	Patience  time.Duration    // for how long a message waits to be granted, if not as Tell was told
	Secret    *Secret          // nil if the gate serves no key
	Log       zerolog.Logger   `json:"-"`
}

// Gate holds the unit files of one node. New makes one.
type Gate struct {
	settings Settings
	asker    Asker
	owner    owner
	told     told

	mu    sync.Mutex // guards what follows, never held while anything is read, written or asked
	names map[string]*file
	nodes map[uint64]*file // by node id; a removed file stays until the kernel forgets it
	last  uint64           // node id
	pens  map[uint64]*handle
	next  uint64 // handle
}

// owner owns what the file system shows.
type owner struct{ uid, gid uint32 }

// New returns a Gate. Open it before use.
func New(s Settings, a Asker) *Gate {
	return &Gate{settings: s, asker: a, names: map[string]*file{}, nodes: map[uint64]*file{}, pens: map[uint64]*handle{},
		last: firstNode, next: 1, told: told{news: make(chan struct{}, 1)}}
}

// Open takes the state folder, which nobody else may use until the lock is closed, and finds the
// files in it. It fails while an imported file contradicts what was signed.
func (g *Gate) Open() (lock *os.File, err error) {
	if lock, err = g.take(); err != nil {
		return nil, err
	}
	if err := g.contradicted(); err != nil {
		lock.Close()
		return nil, err
	}
	return lock, nil
}

func (g *Gate) take() (lock *os.File, err error) {
	if lock, err = lockState(g.settings.State); err != nil {
		return nil, err
	}
	if err := g.find(); err != nil {
		lock.Close()
		return nil, err
	}
	return lock, nil
}

// contradicted fails while an imported file contradicts what was signed.
func (g *Gate) contradicted() error {
	why, err := os.ReadFile(conflictFile(g.settings.State))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("looking for what an import found: %w", err)
	}
	return fmt.Errorf("%w: %s: find out who signed it, and remove %s when no node can use that file any more", ErrConflict,
		strings.TrimSpace(string(why)), conflictFile(g.settings.State))
}

func (g *Gate) find() error {
	entries, err := os.ReadDir(g.folder())
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, err := journal.ParseName(e.Name(), g.settings.Key); err != nil {
			return fmt.Errorf("%s holds what is not the gate's: %w", g.folder(), err)
		}
		g.enter(e.Name())
	}
	return nil
}

// prove asks for one message.
func (g *Gate) prove(ctx context.Context, m casper.Ballot) (attest.Proof, error) {
	p, err := g.asker.Claim(ctx, m)
	if err == nil && !p.Of(m) {
		err = journal.ErrUngranted
	}
	if err != nil {
		return attest.Proof{}, fmt.Errorf("%v was not granted: %w", m, err)
	}
	return p, nil
}

// folder is where the files lie.
func (g *Gate) folder() string { return folderOf(g.settings.State) }

func folderOf(state string) string     { return filepath.Join(state, "unit_files") }
func conflictFile(state string) string { return filepath.Join(state, "conflict") }

// lockState makes the state folder if need be, and locks it.
func lockState(state string) (*os.File, error) {
	if err := os.MkdirAll(folderOf(state), 0o700); err != nil {
		return nil, err
	}
	for _, dir := range []string{state, folderOf(state)} {
		if err := os.Chmod(dir, 0o700); err != nil {
			return nil, err
		}
	}
	lock, err := os.OpenFile(filepath.Join(state, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("locking %s: another gate uses this folder: %w", state, err)
	}
	return lock, nil
}

// enter makes a file known under its name. The caller holds the lock, or is alone.
func (g *Gate) enter(name string) *file {
	g.last++
	f := &file{gate: g, name: name, node: g.last}
	g.names[name], g.nodes[f.node] = f, f
	return f
}
