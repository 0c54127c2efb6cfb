package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// revisionFile in the result holds the revision without a newline, so that the build can put it
// into the version.
const revisionFile = "COSIGNER_REVISION"

// ours is what we add to a crate, as it stands in this repository.
type ours struct {
	*table
	added  source // our new files
	copied source // what is copied of our folders, by its path in the tree
}

func apply(p paths, out io.Writer) error {
	text, err := os.ReadFile(p.table)
	if err != nil {
		return fmt.Errorf("reading the table: %w", err)
	}
	t, err := parseTable(text)
	if err == nil {
		err = t.checkReasons()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.table, err)
	}
	newFiles, err := readFolder(newFilesDir(p.table), local)
	if err != nil {
		return fmt.Errorf("reading our new files: %w", err)
	}
	copied, err := t.readCopied(p.table)
	if err != nil {
		return err
	}
	packed, err := readCrate(p.crate)
	if err != nil {
		return err
	}
	our := ours{t, newFiles, copied}
	result, err := our.graft(packed)
	if err != nil {
		return fmt.Errorf("%s does not fit %s, nothing is written: %w", p.table, p.crate, err)
	}
	rev := our.revision(filepath.Base(p.table), text)
	result[revisionFile] = []byte(rev)
	written, removed, err := writeResult(p.tree, result, rev)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %v\n", t.release(), our)
	fmt.Fprintf(out, "%s: %d files, %d written, %d removed, revision %s\n", p.tree, len(result), written, removed, rev)
	return nil
}

// newFilesDir is the folder of our new files.
func newFilesDir(table string) string { return filepath.Join(filepath.Dir(table), "files") }

// graft is the patched source. Its error lists everything that differs from what the
// edits were made for.
func (o ours) graft(packed []byte) (source, error) {
	if got := sum(packed); got != o.sum {
		return nil, fmt.Errorf("the crate has sha256 %s, want %s; fetch %s from the registry, or see where the edits belong "+
			"in another version with graft locate", got, o.sum, o.release())
	}
	folder, stock, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	if folder != o.release() {
		return nil, fmt.Errorf("the crate is %s, want %s", folder, o.release())
	}
	result := maps.Clone(stock)
	var faults []error
	for _, f := range o.files {
		data, ok := stock[f.path]
		if !ok {
			faults = append(faults, fmt.Errorf("%s: not in the crate", f.path))
			continue
		}
		if result[f.path], err = f.splice(data); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", f.path, err))
		}
	}
	for name, data := range o.added {
		if _, ok := stock[name]; ok {
			faults = append(faults, fmt.Errorf("files/%s: is in the crate already; make it an edit or rename it", name))
		}
		result[name] = data
	}
	maps.Copy(result, o.copied)
	faults = append(faults, o.checkPlaces(stock), result.checkNames())
	return result, errors.Join(faults...)
}

// splice is data with the edits put in.
func (f fileEdits) splice(data []byte) ([]byte, error) {
	var faults []error
	if got := sum(data); got != f.sum {
		faults = append(faults, fmt.Errorf("the crate's file has sha256 %s, the edits are for %s", got, f.sum))
	}
	all := lines(data)
	var result []byte
	done := 0 // lines of data that are in the result, or replaced
	for _, e := range f.edits {
		if err := e.fit(all); err != nil {
			faults = append(faults, fmt.Errorf("%v: %w", e.place, err))
			continue
		}
		result = append(result, bytes.Join(all[done:e.place.start], nil)...)
		result = append(result, e.text...)
		done = e.place.end
	}
	return append(result, bytes.Join(all[done:], nil)...), errors.Join(faults...)
}

// fit is nil if the text of the edit may stand among the lines.
func (e edit) fit(all [][]byte) error {
	was, err := cut(all, e.place.guarded())
	if err != nil {
		return err
	}
	if got := sum(was); got != e.sum {
		return fmt.Errorf("what is there has sha256 %s, the edit is for %s", got, e.sum)
	}
	if e.place.insertion() && len(was) > 0 && was[len(was)-1] != '\n' {
		return errors.New("that line has no newline, so nothing can come after it; replace it")
	}
	if e.place.end < len(all) && e.text != "" && !strings.HasSuffix(e.text, "\n") {
		return errors.New("the text needs a newline at its end, as a line follows")
	}
	return nil
}

// revision names the state of all that is ours: 12 hex digits over names, lengths and bytes, in
// order of names.
func (o ours) revision(name string, table []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d\n%s", name, len(table), table)
	for _, name := range slices.Sorted(maps.Keys(o.added)) {
		fmt.Fprintf(h, "files/%s\n%d\n%s", name, len(o.added[name]), o.added[name])
	}
	for _, name := range slices.Sorted(maps.Keys(o.copied)) {
		fmt.Fprintf(h, "folder/%s\n%d\n%s", name, len(o.copied[name]), o.copied[name])
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// String counts what we change.
func (o ours) String() string {
	edits, plus, minus, newLines := 0, 0, 0, 0
	for _, f := range o.files {
		for _, e := range f.edits {
			edits++
			plus += len(lines([]byte(e.text)))
			minus += e.place.end - e.place.start
		}
	}
	for _, data := range o.added {
		newLines += len(lines(data))
	}
	return fmt.Sprintf("%d files with %d edits (+%d -%d lines), %d new files (%d lines), %d copied folders",
		len(o.files), edits, plus, minus, len(o.added), newLines, len(o.folders))
}
