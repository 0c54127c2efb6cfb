package gate

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrWritten says that a unit file is being written past the gate: what is read of it may not be
// all that was signed.
var ErrWritten = errors.New("a process writes unit files past the gate: stop the node first, and look for " +
	"containers that run one")

// still is an old file that nobody writes while it is read.
//
// A lease of the kernel tells, which sees each writer, whatever its namespace and whether it wrote
// by a descriptor or a mapping that outlived one. It is not given while there is one, and taken
// back when one comes.
type still struct {
	*os.File
	before unix.Stat_t
}

// openStill opens the file of that name in the folder, or at the path if the folder is
// unix.AT_FDCWD.
func openStill(folder int, name string) (*still, error) {
	// Without waiting, as for another's lease or at a pipe.
	fd, err := unix.Openat(folder, name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", name, err)
	}
	s := &still{File: os.NewFile(uintptr(fd), name)}
	if err := s.lease(fd); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// lease has the kernel tell of writers.
func (s *still) lease(fd int) error {
	if err := unix.Fstat(fd, &s.before); err != nil {
		return err
	}
	if s.before.Mode&unix.S_IFMT != unix.S_IFREG {
		return fmt.Errorf("%s is no file", s.Name())
	}
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return fmt.Errorf("%s is open for writing: %w", s.Name(), ErrWritten)
	case err != nil:
		return fmt.Errorf("%s: whether somebody writes it cannot be told here (%w): with the node stopped, copy it to a "+
			"local file system, under the same name, and read it there as root", s.Name(), err)
	}
	return nil
}

// unchanged fails if the file was opened for writing, or changed, since it was opened here.
func (s *still) unchanged() error {
	lease, err := unix.FcntlInt(s.Fd(), unix.F_GETLEASE, 0)
	if err != nil {
		return err
	}
	var now unix.Stat_t
	if err := unix.Fstat(int(s.Fd()), &now); err != nil {
		return err
	}
	if lease != unix.F_RDLCK || now.Size != s.before.Size || now.Mtim != s.before.Mtim {
		return fmt.Errorf("%s changed while it was read: %w", s.Name(), ErrWritten)
	}
	return nil
}

// beginOf reports whether all that the file holds is what the other one begins with.
func (s *still) beginOf(path string) (bool, error) {
	all, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer all.Close()
	return begins(all, io.NewSectionReader(s, 0, s.before.Size))
}

// begins reports whether the one reader's bytes are what the other one begins with.
func begins(all, with io.Reader) (bool, error) {
	a, b := make([]byte, maxIO), make([]byte, maxIO)
	for {
		n, ended := io.ReadFull(with, b)
		if ended != nil && !errors.Is(ended, io.EOF) && !errors.Is(ended, io.ErrUnexpectedEOF) {
			return false, ended
		}
		if _, err := io.ReadFull(all, a[:n]); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return false, nil
		} else if err != nil {
			return false, err
		}
		if string(a[:n]) != string(b[:n]) {
			return false, nil
		}
		if ended != nil {
			return true, nil
		}
	}
}

// stillFolder is a folder of old unit files, none of which anybody writes.
type stillFolder struct {
	*os.File
	before unix.Stat_t
}

// watchFolder begins to look. The folder stays the caller's to close.
func watchFolder(folder *os.File) (*stillFolder, error) {
	s := &stillFolder{File: folder}
	return s, unix.Fstat(int(folder.Fd()), &s.before)
}

// each opens the unit files one after the other.
func (s *stillFolder) each(do func(*still) error) error {
	names, err := s.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "unit_") {
			continue
		}
		f, err := openStill(int(s.Fd()), name)
		if err != nil {
			return err
		}
		err = do(f)
		if err == nil {
			err = f.unchanged()
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// unchanged fails if a file came, went, or got another name since.
func (s *stillFolder) unchanged() error {
	var now unix.Stat_t
	if err := unix.Fstat(int(s.Fd()), &now); err != nil {
		return err
	}
	if now.Mtim != s.before.Mtim {
		return fmt.Errorf("%s changed while it was read: %w", s.Name(), ErrWritten)
	}
	return nil
}

// beside opens the folder in which an old unit file lies, and fails if any there is being written:
// then a node runs.
func beside(path string) (*stillFolder, error) {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	s, err := watchFolder(folder)
	if err == nil {
		err = s.each(func(*still) error { return nil })
	}
	if err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	return s, nil
}
