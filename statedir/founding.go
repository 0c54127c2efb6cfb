package statedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Names of the files about founding and about what witnesses showed, within the directory.
const (
	wordsFile   = "founding.json"
	verdictFile = "lost.json" // of the release that kept it there
)

// Words is what an operator typed on this host so that a cluster may be founded. They count until
// it is, and then no more.
type Words struct {
	Without   []string `json:"without"`   // as Absent, and what they show of other clusters is not looked at
	Absent    []string `json:"absent"`    // nodes whose agents are waited for no longer than at any start
	Disregard []string `json:"disregard"` // short names of statements that stand against the founding
	Stopped   int64    `json:"stopped"`   // when, Unix s, so far nothing ran that holds the whole key
}

// AddWords adds to the words in the state directory at path, durably. The cosigner may be running:
// it reads them again each second.
func AddWords(path string, more Words) error {
	if _, err := os.Stat(filepath.Join(path, identityFile)); err != nil {
		return fmt.Errorf("%w: `cosigner init` makes the state directory", err)
	}
	return addWords(path, more)
}

func addWords(path string, more Words) error {
	w, err := ReadWords(path)
	if err != nil {
		return err
	}
	w.Without, w.Absent = union(w.Without, more.Without), union(w.Absent, more.Absent)
	w.Disregard = union(w.Disregard, more.Disregard)
	w.Stopped = max(w.Stopped, more.Stopped)
	if err := writeRecord(filepath.Join(path, wordsFile), w); err != nil {
		return fmt.Errorf("keeping what was typed: %w", err)
	}
	return nil
}

// forgetStopped takes back what was typed of whoever holds the whole key.
func forgetStopped(path string) error {
	w, err := ReadWords(path)
	if err != nil || w.Stopped == 0 {
		return err
	}
	w.Stopped = 0
	return writeRecord(filepath.Join(path, wordsFile), w)
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// ReadWords returns the words in the state directory at path; there may be none.
func ReadWords(path string) (w Words, err error) {
	err = readOptional(filepath.Join(path, wordsFile), &w)
	if err != nil {
		err = fmt.Errorf("%w: remove it and type the words again with `cosigner found`", err)
	}
	return w, err
}

// Lost returns why this directory was found to have lost what it once held, empty if it was not.
func (d *Dir) Lost() (why string, err error) {
	var now identity
	if err := readRecord(d.Path(identityFile), &now); err != nil {
		return "", err
	}
	return now.Lost, nil
}

// MarkLost durably notes why this directory was found to have lost what it once held. Nothing
// takes that back: a log that lost its end grows again, and then nothing would show it any more.
// Releases that do not know of it refuse the directory from then on.
func (d *Dir) MarkLost(why string) error {
	record := d.identity
	record.Lost = why
	if err := writeRecord(d.Path(identityFile), record); err != nil {
		return fmt.Errorf("noting that the state is lost: %w", err)
	}
	return nil
}

// moveVerdict moves what a release that kept it in a file of its own had found to where those
// before it see it, too.
func (d *Dir) moveVerdict() error {
	var why string
	if err := readOptional(d.Path(verdictFile), &why); err != nil {
		return fmt.Errorf("%w; %s", err, lostState)
	}
	if why == "" || d.identity.Lost != "" {
		return nil
	}
	return d.MarkLost(why)
}

// readOptional reads a file that need not be there, strictly.
func readOptional(path string, v any) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := decodeRecord(data, v); err != nil {
		return fmt.Errorf("%s is damaged (%w)", filepath.Base(path), err)
	}
	return nil
}
