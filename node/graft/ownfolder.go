package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// ownFolder is a folder of ours of which the tree gets a copy. A reference to the folder itself
// would differ from checkout to checkout, and for each of them cargo would build everything anew.
type ownFolder struct {
	from string   // relative to the table, with slashes
	to   string   // in the tree, with slashes; the crate has nothing there
	only []string // what of it is copied: names of files and folders directly in it
}

// check lists every fault of the entry.
func (f ownFolder) check() error {
	var faults []error
	if f.from == "" || path.IsAbs(f.from) {
		faults = append(faults, fmt.Errorf("from = %q: want a path relative to the table, with slashes", f.from))
	}
	if !fs.ValidPath(f.to) || f.to == "." {
		faults = append(faults, fmt.Errorf("to = %q: want a path inside the crate, with slashes", f.to))
	}
	if len(f.only) == 0 {
		faults = append(faults, errors.New("only: say what of the folder is copied"))
	}
	for _, name := range f.only {
		if name == "" || strings.Contains(name, "/") || scratch(name) {
			faults = append(faults, fmt.Errorf("only: want a name in the folder, neither hidden nor an editor's, got %q", name))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("folder %s: %w", f.to, err)
	}
	return nil
}

// dir is where the folder is.
func (f ownFolder) dir(table string) string {
	return filepath.Join(filepath.Dir(table), filepath.FromSlash(f.from))
}

// holds says that a path in the tree belongs to the copy.
func (f ownFolder) holds(name string) bool { return below(name, f.to) }

// below says that name is top or in it.
func below(name, top string) bool { return name == top || strings.HasPrefix(name, top+"/") }

// scratch says that a path is hidden, or a copy that an editor or a patch left behind.
func scratch(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool {
		return strings.HasPrefix(part, ".") || strings.HasPrefix(part, "#") || strings.HasSuffix(part, "~") ||
			slices.Contains([]string{".bak", ".orig", ".rej", ".swp"}, path.Ext(part))
	})
}

// read reads what is copied, by its path in the tree.
func (f ownFolder) read(table string) (source, error) {
	dir := f.dir(table)
	files, err := readFolder(dir, func(name string) bool {
		top, _, _ := strings.Cut(name, "/")
		return !slices.Contains(f.only, top) || scratch(name)
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", dir, err)
	}
	copied := source{}
	missing := slices.Clone(f.only)
	for name, data := range files {
		copied[path.Join(f.to, name)] = data
		missing = slices.DeleteFunc(missing, func(top string) bool { return below(name, top) })
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("reading %s: there is no file named or in %s", dir, strings.Join(missing, ", "))
	}
	return copied, nil
}

// readCopied reads what is copied of all our folders, by its path in the tree.
func (t *table) readCopied(name string) (source, error) {
	all := source{}
	var faults []error
	for _, f := range t.folders {
		copied, err := f.read(name)
		faults = append(faults, err)
		maps.Copy(all, copied)
	}
	return all, errors.Join(faults...)
}

// checkPlaces is nil if the copies of our folders get in the way neither of the crate nor
// of our new files.
func (o ours) checkPlaces(stock source) error {
	var faults []error
	for _, f := range o.folders {
		for name := range stock {
			if f.holds(name) {
				faults = append(faults, fmt.Errorf("folder %s: is in the crate already; name another place", f.to))
				break
			}
		}
		for name := range o.added {
			if f.holds(name) {
				faults = append(faults, fmt.Errorf("files/%s: is where %s is copied to; put it there", name, f.from))
			}
		}
	}
	return errors.Join(faults...)
}

// takeCopied takes the copies of our folders out of an edited tree. What was edited there is an
// error, as the table cannot say it. A tree without any copy, such as the bare crate of another
// version, is as good.
func (t *table) takeCopied(name string, tree source) error {
	var faults []error
	for _, f := range t.folders {
		want, err := f.read(name)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		have := source{}
		for path, data := range tree {
			if !f.holds(path) {
				continue
			}
			delete(tree, path)
			if !scratch(strings.TrimPrefix(path, f.to+"/")) {
				have[path] = data
			}
		}
		if diff := have.differences(want); len(have) > 0 && len(diff) > 0 {
			faults = append(faults, fmt.Errorf("%s: edit %s itself and apply again; the copy differs in %s",
				f.to, f.dir(name), strings.Join(diff, ", ")))
		}
	}
	return errors.Join(faults...)
}

// differences are the paths, in order, whose files are not the same in both.
func (s source) differences(other source) []string {
	both := maps.Clone(s)
	maps.Copy(both, other)
	maps.DeleteFunc(both, func(name string, _ []byte) bool {
		a, here := s[name]
		b, there := other[name]
		return here == there && bytes.Equal(a, b)
	})
	return slices.Sorted(maps.Keys(both))
}
