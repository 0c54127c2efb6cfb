package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"casper-cosigner/testnet"
)

// fill makes a cosigner's disk take no more than a part, in percent, of its largest file: a write
// across that is cut short where the limit is, and one beyond it fails. The process must then end;
// the one that is started in its place has no limit.
func (r *run) fill(p *testnet.Process, part int64) error {
	var largest int64
	err := filepath.WalkDir(r.cluster.StateDir(p.Name), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return ignoreGone(err)
		}
		info, err := d.Info()
		if err == nil {
			largest = max(largest, info.Size())
		}
		return ignoreGone(err)
	})
	if err != nil {
		return fmt.Errorf("filling the disk of %s: %w", p.Name, err)
	}
	return limitFiles(p, uint64(largest*part/100))
}

// ignoreGone passes over what is removed while one looks: an old snapshot.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// limitFiles limits the size to which a process may write files. One that has ended needs no limit.
func limitFiles(p *testnet.Process, size uint64) error {
	var limit unix.Rlimit
	err := unix.Prlimit(p.PID(), unix.RLIMIT_FSIZE, nil, &limit)
	if err == nil {
		limit.Cur = min(size, limit.Max)
		err = unix.Prlimit(p.PID(), unix.RLIMIT_FSIZE, &limit, nil)
	}
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("limiting the files of %s: %w", p.Name, err)
	}
	return nil
}
