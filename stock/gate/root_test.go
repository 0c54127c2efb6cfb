package gate_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units/unitstest"
)

// TestWhatIsNotPossible: whatever casper-node does not need, whoever tries it, and root does here.
func TestWhatIsNotPossible(t *testing.T) {
	s := newSite(t, &Fake{})
	own := entry(us.Echo(era, 1, "block"))
	s.write(s.open(), own, nil)
	dir := s.settings.UnitFiles
	elsewhere := filepath.Join(filepath.Dir(dir), "elsewhere")
	if err := os.WriteFile(elsewhere, own, 0o600); err != nil {
		t.Fatal(err)
	}
	rw, err := os.OpenFile(s.path(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer rw.Close()
	fd := int(rw.Fd())
	_, mapped := unix.Mmap(fd, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	_, named := os.Create(filepath.Join(dir, "unit_other.dat"))
	_, foreign := os.Create(filepath.Join(dir, journal.FileName(era, other.Public())))
	_, unnamed := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR, 0o600)
	second := filepath.Join(dir, journal.FileName(unitstest.Instance("next"), us.Public()))
	for name, err := range map[string]error{
		"rename": os.Rename(s.path(), second), "rename in": os.Rename(elsewhere, s.path()),
		"rename away": os.Rename(s.path(), elsewhere),
		"exchange":    unix.Renameat2(unix.AT_FDCWD, s.path(), unix.AT_FDCWD, second, unix.RENAME_EXCHANGE),
		"link":        os.Link(s.path(), second), "link in": os.Link(elsewhere, second),
		"symlink": os.Symlink(elsewhere, second), "mkdir": os.Mkdir(second, 0o700),
		"mkfifo": unix.Mkfifo(second, 0o600), "a device": unix.Mknod(second, unix.S_IFCHR|0o600, 259),
		"shared mapping": mapped, "another name": named, "another key": foreign, "no name": unnamed,
		"chmod": os.Chmod(s.path(), 0o777), "chown": os.Chown(s.path(), 1, 1),
		"truncate": rw.Truncate(0), "extend": rw.Truncate(int64(len(own)) + 8),
		"truncate in an entry": os.Truncate(s.path(), 8), "fallocate": unix.Fallocate(fd, 0, 0, 8192),
		"punch":     unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 8),
		"setxattr":  unix.Setxattr(s.path(), "user.x", []byte{1}, 0),
		"acl":       unix.Setxattr(s.path(), "system.posix_acl_access", []byte{2, 0, 0, 0}, 0),
		"immutable": unix.IoctlSetInt(fd, unix.FS_IOC_SETFLAGS, 0x10), "remove the folder": os.Remove(dir),
	} {
		if err == nil {
			t.Errorf("%s works", name)
		}
	}
	if _, err := os.OpenFile(s.path(), os.O_WRONLY|os.O_TRUNC, 0); err == nil {
		t.Error("opening can truncate")
	}
	if err := rw.Truncate(int64(len(own))); err != nil {
		t.Errorf("casper-node's cutting of nothing: %v", err)
	}
	if got := s.read(); !bytes.Equal(got, own) || !bytes.Equal(s.stored(), own) {
		t.Errorf("the file is %x", got)
	}
}

// TestCopies: who copies a live file with the usual tools copies, and who copies one in is asked
// for.
func TestCopies(t *testing.T) {
	s := newSite(t, &Fake{})
	w := s.open()
	own, foreign := entry(us.Echo(era, 1, "block")), entry(other.Echo(era, 1, "block"))
	s.write(w, slices.Concat(own, foreign), nil)
	dir := t.TempDir()
	for _, command := range [][]string{{"cp", s.path(), dir + "/cp"},
		{"sh", "-c", "cat " + s.path() + " > " + dir + "/cat"}, {"rsync", "-a", s.path(), dir + "/rsync"},
		{"tar", "-cf", dir + "/tar", "-C", s.settings.UnitFiles, "."}} {
		if _, err := exec.LookPath(command[0]); err != nil {
			t.Logf("SKIPPED: %s is not installed", command[0])
			continue
		}
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v %s", command, err, out)
		}
	}
	for _, name := range []string{"cp", "cat"} {
		if got, _ := os.ReadFile(filepath.Join(dir, name)); !bytes.Equal(got, s.stored()) {
			t.Errorf("%s copied %d bytes", name, len(got))
		}
	}
	in, err := os.Open(filepath.Join(dir, "cp"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	next := filepath.Join(s.settings.UnitFiles, journal.FileName(unitstest.Instance("next"), us.Public()))
	out, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if n, err := unix.CopyFileRange(int(in.Fd()), nil, int(out.Fd()), nil, len(own), 0); err == nil && n != len(own) {
		t.Errorf("copy_file_range: %d, %v", n, err)
	}
	s.write(w, entry(us.Vote(era, 1, true)), nil)
}

// TestDeleteLocalState: casper-node-util deletes the whole storage. The node's open file is gone,
// and what it signed in the era is not signed again with another content.
func TestDeleteLocalState(t *testing.T) {
	s := newSite(t, &Fake{})
	w := s.open()
	s.write(w, entry(us.Echo(era, 1, "block")), nil)
	if err := os.RemoveAll(filepath.Dir(s.settings.UnitFiles)); !errors.Is(err, unix.EBUSY) {
		t.Errorf("the folder itself is mounted: %v", err)
	}
	s.write(w, entry(us.Vote(era, 1, true)), syscall.EIO)
	if list, err := os.ReadDir(s.settings.UnitFiles); err != nil || len(list) != 0 {
		t.Errorf("left are %v, %v", list, err)
	}
	s.write(s.open(), entry(us.Echo(era, 1, "another")), syscall.EIO)
	s.write(s.open(), entry(us.Echo(era, 1, "block")), nil)
	s.stop()
	if err := os.WriteFile(s.path(), []byte{1}, 0o600); !errors.Is(err, syscall.EROFS) {
		t.Errorf("without the gate something can be written: %v", err)
	}
	os.RemoveAll(filepath.Dir(s.settings.UnitFiles))
	s.start()
	if got := s.read(); !bytes.Equal(got, entry(us.Echo(era, 1, "block"))) {
		t.Errorf("the file is %x", got)
	}
}

// TestDeletedWhileRead: who has a deleted file open reads on.
func TestDeletedWhileRead(t *testing.T) {
	s := newSite(t, &Fake{})
	own := entry(us.Echo(era, 1, "block"))
	s.write(s.open(), own, nil)
	f, err := os.Open(s.path())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Remove(s.path()); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, own) {
		t.Errorf("%x, %v", got, err)
	}
	if err := os.Remove(s.path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("removed twice: %v", err)
	}
}

// TestUnclaimedFile: what a node wrote without a gate is not hidden from it.
func TestUnclaimedFile(t *testing.T) {
	s := newShut(t, &Fake{})
	if err := os.Mkdir(s.settings.UnitFiles, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path(), entry(us.Echo(era, 1, "block")), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time the file is hidden already, as after a boot
		p, why := launch(t, s.settings, s.socket)
		if p != nil || !bytes.Contains([]byte(why), []byte("gate import")) {
			t.Fatalf("the gate stands over a file that nobody claimed: %s", why)
		}
	}
	if err := unix.Unmount(s.settings.UnitFiles, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.path()); err != nil {
		t.Fatal(err)
	}
	s.start()
}

// TestDeviceIsNotInherited: a process that inherited the gate's device would keep a node hanging.
func TestDeviceIsNotInherited(t *testing.T) {
	s := newSite(t, &Fake{})
	proc := fmt.Sprintf("/proc/%d/", s.gate.cmd.Process.Pid)
	all, err := os.ReadDir(proc + "fd")
	if err != nil {
		t.Fatal(err)
	}
	devices := 0
	for _, e := range all {
		if to, _ := os.Readlink(proc + "fd/" + e.Name()); to != "/dev/fuse" {
			continue
		}
		devices++
		info, err := os.ReadFile(proc + "fdinfo/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		var at, flags int
		if _, err := fmt.Sscanf(string(info), "pos:\t%d\nflags:\t%o", &at, &flags); err != nil {
			t.Fatalf("%s: %v", info, err)
		}
		if flags&unix.O_CLOEXEC == 0 {
			t.Errorf("the device is open to processes that are started: %s", info)
		}
	}
	if children, err := filepath.Glob(proc + "task/*/children"); err != nil || len(children) == 0 || devices != 1 {
		t.Errorf("%d devices, %d, %v", devices, len(children), err)
	}
}
