package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"casper-cosigner/statedir"
)

const (
	secretMode = 0o600
	publicMode = 0o644
	folderMode = 0o700
)

// newFile is a file that must not exist yet.
type newFile struct {
	path string
	data []byte
	mode fs.FileMode
}

// writeNew makes the files and the folders that they lie in. It makes all or none, and never
// touches a file that is there: the second run of a command must not replace keys that the
// first one gave out.
func writeNew(files []newFile) (err error) {
	for _, f := range files {
		if _, err := os.Lstat(f.path); err == nil {
			return withHint(errorf("%s exists already, nothing was written", f.path),
				"another folder, or move the old file away if it is of no use")
		} else if !errors.Is(err, fs.ErrNotExist) {
			return errorf("looking for %s: %w", f.path, err)
		}
	}
	var made []string
	defer func() {
		if err != nil {
			for i := len(made) - 1; i >= 0; i-- {
				_ = os.Remove(made[i]) // a folder that is not empty stays
			}
			err = errorf("nothing was written: %w", err)
		}
	}()
	for _, f := range files {
		folder := filepath.Dir(f.path)
		if made, err = makeFolder(made, folder); err != nil {
			return err
		}
		if err := statedir.CreateFile(f.path, f.data, f.mode); err != nil {
			return err
		}
		made = append(made, f.path)
	}
	for _, path := range made {
		if err := statedir.SyncDir(filepath.Dir(path)); err != nil {
			return err
		}
	}
	return nil
}

// makeFolder makes the folder and those above it, and adds to made what was not there.
func makeFolder(made []string, path string) ([]string, error) {
	if _, err := os.Stat(path); err == nil {
		return made, nil
	}
	made, err := makeFolder(made, filepath.Dir(path))
	if err != nil {
		return made, err
	}
	if err := os.Mkdir(path, folderMode); err != nil {
		return made, err
	}
	return append(made, path), nil
}
