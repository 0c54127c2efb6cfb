package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
)

// markFile says that a folder is graft's own result and which revision it has.
const markFile = ".graft"

// incomplete is in markFile while the folder is written. If we crash then, the next apply
// starts from there.
const incomplete = "incomplete"

// local says that a path in a tree of source is of the host, neither of the crate nor ours: the
// output of cargo, its marks and copies of the lock file, and the author's version control. It is
// neither recorded nor removed.
func local(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	return top == "target" || top == ".git" || top == ".cargo-ok" || top != "Cargo.lock" &&
		strings.HasPrefix(top, "Cargo.lock")
}

// writeResult makes dir hold files and the mark, and nothing else but what is local. Files that are
// there already with the same bytes are left untouched, with their times, so that cargo builds only
// what has changed. It returns how many files it wrote and removed.
func writeResult(dir string, files source, rev string) (written, removed int, err error) {
	if err := checkOwn(dir); err != nil {
		return 0, 0, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, 0, fmt.Errorf("making the folder: %w", err)
	}
	want := maps.Clone(files)
	want[markFile] = []byte(rev + "\n")
	plan, err := planSync(dir, want)
	if err != nil || len(plan.write)+len(plan.remove) == 0 {
		return 0, 0, err
	}
	plan.write = slices.DeleteFunc(plan.write, func(name string) bool { return name == markFile })
	// The mark is written first and last, so that a half-written folder neither looks whole
	// nor foreign.
	if err := mark(dir, incomplete); err != nil {
		return 0, 0, err
	}
	if err := plan.do(dir, want); err != nil {
		return 0, 0, err
	}
	return len(plan.write), len(plan.remove), mark(dir, rev)
}

func mark(dir, state string) error {
	if err := os.WriteFile(path.Join(dir, markFile), []byte(state+"\n"), 0o644); err != nil {
		return fmt.Errorf("marking the folder: %w", err)
	}
	return nil
}

// checkOwn is nil if dir does not exist, is empty, or is an earlier result.
func checkOwn(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking into --into: %w", err)
	}
	for _, entry := range entries {
		if entry.Name() == markFile && entry.Type().IsRegular() {
			return nil
		}
	}
	return fmt.Errorf("%s is not a result of graft (no %s in it), nothing is written; name another folder", dir, markFile)
}

// syncPlan is what has to be done so that a folder holds certain files.
type syncPlan struct {
	remove []string // files and whole folders
	write  []string
}

// planSync compares dir with the files that it should hold. It changes nothing.
func planSync(dir string, want source) (syncPlan, error) {
	var plan syncPlan
	folders := map[string]bool{".": true}
	for name := range want {
		for parent := path.Dir(name); parent != "."; parent = path.Dir(parent) {
			folders[parent] = true
		}
	}
	same := map[string]bool{}
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		data, wanted := want[name]
		switch {
		case entry.IsDir() && folders[name]:
			return nil
		case local(name):
		case wanted && entry.Type().IsRegular():
			have, err := fs.ReadFile(root, name)
			if err != nil {
				return err
			}
			same[name] = bytes.Equal(have, data)
		default:
			plan.remove = append(plan.remove, name)
		}
		if entry.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		return plan, fmt.Errorf("looking into the folder: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !same[name] {
			plan.write = append(plan.write, name)
		}
	}
	return plan, nil
}

// do carries the plan out. It never leaves dir, whatever links are in it.
func (p syncPlan) do(dir string, files source) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("opening the folder: %w", err)
	}
	defer func() { _ = root.Close() }()
	for _, name := range p.remove {
		if err := root.RemoveAll(name); err != nil {
			return fmt.Errorf("removing what should not be there: %w", err)
		}
	}
	for _, name := range p.write {
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return fmt.Errorf("making a folder: %w", err)
		}
		// A new file, not new content: another name of the old one (a hard link) keeps what it has.
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("replacing a file: %w", err)
		}
		if err := root.WriteFile(name, files[name], 0o644); err != nil {
			return fmt.Errorf("writing a file: %w", err)
		}
	}
	return nil
}

// readFolder reads all regular files under dir but what is left out. Anything else in it is an
// error; no folder is no files.
func readFolder(dir string, leftOut func(name string) bool) (source, error) {
	files := source{}
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && name == "." && errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case name == ".":
			return nil
		case leftOut(name) && entry.IsDir():
			return fs.SkipDir
		case leftOut(name) || entry.IsDir():
			return nil
		case !entry.Type().IsRegular():
			return fmt.Errorf("%s is not a regular file", path.Join(dir, name))
		}
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		if data == nil {
			data = []byte{}
		}
		files[name] = data
		return nil
	})
	return files, err
}
