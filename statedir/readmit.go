package statedir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrNeverMet is returned by Readmit for a peer that this directory has not seen.
var ErrNeverMet = errors.New("this cosigner has not met it")

// ReadStarts reads the notes of its starts that a directory keeps, from a file that was carried
// here from another host.
func ReadStarts(file string) (line []Start, err error) {
	data, err := os.ReadFile(file)
	if err == nil {
		err = decodeRecord(data, &line)
	}
	if err == nil && len(line) == 0 {
		err = errors.New("it notes none")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the starts of a directory in %s: %w", file, err)
	}
	return line, nil
}

// Readmit lets a peer in again that was kept out since a start showed a shorter log or ledger than
// was seen of it: that was a copy, and the directory with these starts goes on. It reports whether
// the peer was kept out. continues must return why that directory is not the one that went so far,
// nil if it is.
//
// What was seen to be applied stays as it is, and the last of the starts is the newest that is
// known from then on: so the next one is judged by both, and the copy is refused again.
//
// The directory at path is that of the cosigner that lets in, and no process may have it open.
func Readmit(path, peer string, line []Start, continues func(Sighting) error) (was bool, err error) {
	lock, err := lockDir(path)
	if err != nil {
		return false, fmt.Errorf("opening state directory %s: %w", path, err)
	}
	defer lock.Close()
	var seen peersRecord
	file := filepath.Join(path, peersFile)
	if err := readRecord(file, &seen); err != nil {
		return false, err
	}
	r, ok := seen[peer]
	if !ok {
		return false, ErrNeverMet
	}
	if err := continues(r.sighting()); err != nil || r.Cut == nil {
		return false, err
	}
	r.Cut = nil
	if last := line[len(line)-1]; last.Boot > r.Boot {
		r.Boot, r.Session, r.LastIndex, r.Fell = last.Boot, last.Session, 0, nil
	}
	seen[peer] = r
	return true, writeRecord(file, seen)
}
