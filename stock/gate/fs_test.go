package gate

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units/unitstest"
)

// These ask the file system as the kernel does, where no kernel can be asked.

// TestKernelIsTold: it may neither keep nor map what is read, nor write by itself, nor change a
// size.
func TestKernelIsTold(t *testing.T) {
	us, era := unitstest.New(1, 7), unitstest.Instance("era")
	f := opened(t, func(casper.Ballot) error { return nil })
	fs := newTree(f.gate)
	var out fuse.OpenOut
	in := &fuse.OpenIn{InHeader: fuse.InHeader{NodeId: f.node}}
	if status := fs.Open(nil, in, &out); status != fuse.OK || out.OpenFlags != fuse.FOPEN_DIRECT_IO || out.BackingID != 0 {
		t.Fatalf("opened with %v, %+v", status, out)
	}
	vote := unitstest.Entry(us.Vote(era, 1, true))
	cached := &fuse.WriteIn{Fh: out.Fh, WriteFlags: fuse.WRITE_CACHE}
	if _, status := fs.Write(nil, cached, vote); status != fuse.EIO {
		t.Errorf("from the kernel's memory: %v", status)
	}
	if n, status := fs.Write(nil, &fuse.WriteIn{Fh: out.Fh, Offset: 99}, vote); status != fuse.OK || int(n) != len(vote) {
		t.Errorf("a write: %d, %v", n, status)
	}
	for size, want := range map[uint64]fuse.Status{0: fuse.EPERM, 8: fuse.EPERM, uint64(len(vote)): fuse.OK,
		uint64(len(vote)) + 1: fuse.EPERM} {
		in := &fuse.SetAttrIn{SetAttrInCommon: fuse.SetAttrInCommon{InHeader: fuse.InHeader{NodeId: f.node},
			Valid: fuse.FATTR_SIZE, Size: size}}
		if status := fs.SetAttr(nil, in, &fuse.AttrOut{}); status != want {
			t.Errorf("cut to %d of %d: %v", size, len(vote), status)
		}
	}
	if status := fs.Rename(nil, &fuse.RenameIn{}, f.name, f.name); status != fuse.ENOSYS {
		t.Errorf("rename: %v", status)
	}
	if status := fs.Link(nil, &fuse.LinkIn{}, f.name, &fuse.EntryOut{}); status != fuse.ENOSYS {
		t.Errorf("link: %v", status)
	}
	if _, status := fs.CopyFileRange(nil, &fuse.CopyFileRangeIn{}); status != fuse.ENOSYS {
		t.Errorf("copy_file_range: %v", status)
	}
	other := &fuse.CreateIn{InHeader: fuse.InHeader{NodeId: rootNode}}
	for _, name := range []string{"x", "unit_1.dat", journal.FileName(era, unitstest.New(2, 3).Public())} {
		if status := fs.Create(nil, other, name, &fuse.CreateOut{}); status != fuse.EPERM {
			t.Errorf("%s is created: %v", name, status)
		}
	}
}

// TestRefusedIsNotStored: neither by the handle that was refused, nor what it writes again.
func TestRefusedIsNotStored(t *testing.T) {
	us, era := unitstest.New(1, 7), unitstest.Instance("era")
	asked, no := 0, errors.New("no")
	refuse := no
	f := opened(t, func(casper.Ballot) error { asked++; return refuse })
	h := f.handle()
	for range 2 {
		if err := h.write(unitstest.Entry(us.Vote(era, 1, true))); !errors.Is(err, no) {
			t.Errorf("refused: %v", err)
		}
		refuse = nil
	}
	if info, err := os.Stat(f.path()); err != nil || info.Size() != 0 || asked != 1 {
		t.Errorf("stored are %v, %v; asked %d times", info.Size(), err, asked)
	}
}

// TestDeletedFile: who has a deleted file open writes into nothing, so the node must not think it
// did.
func TestDeletedFile(t *testing.T) {
	us, era := unitstest.New(1, 7), unitstest.Instance("era")
	f := opened(t, func(casper.Ballot) error { return nil })
	h := f.handle()
	if status := newTree(f.gate).Unlink(nil, &fuse.InHeader{NodeId: rootNode}, f.name); status != fuse.OK {
		t.Fatal(status)
	}
	if err := h.write(unitstest.Entry(us.Vote(era, 1, true))); err == nil {
		t.Error("a deleted file takes a vote")
	}
}

// TestNothingUnclaimed: what a node wrote without a gate keeps the gate from starting.
func TestNothingUnclaimed(t *testing.T) {
	us, dir := unitstest.New(1, 7), t.TempDir()
	g := New(Settings{Key: us.Public(), State: t.TempDir()}, nil)
	if err := os.MkdirAll(g.folder(), 0o700); err != nil {
		t.Fatal(err)
	}
	look := func() error {
		folder, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer folder.Close()
		return g.nothingUnclaimed(folder)
	}
	if err := look(); err != nil {
		t.Fatal(err)
	}
	era := unitstest.Instance("era")
	name := journal.FileName(era, us.Public())
	first, second := unitstest.Entry(us.Echo(era, 1, "block")), unitstest.Entry(us.Vote(era, 1, true))
	below, kept := filepath.Join(dir, name), filepath.Join(g.folder(), name)
	write := func(path string, text ...[]byte) {
		if err := os.WriteFile(path, slices.Concat(text...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(below)
	if err := look(); err == nil {
		t.Error("a file that nobody imported is hidden")
	}
	g.enter(name)
	for _, c := range []struct {
		what          string
		below, stored [][]byte
		fine          bool
	}{
		{"the same", [][]byte{first, second}, [][]byte{first, second}, true},
		{"what it begins with", [][]byte{first}, [][]byte{first, second}, true},
		{"nothing", nil, [][]byte{first, second}, true},
		{"more", [][]byte{first, second}, [][]byte{first}, false},
		{"another era's run", [][]byte{second}, [][]byte{first, second}, false},
	} {
		write(below, c.below...)
		write(kept, c.stored...)
		if err := look(); (err == nil) != c.fine {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	write(below, first)
	w, err := os.OpenFile(below, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := look(); !errors.Is(err, ErrWritten) {
		t.Errorf("a file that is being written: %v", err)
	}
	w.Close()
	if err := look(); err != nil {
		t.Error(err)
	}
}
