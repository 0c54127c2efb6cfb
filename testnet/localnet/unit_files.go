package localnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// keepEvery is how often a folder of unit files is looked at. A file is there for two
// eras at least.
const keepEvery = 500 * time.Millisecond

// KeepUnitFiles gives every unit_*.dat of a folder a second name in another folder of the same
// disk, until ctx ends: the node deletes them two eras later, and a judge reads them at the end.
// The names are of the same file, so what is appended later is seen too. A file that was deleted
// and made anew under its name is kept in into/2, into/3 and so on.
func KeepUnitFiles(ctx context.Context, unitFiles, into string) error {
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	for {
		if err := keepUnitFiles(unitFiles, into); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			// Once more: the last era's file may have just appeared.
			return keepUnitFiles(unitFiles, into)
		}
	}
}

func keepUnitFiles(unitFiles, into string) error {
	files, err := filepath.Glob(filepath.Join(unitFiles, "unit_*.dat"))
	if err != nil {
		return fmt.Errorf("keeping unit files: %w", err)
	}
	for _, file := range files {
		if err := keepFile(file, into); err != nil && !errors.Is(err, os.ErrNotExist) { // it is gone again
			return fmt.Errorf("keeping unit files: %w", err)
		}
	}
	return nil
}

func keepFile(file, into string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	for i := 1; ; i++ {
		dir := into
		if i > 1 {
			dir = filepath.Join(into, strconv.Itoa(i))
		}
		kept := filepath.Join(dir, filepath.Base(file))
		there, err := os.Stat(kept)
		if errors.Is(err, os.ErrNotExist) {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return err
			}
			return os.Link(file, kept)
		}
		if err != nil || os.SameFile(info, there) {
			return err
		}
	}
}
