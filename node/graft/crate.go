package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// A crate beyond these limits is refused. The registry takes at most 10 MiB, compressed.
const (
	maxPacked   = 32 << 20
	maxUnpacked = 256 << 20
	maxFiles    = 10_000
)

// source is the files of a crate: content by path, with slashes.
type source map[string][]byte

// readCrate reads a .crate file into memory, as it is.
func readCrate(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the crate: %w; cargo keeps crates under ~/.cargo/registry/cache", err)
	}
	defer f.Close()
	packed, err := io.ReadAll(io.LimitReader(f, maxPacked+1))
	if err != nil {
		return nil, fmt.Errorf("reading the crate: %w", err)
	}
	if len(packed) > maxPacked {
		return nil, fmt.Errorf("reading the crate: %s is larger than %d bytes; is it a .crate file?", name, maxPacked)
	}
	return packed, nil
}

// unpack reads a .crate file: a tar.gz of regular files in one folder, NAME-VERSION. Anything else
// in it is an error.
func unpack(packed []byte) (folder string, files source, err error) {
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", nil, fmt.Errorf("unpacking the crate: %w", err)
	}
	limited := &io.LimitedReader{R: zip, N: maxUnpacked}
	archive := tar.NewReader(limited)
	files = source{}
	for {
		entry, err := archive.Next()
		if err == io.EOF {
			_, err = io.Copy(io.Discard, limited) // to the end, where gzip's own checksum is
			if err == nil {
				break
			}
		}
		if err != nil {
			return "", nil, fmt.Errorf("unpacking the crate: %w", unpackError(err, limited))
		}
		if folder == "" {
			folder, _, _ = strings.Cut(entry.Name, "/")
		}
		name, err := insideName(entry, folder)
		if err == nil && files[name] != nil {
			err = errors.New("is there twice")
		}
		if err == nil && len(files) == maxFiles {
			err = fmt.Errorf("is one of more than %d files", maxFiles)
		}
		if err != nil {
			return "", nil, fmt.Errorf("unpacking the crate: %q %w", entry.Name, err)
		}
		if files[name], err = io.ReadAll(archive); err != nil {
			return "", nil, fmt.Errorf("unpacking the crate: %q: %w", entry.Name, unpackError(err, limited))
		}
	}
	return folder, files, files.checkNames()
}

func unpackError(err error, limited *io.LimitedReader) error {
	if limited.N <= 0 {
		return fmt.Errorf("more than %d bytes", maxUnpacked)
	}
	return err
}

// insideName is the entry's path inside folder.
func insideName(entry *tar.Header, folder string) (string, error) {
	if entry.Typeflag != tar.TypeReg {
		return "", errors.New("is not a regular file")
	}
	name, inside := strings.CutPrefix(entry.Name, folder+"/")
	// A valid path is relative, clean and without "..".
	if !inside || !fs.ValidPath(entry.Name) || strings.ContainsAny(name, "\\\x00") {
		return "", fmt.Errorf("is not a path inside %s/", folder)
	}
	return name, nil
}

// checkNames is nil if all files can be on a disk at once and none has a name that graft
// keeps for itself.
func (s source) checkNames() error {
	for name := range s {
		if local(name) || below(name, markFile) || below(name, revisionFile) {
			return fmt.Errorf("%s: graft keeps this name for itself", name)
		}
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, isFile := s[dir]; isFile {
				return fmt.Errorf("%s is a file and a folder", dir)
			}
		}
	}
	return nil
}

// lines are the lines of a file, each with its newline; the last may be without.
func lines(data []byte) [][]byte {
	all := bytes.SplitAfter(data, []byte("\n"))
	if len(all[len(all)-1]) == 0 {
		all = all[:len(all)-1]
	}
	return all
}

// cut are the lines of p in one piece. It is an error if the file ends before p.
func cut(all [][]byte, p place) ([]byte, error) {
	if p.end > len(all) {
		return nil, fmt.Errorf("the file has only %d lines", len(all))
	}
	return bytes.Join(all[p.start:p.end], nil), nil
}
