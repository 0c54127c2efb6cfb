package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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

// writeNew makes the files and the folders that they lie in. It makes all or none, and never touches a file that is
// there: the second run of a command must not replace keys that the first one gave out.
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
		if err := createFile(f); err != nil {
			return err
		}
		made = append(made, f.path)
	}
	for _, path := range made {
		if err := syncFolder(filepath.Dir(path)); err != nil {
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

func createFile(n newFile) error {
	f, err := os.OpenFile(n.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, n.mode)
	if err != nil {
		return err
	}
	_, err = f.Write(n.data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(n.path)
	}
	return err
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
