// Package statedir keeps a cosigner's state directory and its identity, and
// remembers what was seen of the other cosigners' directories.
//
// A cosigner that runs on older state than it once had, on an emptied disk or
// beside a copy of itself may sign a second value for a slot, and cannot tell
// so by itself. So each directory has a random id, each start a higher boot
// count, each process a random session, and the peers compare: [Dir.Admit]
// refuses a [Presence] that shows less than was durably seen before.
//
// It promises: no directory's id is ever overwritten; one process per directory; a
// boot count is never used twice; what Admit accepted of a peer's directory,
// boot and session is on disk before it returns; each start leaves a note of its
// process and of where the log ended.
//
// It leaves to others: what lies under the directory ("raft/" and "ledger"),
// and proving that a presence comes from the peer that it is said to come from.
package statedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// Names of the files of this package within the directory.
const (
	identityFile = "identity.json"
	bootFile     = "boot.json"
	peersFile    = "peers.json"
	lockFile     = "lock"
)

// ErrInUse is returned by Init and Open when another process has the directory
// open, and by Lock.
var ErrInUse = errors.New("the state directory is in use by another process")

// Identity is what makes one state directory different from all others of its
// cluster. It never changes, but for what Restate may do before anything is signed.
type Identity struct {
	Cluster ID             // id of the cluster
	Name    string         // the cosigner's name in the cluster file
	First   watermark.Mark // first era and height that it may sign
	Absent  []string       // Words.Absent, typed when it was made; an open Dir does not tell
}

// Dir is an open state directory. Its methods may be called concurrently.
type Dir struct {
	path     string
	lock     *os.File
	identity identity
	boot     uint64
	session  ID
	starts   []Start

	firstRunMu sync.Mutex
	firstRun   bool

	peers     *peers
	condition atomic.Pointer[Condition] // nil: neither
}

// Init makes path a state directory with a new random directory id and marks
// its first run. The directory may exist but must be empty: state that is there
// is never overwritten.
func Init(path string, id Identity) error {
	if err := initialise(path, id); err != nil {
		return fmt.Errorf("initialising state directory %s: %w", path, err)
	}
	return nil
}

func initialise(path string, id Identity) error {
	if id.Name == "" || id.Cluster == (ID{}) {
		return errors.New("the cosigner's name and the cluster id are needed")
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	lock, err := lockDir(path)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := checkEmpty(path); err != nil {
		return err
	}
	if err := writeRecord(filepath.Join(path, peersFile), peersRecord{}); err != nil {
		return err
	}
	if err := writeRecord(filepath.Join(path, bootFile), bootRecord{FirstRun: true}); err != nil {
		return err
	}
	if len(id.Absent) > 0 {
		if err := addWords(path, Words{Absent: id.Absent}); err != nil {
			return err
		}
	}
	// The identity comes last: without it a directory cannot be opened, so an
	// Init that was cut short leaves nothing that could sign.
	record := identity{Directory: NewID(), Cluster: id.Cluster, Name: id.Name, First: id.First}
	if err := writeRecord(filepath.Join(path, identityFile), record); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(filepath.Clean(path)))
}

// CheckEmpty says why Init would refuse a path for what is there already.
func CheckEmpty(path string) error {
	if err := checkEmpty(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("initialising state directory %s: %w", path, err)
	}
	return nil
}

// Restate changes the first era and height that a state directory states, which no process has
// open. unstarted must fail if anything was ever signed, or could have been, by whoever ran on it;
// it is asked while no process can begin to. The directory stays the one that its peers know: its
// id, its starts and its votes are as they were.
func Restate(path string, first watermark.Mark, unstarted func(Identity, ID) error) error {
	err := restating(path, unstarted, func(file string, record identity) error {
		if err := forgetStopped(path); err != nil { // it was said of the numbers before
			return err
		}
		record.First = first
		return writeRecord(file, record)
	})
	if err != nil {
		return fmt.Errorf("stating another first era and height in %s: %w", path, err)
	}
	return nil
}

// CheckRestate says why Restate would refuse the directory now.
func CheckRestate(path string, unstarted func(Identity, ID) error) error {
	err := restating(path, unstarted, func(string, identity) error { return nil })
	if err != nil {
		return fmt.Errorf("looking whether another first era and height may be stated in %s: %w", path, err)
	}
	return nil
}

func restating(path string, unstarted func(Identity, ID) error, then func(file string, record identity) error) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	lock, err := lockDir(path)
	if err != nil {
		return err
	}
	defer lock.Close()
	var record identity
	file := filepath.Join(path, identityFile)
	if err := readRecord(file, &record); err != nil {
		return err
	}
	id := Identity{Cluster: record.Cluster, Name: record.Name, First: record.First}
	if record.Lost != "" {
		return errors.New(record.Lost)
	}
	if err := unstarted(id, record.Directory); err != nil {
		return err
	}
	return then(file, record)
}

