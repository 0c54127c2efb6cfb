package cosigner

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"slices"
	"sync"
)

const sectorSize = 512

var errFault = errors.New("injected fault")

// fakeDisk is a disk in memory that keeps apart what was written and what a
// power cut would leave, and whose operations can be made to fail.
type fakeDisk struct {
	mu   sync.Mutex
	name *inode // nil: no file

	// fault is asked before each operation: "write", "sync", "replace" or
	// "open". With stored the operation happens although it fails.
	fault func(op string, at int64) (err error, stored bool)
	syncs int
}

// inode is a file; it outlives its name while it is open.
type inode struct {
	disk    *fakeDisk
	data    []byte           // as read
	durable []byte           // as a power cut leaves it
	dirty   map[int]struct{} // sectors that differ
}

func (d *fakeDisk) ask(op string, at int64) (error, bool) {
	if d.fault == nil {
		return nil, true
	}
	err, stored := d.fault(op, at)
	return err, stored || err == nil
}

func (d *fakeDisk) open() (file, int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err, _ := d.ask("open", 0); err != nil {
		return nil, 0, err
	}
	if d.name == nil {
		return nil, 0, fs.ErrNotExist
	}
	return d.name, int64(len(d.name.data)), nil
}

func (d *fakeDisk) replace(fill func(io.Writer) error) error {
	var b bytes.Buffer
	if err := fill(&b); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	err, stored := d.ask("replace", 0)
	if stored {
		d.name = &inode{disk: d, data: b.Bytes(), durable: bytes.Clone(b.Bytes()), dirty: map[int]struct{}{}}
	}
	return err
}

// powerCut keeps of the sectors not yet synced those that survives says.
func (d *fakeDisk) powerCut(survives func(sector int) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.name
	lost := make([]int, 0, len(f.dirty))
	for s := range f.dirty {
		lost = append(lost, s)
	}
	slices.Sort(lost) // in a fixed order, so that failures can be repeated
	for _, s := range lost {
		if survives(s) {
			f.flush(s)
		}
	}
	d.name = &inode{disk: d, data: bytes.Clone(f.durable), durable: f.durable, dirty: map[int]struct{}{}}
}

func (f *inode) flush(sector int) {
	from, to := sector*sectorSize, min((sector+1)*sectorSize, len(f.data))
	if len(f.durable) < to {
		f.durable = append(f.durable, make([]byte, to-len(f.durable))...)
	}
	copy(f.durable[from:to], f.data[from:to])
}

func (f *inode) ReadAt(p []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if at >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.data[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *inode) WriteAt(p []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	err, stored := f.disk.ask("write", at)
	if !stored {
		return 0, err
	}
	if end := int(at) + len(p); end > len(f.data) {
		f.data = append(f.data, make([]byte, end-len(f.data))...)
	}
	copy(f.data[at:], p)
	for s := int(at) / sectorSize; s*sectorSize < int(at)+len(p); s++ {
		f.dirty[s] = struct{}{}
	}
	return len(p), err
}

func (f *inode) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.syncs++
	err, stored := f.disk.ask("sync", 0)
	if stored {
		for s := range f.dirty {
			f.flush(s)
		}
	}
	// As on Linux: pages that a failed fsync could not write count as clean.
	clear(f.dirty)
	return err
}

func (f *inode) Close() error { return nil }
