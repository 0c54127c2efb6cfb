package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

func record(p paths, out io.Writer) error {
	packed, err := readCrate(p.crate)
	if err != nil {
		return err
	}
	old, err := readOldTable(p.table)
	if err != nil {
		return err
	}
	tree, err := readFolder(p.tree, local)
	if err != nil {
		return fmt.Errorf("reading the edited tree: %w", err)
	}
	if len(tree) == 0 {
		return fmt.Errorf("no files in %s; name the folder where the crate's Cargo.toml is", p.tree)
	}
	delete(tree, markFile)
	delete(tree, revisionFile)
	our, err := compare(p.table, old.folders, packed, tree)
	if err != nil {
		return fmt.Errorf("comparing %s with what is published and ours: %w", p.tree, err)
	}
	if old.release() == our.release() && old.sum != our.sum {
		return fmt.Errorf("%s is for another %s, of sha256 %s; a published crate never changes, so one of the two is not it",
			p.table, our.release(), old.sum)
	}
	keepReasons(our.table, old)
	text, err := our.encode()
	if err != nil {
		return err
	}
	if err := our.checkRecorded(text, packed, tree); err != nil {
		return fmt.Errorf("%w; nothing is written", err)
	}
	if err := our.write(p.table, text); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %v\n", our.release(), our)
	if err := our.checkReasons(); err != nil {
		fmt.Fprintf(out, "still to do in %s:\n%v\n", p.table, err)
	}
	return nil
}

// readOldTable reads the table that will be replaced. Its reasons are kept; if there is none, there
// is nothing to keep.
func readOldTable(name string) (*table, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return &table{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the old table: %w", err)
	}
	t, err := parseTable(text)
	if err != nil {
		return nil, fmt.Errorf("reading the old table: %s: %w; mend it or move it away, reasons are kept from it", name, err)
	}
	return t, nil
}

// compare is what makes tree of the crate, as yet without reasons. The copies of our folders are
// taken out of tree.
func compare(tableName string, folders []ownFolder, packed []byte, tree source) (ours, error) {
	folder, stock, err := unpack(packed)
	if err != nil {
		return ours{}, err
	}
	name, version, err := packageName(stock["Cargo.toml"])
	if err != nil {
		return ours{}, err
	}
	our := ours{&table{crate: name, version: version, sum: sum(packed), folders: folders}, source{}, nil}
	if folder != our.release() {
		return ours{}, fmt.Errorf("the crate's folder is %s, its Cargo.toml says %s", folder, our.release())
	}
	if err := our.checkPlaces(stock); err != nil {
		return ours{}, err
	}
	if err := our.takeCopied(tableName, tree); err != nil {
		return ours{}, err
	}
	var faults []error
	for _, path := range slices.Sorted(maps.Keys(stock)) {
		data, ok := tree[path]
		if !ok {
			faults = append(faults, fmt.Errorf("%s: deleted, which the table cannot say; keep the file, empty if need be", path))
			continue
		}
		if bytes.Equal(data, stock[path]) {
			continue
		}
		f, err := compareFile(stock[path], data)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", path, err))
		}
		f.path = path
		our.files = append(our.files, f)
	}
	for path, data := range tree {
		if _, ok := stock[path]; !ok {
			our.added[path] = data
		}
	}
	return our, errors.Join(faults...)
}

// packageName reads a crate's name and version from its Cargo.toml.
func packageName(manifest []byte) (name, version string, err error) {
	var m map[string]any
	if err := decodeTOML(manifest, &m); err != nil {
		return "", "", fmt.Errorf("reading the crate's Cargo.toml: %w", err)
	}
	about, _ := m["package"].(map[string]any)
	name, _ = about["name"].(string)
	version, _ = about["version"].(string)
	if name == "" || version == "" {
		return "", "", errors.New("the crate's Cargo.toml names no package and version")
	}
	return name, version, nil
}

// compareFile is the edits that make tree of stock.
func compareFile(stock, tree []byte) (fileEdits, error) {
	f := fileEdits{sum: sum(stock)}
	hunks, err := diff(stock, tree)
	if err != nil {
		return f, err
	}
	before, after := lines(stock), lines(tree)
	for _, h := range hunks {
		was, err := cut(before, h.was.guarded())
		if err != nil {
			return f, fmt.Errorf("reading the diff: %w", err)
		}
		is, err := cut(after, h.is)
		if err != nil {
			return f, fmt.Errorf("reading the diff: %w", err)
		}
		f.edits = append(f.edits, edit{place: h.was, sum: sum(was), text: string(is)})
	}
	return f, nil
}

// keepReasons takes over the old table's reasons: for the same text if it can, else for the same
// place. Each is used once.
func keepReasons(t, old *table) {
	ranks := []func(is, was edit) bool{
		func(is, was edit) bool { return is.text == was.text && is.place == was.place },
		func(is, was edit) bool { return is.text == was.text && is.sum == was.sum },
		func(is, was edit) bool { return is.text == was.text && is.text != "" },
		func(is, was edit) bool { return is.place.start == was.place.start },
	}
	for _, f := range t.files {
		var known []edit
		for _, o := range old.files {
			if o.path == f.path {
				known = slices.Clone(o.edits)
			}
		}
		for _, same := range ranks {
			for i := range f.edits {
				is := &f.edits[i]
				k := slices.IndexFunc(known, func(was edit) bool { return same(*is, was) })
				if is.why == "" && k >= 0 {
					is.why = known[k].why
					known = slices.Delete(known, k, k+1)
				}
			}
		}
		for i := range f.edits {
			if strings.TrimSpace(f.edits[i].why) == "" {
				f.edits[i].why = todo
			}
		}
	}
}

// checkRecorded is nil if the table as written makes exactly tree of the crate.
func (o ours) checkRecorded(text, packed []byte, tree source) error {
	t, err := parseTable(text)
	if err != nil {
		return fmt.Errorf("reading back the new table: %w", err)
	}
	back, err := ours{t, o.added, nil}.graft(packed)
	if err != nil {
		return fmt.Errorf("applying the new table: %w", err)
	}
	if !maps.EqualFunc(back, tree, bytes.Equal) {
		return errors.New("the new table does not give the edited tree back")
	}
	return nil
}

// write puts the table and our new files where apply looks for them. Earlier new files that are
// gone are removed.
func (o ours) write(table string, text []byte) error {
	dir := newFilesDir(table)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the folder of new files: %w", err)
	}
	plan, err := planSync(dir, o.added)
	if err == nil {
		err = plan.do(dir, o.added)
	}
	if err == nil {
		err = os.WriteFile(table, text, 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}
