package drill

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"casper-cosigner/statedir"
)

// Revision is of what a drill demands. Results of another one do not count.
const Revision = 1

// Folder is where results are kept, and looked for.
const Folder = "/var/lib/casper-cosigner-drill"

// Result is what came of a drill.
type Result struct {
	SHA256   string    `json:"sha256"`  // of the program
	Version  string    `json:"version"` // that the program told
	Revision int       `json:"revision"`
	Passed   bool      `json:"passed"`
	Why      string    `json:"why,omitempty"` // it did not pass
	At       time.Time `json:"at"`
	Host     string    `json:"host"`
	Found
}

// Found is what a drill saw of the program.
type Found struct {
	Protocol string         `json:"protocol,omitempty"` // version of it in the chainspec
	Messages map[string]int `json:"messages,omitempty"` // that were granted, by their kind
	Blocks   int            `json:"blocks,omitempty"`
	Slowest  time.Duration  `json:"slowest_ns,omitempty"` // from a grant to the message's arrival
}

// Results are those that a folder holds, a file each.
type Results string

func (r Results) path(hash string) string { return filepath.Join(string(r), hash+".json") }

// Lock makes the folder if need be, and keeps others from drilling until it is closed: two drills
// at once would find each other's host too busy.
func (r Results) Lock() (*os.File, error) {
	if err := os.MkdirAll(string(r), 0o755); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(string(r), "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("locking %s: another drill runs: %w", string(r), err)
	}
	return lock, nil
}

// Keep stores a result, in the place of an older one of the same program.
func (r Results) Keep(one Result) error {
	text, err := json.MarshalIndent(one, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(string(r), 0o755); err != nil {
		return err
	}
	return statedir.Replace(r.path(one.SHA256), 0o644, func(f *os.File) error {
		_, err := f.Write(append(text, '\n'))
		return err
	})
}

// Of returns the result of a program; false if it was not drilled, or by a drill that demanded
// something else.
func (r Results) Of(hash [sha256.Size]byte) (one Result, ok bool, err error) {
	name := hex.EncodeToString(hash[:])
	text, err := os.ReadFile(r.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return Result{}, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &one)
	}
	if err == nil && one.SHA256 != name {
		err = fmt.Errorf("it is of the program %s", one.SHA256)
	}
	if err != nil {
		return Result{}, false, fmt.Errorf("reading the result of a drill, %s: %w", r.path(name), err)
	}
	return one, one.Revision == Revision, nil
}

// Drilled reports whether a program passed. One whose result cannot be read did not.
func (r Results) Drilled(hash [sha256.Size]byte) bool {
	one, ok, err := r.Of(hash)
	return err == nil && ok && one.Passed
}