// checkEmpty refuses a directory that holds anything but the lock and what a
// file system puts into its root.
func checkEmpty(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == lockFile || e.Name() == "lost+found" {
			continue
		}
		return fmt.Errorf("it holds %s already; state is never overwritten: if this cosigner made it, "+
			"start it with `cosigner run`", e.Name())
	}
	return nil
}

// Open takes the state directory for this process: it locks it, raises the boot
// count by one, durably, and draws a new session id. It refuses a directory
// whose own files are missing or damaged. Close gives it up.
func Open(path string) (*Dir, error) {
	d, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("opening state directory %s: %w", path, err)
	}
	return d, nil
}

func open(path string) (*Dir, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w; %s", err, lostState)
	}
	lock, err := lockDir(path)
	if err != nil {
		return nil, err
	}
	d := &Dir{path: path, lock: lock, session: NewID()}
	if err := d.load(); err != nil {
		lock.Close()
		return nil, err
	}
	return d, nil
}

func (d *Dir) load() error {
	var boot bootRecord
	var seen peersRecord
	if err := readRecord(d.Path(identityFile), &d.identity); err != nil {
		return err
	}
	if err := readRecord(d.Path(bootFile), &boot); err != nil {
		return err
	}
	if err := readRecord(d.Path(peersFile), &seen); err != nil {
		return err
	}
	if err := removeTemps(d.path); err != nil {
		return err
	}
	if err := d.moveVerdict(); err != nil {
		return err
	}
	boot.Count++
	d.boot, d.firstRun = boot.Count, boot.FirstRun
	if err := d.loadStarts(); err != nil {
		return err
	}
	// The new count must be on disk before any peer hears of it: a count shown
	// by two processes would look like a copied directory.
	if err := writeRecord(d.Path(bootFile), boot); err != nil {
		return err
	}
	d.peers = newPeers(d.Path(peersFile), d.identity, seen)
	return nil
}

// Close releases the directory for another process.
func (d *Dir) Close() error {
	if err := d.lock.Close(); err != nil {
		return fmt.Errorf("closing state directory %s: %w", d.path, err)
	}
	return nil
}

// Path returns the path of name within the directory.
func (d *Dir) Path(name string) string { return filepath.Join(d.path, name) }

// ID returns the directory id.
func (d *Dir) ID() ID { return d.identity.Directory }

// Identity returns what was given to Init.
func (d *Dir) Identity() Identity {
	return Identity{Cluster: d.identity.Cluster, Name: d.identity.Name, First: d.identity.First}
}

// FirstRun reports whether the directory has never been in service. Only then
// may the Raft log and the ledger be created; later their absence is a loss.
func (d *Dir) FirstRun() bool {
	d.firstRunMu.Lock()
	defer d.firstRunMu.Unlock()
	return d.firstRun
}

// EndFirstRun durably ends the first run.
func (d *Dir) EndFirstRun() error {
	d.firstRunMu.Lock()
	defer d.firstRunMu.Unlock()
	if !d.firstRun {
		return nil
	}
	if err := writeRecord(d.Path(bootFile), bootRecord{Count: d.boot}); err != nil {
		return fmt.Errorf("ending the first run: %w", err)
	}
	d.firstRun = false
	return nil
}

// Presence returns what this process shows to its peers: its directory, boot
// and session, the index of the last entry in its Raft log and of the last one
// applied, how many peers it has pinned, and which version of the log it can
// read. The caller must read applied before last, so that last is never the
// lower of the two.
func (d *Dir) Presence(last, applied uint64) Presence {
	p := Presence{
		Cluster: d.identity.Cluster, Directory: d.identity.Directory, Session: d.session,
		Boot: d.boot, LastIndex: last, AppliedIndex: applied, First: d.identity.First, Pinned: d.peers.pinned(),
		Version: machine.Version,
	}
	if c := d.condition.Load(); c != nil {
		p.Condition = *c
	}
	return p
}

// Show sets what presences tell of how this process is.
func (d *Dir) Show(c Condition) { d.condition.Store(&c) }

// lockDir takes the exclusive lock of the directory.
func lockDir(path string) (*os.File, error) { return Lock(filepath.Join(path, lockFile)) }

// Lock takes the exclusive lock that a file stands for, which is made if it is not there; the
// kernel gives it up when the file is closed, or the process ends, however it ends. Its error is
// ErrInUse if another one has it.
func Lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, ErrInUse
	}
	return nil, fmt.Errorf("locking: %w", err)
}
