package statedir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// tempSuffix ends the names of files that a crash left behind half-written.
const tempSuffix = ".tmp"

// WriteFile replaces the file at path by data so that after a crash it has
// either the old or the new content, whole. When it returns nil the new one is
// durable; after an error either may be there.
func WriteFile(path string, data []byte, perm os.FileMode) error {
	return Replace(path, perm, func(f *os.File) error {
		_, err := f.Write(data)
		return err
	})
}

// Replace is WriteFile for content that fill writes to a temporary file. It is
// the one place where a file is replaced: the content is synced before the
// rename, so that the name never leads to a half-written file, and the
// directory after it, so that the rename outlives a power cut.
func Replace(path string, perm os.FileMode, fill func(*os.File) error) error {
	if err := replace(path, perm, fill); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

func replace(path string, perm os.FileMode, fill func(*os.File) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*"+tempSuffix)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name()) // already renamed: nothing to remove
		}
	}()
	if err := errors.Join(f.Chmod(perm), fill(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// removeTemps removes what replacements that a crash cut short left in dir.
func removeTemps(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, ".*"+tempSuffix))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// CreateFile writes a file that must not exist yet; after an error there is none.
// The content is durable when it returns nil, the name once SyncDir has made it so.
func CreateFile(path string, data []byte, perm os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(path)
	}
	return err
}

// SyncDir makes the names in a directory durable.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Watchdog ends a process whose disk hangs: a hung write cannot be cancelled,
// and a leader that waits for one keeps the others from taking over.
type Watchdog struct {
	Limit   time.Duration     // how long a guarded write may take; 0 guards nothing
	Stalled func(what string) // called once when one takes longer; must not block on the disk
}

// Start guards what follows until stop is called.
func (w Watchdog) Start(what string) (stop func()) {
	if w.Limit == 0 {
		return func() {}
	}
	t := time.AfterFunc(w.Limit, func() { w.Stalled(what) })
	return func() { t.Stop() }
}
