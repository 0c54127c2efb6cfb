package daemon

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"casper-cosigner/stock/drill"
	"casper-cosigner/stock/launcher"
)

// staged looks at what a node's launcher runs, and will: whether each program passed the drill. It
// reads a program again only when its file is another one.
type staged struct {
	folders launcher.Folders
	results drill.Results
	known   map[string]program
}

// program is a file that was read.
type program struct {
	size    int64
	changed time.Time
	hash    [sha256.Size]byte
}

func newStaged(f launcher.Folders, results string) *staged {
	return &staged{folders: f, results: drill.Results(results), known: map[string]program{}}
}

// undrilled names the programs that would get no key, and why; it is empty if there are none.
func (s *staged) undrilled() string {
	versions, err := s.folders.Upcoming()
	if err != nil {
		return "cannot see what is staged: " + err.Error()
	}
	var all []string
	for _, v := range versions {
		if why := s.why(s.folders.Binary(v)); why != "" {
			all = append(all, fmt.Sprintf("%v %s", v, why))
		}
	}
	return strings.Join(all, "; ")
}

// why says why a program would get no key, nothing if it would.
func (s *staged) why(path string) string {
	hash, err := s.hash(path)
	if err != nil {
		return "cannot be read: " + err.Error()
	}
	r, drilled, err := s.results.Of(hash)
	switch {
	case err != nil:
		return err.Error()
	case !drilled:
		return "was not drilled"
	case !r.Passed:
		return "did not pass the drill: " + r.Why
	}
	return ""
}

func (s *staged) hash(path string) (h [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return h, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return h, err
	}
	if p, ok := s.known[path]; ok && p.size == info.Size() && p.changed.Equal(info.ModTime()) {
		return p.hash, nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return h, err
	}
	h = [sha256.Size]byte(sum.Sum(nil))
	s.known[path] = program{info.Size(), info.ModTime(), h}
	return h, nil
}
