package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

const (
	syncsEach = 50
	written   = 512
)

// printSyncs measures how long many files take to be synced, each by its own goroutine.
func printSyncs(out io.Writer) error {
	for _, files := range []int{1, 2, 4, 8, 16, 100} {
		took, err := syncFiles(files)
		if err != nil {
			return fmt.Errorf("measuring syncs: %w", err)
		}
		each := took / syncsEach
		fmt.Fprintf(out, "%4d files: %8v a sync of each, %6.0f syncs/s\n", files, each.Round(time.Microsecond),
			float64(files)/each.Seconds())
	}
	return nil
}

func syncFiles(count int) (took time.Duration, err error) {
	dir, err := os.MkdirTemp(".", "scale-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	files := make([]*os.File, count)
	for i := range files {
		if files[i], err = os.Create(filepath.Join(dir, fmt.Sprint(i))); err != nil {
			return 0, err
		}
		defer files[i].Close()
		if _, err := files[i].Write(make([]byte, syncsEach*written)); err != nil {
			return 0, err
		}
		if err := files[i].Sync(); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	var all errgroup.Group
	for _, f := range files {
		all.Go(func() error {
			for i := range syncsEach {
				if _, err := f.WriteAt(make([]byte, written), int64(i*written)); err != nil {
					return err
				}
				if err := unix.Fdatasync(int(f.Fd())); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = all.Wait()
	return time.Since(start), err
}
