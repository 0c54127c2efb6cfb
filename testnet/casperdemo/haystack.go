package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// searched is what a search looked at and met.
type searched struct {
	Found map[string]int // by needle
	Where []string       // files and processes in which something was found
	Files int
	Bytes int64
}

// note adds what was found in one place.
func (s *searched) note(where string, found map[string]int, n int64) {
	s.Bytes += n
	for name, count := range found {
		s.Found[name] += count
		if count > 0 {
			s.Where = append(s.Where, where+": "+name)
		}
	}
}

// searchFiles searches every regular file below the folders.
func searchFiles(needles []needle, folders ...string) (searched, error) {
	s := searched{Found: map[string]int{}}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.Type().IsRegular() {
				return nil
			}
			if err == nil {
				err = s.file(path, needles)
			}
			if errors.Is(err, os.ErrNotExist) { // it was replaced meanwhile
				return nil
			}
			return err
		})
		if err != nil {
			return s, fmt.Errorf("searching the files in %s: %w", folder, err)
		}
	}
	return s, nil
}

// file searches one file. The node's databases are files of gigabytes that are nearly all hole, so
// holes are left out.
func (s *searched) file(path string, needles []needle) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	found := map[string]int{}
	var read int64
	for at := int64(0); ; {
		begin, err := f.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, syscall.ENXIO) { // there is no data behind at
			break
		}
		if err != nil {
			return err
		}
		if at, err = f.Seek(begin, unix.SEEK_HOLE); err != nil {
			return err
		}
		n, err := scan(io.NewSectionReader(f, begin, at-begin), needles, found)
		if err != nil {
			return err
		}
		read += n
	}
	s.Files++
	s.note(path, found, read)
	return nil
}

// searchMemory searches all that a process has in memory, but for files that it shares with others:
// they are searched as files.
func searchMemory(needles []needle, name string, pid int) (searched, error) {
	s := searched{Found: map[string]int{}}
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return s, fmt.Errorf("searching the memory of %s: %w", name, err)
	}
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return s, fmt.Errorf("searching the memory of %s: %w", name, err)
	}
	defer memory.Close()
	found := map[string]int{}
	var read int64
	for line := range strings.Lines(string(maps)) {
		m, ok := parseMapping(line)
		if !ok {
			continue
		}
		n, err := scan(io.NewSectionReader(memory, m.begin, m.end-m.begin), needles, found)
		read += n
		// A mapping may be gone by now, or end beyond its file.
		if err != nil && !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.EFAULT) {
			return s, fmt.Errorf("searching the memory of %s: %w", name, err)
		}
	}
	s.note(name, found, read)
	return s, nil
}

// mapping is a range of addresses.
type mapping struct{ begin, end int64 }

// parseMapping reads a line of /proc/PID/maps (proc_pid_maps(5)). It is false for what is not
// to be searched.
func parseMapping(line string) (m mapping, ok bool) {
	fields := strings.Fields(line)
	const permissions, inode, path = 1, 4, 5
	if len(fields) <= inode || fields[permissions][0] != 'r' {
		return m, false
	}
	if _, err := fmt.Sscanf(fields[0], "%x-%x", &m.begin, &m.end); err != nil {
		return m, false // vsyscall, above what an offset can be
	}
	if len(fields) > path && (fields[path] == "[vvar]" || fields[path] == "[vvar_vclock]") {
		return m, false // the system's, which cannot be read
	}
	shared := fields[permissions][3] == 's' && fields[inode] != "0"
	return m, !shared
}
