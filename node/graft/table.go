package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// todo is the reason that record gives to an edit that it does not know; apply refuses it.
const todo = "TODO"

// table is what we change in one version of one crate. Hashes are SHA-256 in lower-case hex.
type table struct {
	crate   string
	version string
	sum     string // of the .crate file
	folders []ownFolder
	files   []fileEdits
}

// release is the crate with its version: the name that its files have in front.
func (t *table) release() string { return t.crate + "-" + t.version }

// fileEdits is what we change in one file.
type fileEdits struct {
	path  string // in the crate, with slashes
	sum   string // of the file as published
	edits []edit // from top to bottom, apart from each other
}

// edit puts text where place is.
type edit struct {
	place place
	sum   string // of the replaced lines with their newlines; of an insertion: the line before it, or nothing at the start
	why   string
	text  string // empty: the lines are deleted
}

// place is the lines after the first start and up to the line end. If both are the same,
// nothing is replaced.
type place struct{ start, end int }

func (p place) insertion() bool { return p.start == p.end }

// guarded are the lines whose hash the edit carries.
func (p place) guarded() place {
	if p.insertion() {
		return place{max(p.start-1, 0), p.end}
	}
	return p
}

func (p place) String() string {
	switch {
	case p.insertion():
		return fmt.Sprintf("after line %d", p.start)
	case p.end == p.start+1:
		return fmt.Sprintf("line %d", p.end)
	}
	return fmt.Sprintf("lines %d-%d", p.start+1, p.end)
}

type tableTOML struct {
	Crate   string       `toml:"crate"`
	Version string       `toml:"version"`
	SHA256  string       `toml:"sha256"`
	Folders []folderTOML `toml:"folder"`
	Files   []fileTOML   `toml:"file"`
}

type folderTOML struct {
	From string   `toml:"from"`
	To   string   `toml:"to"`
	Only []string `toml:"only"`
}

type fileTOML struct {
	Path   string     `toml:"path"`
	SHA256 string     `toml:"sha256"`
	Edits  []editTOML `toml:"edit"`
}

type editTOML struct {
	Lines  *string `toml:"lines"`
	After  *int    `toml:"after"`
	SHA256 string  `toml:"sha256"`
	Why    string  `toml:"why"`
	Text   *string `toml:"text"`
}

// parseTable reads a table. Its error lists every fault. Reasons may still be missing: apply asks
// for them, record does not.
func parseTable(text []byte) (*table, error) {
	var raw tableTOML
	if err := decodeTOML(text, &raw); err != nil {
		return nil, err
	}
	var faults []error
	for name, value := range map[string]string{"crate": raw.Crate, "version": raw.Version} {
		if value == "" || strings.ContainsAny(value, `/\`) {
			faults = append(faults, fmt.Errorf("%s: want a name, got %q", name, value))
		}
	}
	faults = append(faults, checkSum("sha256 of the crate", raw.SHA256))
	t := &table{crate: raw.Crate, version: raw.Version, sum: raw.SHA256}
	for _, rawFolder := range raw.Folders {
		f := ownFolder{rawFolder.From, rawFolder.To, rawFolder.Only}
		faults = append(faults, f.check())
		for _, other := range t.folders {
			if f.holds(other.to) || other.holds(f.to) {
				faults = append(faults, fmt.Errorf("folder %s: overlaps with folder %s", f.to, other.to))
			}
		}
		t.folders = append(t.folders, f)
	}
	seen := map[string]bool{}
	for _, rawFile := range raw.Files {
		f, err := parseFile(rawFile)
		if seen[f.path] {
			err = errors.Join(err, fmt.Errorf("%s: named twice; put its edits under one [[file]]", f.path))
		}
		seen[f.path] = true
		faults = append(faults, err)
		t.files = append(t.files, f)
	}
	return t, errors.Join(faults...)
}

func decodeTOML(text []byte, into any) error {
	err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(into)
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) {
		return fmt.Errorf("unknown keys:\n%s", strict.String())
	}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		return fmt.Errorf("%w:\n%s", err, decode.String())
	}
	return err
}

func parseFile(raw fileTOML) (fileEdits, error) {
	f := fileEdits{path: raw.Path, sum: raw.SHA256}
	faults := []error{checkSum("sha256", raw.SHA256)}
	if !fs.ValidPath(raw.Path) || raw.Path == "." {
		faults = append(faults, errors.New("path: want one inside the crate, with slashes"))
	}
	if len(raw.Edits) == 0 {
		faults = append(faults, errors.New("no [[file.edit]]"))
	}
	for i, rawEdit := range raw.Edits {
		e, err := parseEdit(rawEdit)
		if err != nil {
			faults = append(faults, fmt.Errorf("edit %d: %w", i+1, err))
			continue
		}
		if n := len(f.edits); n > 0 {
			faults = append(faults, checkOrder(f.edits[n-1].place, e.place))
		}
		f.edits = append(f.edits, e)
	}
	if err := errors.Join(faults...); err != nil {
		return f, fmt.Errorf("%s: %w", raw.Path, err)
	}
	return f, nil
}

func checkOrder(before, after place) error {
	if after.start < before.end || after.start < before.start {
		return fmt.Errorf("%v and then %v: they overlap or are out of order; edits go from top to bottom", before, after)
	}
	if before.insertion() && before == after {
		return fmt.Errorf("%v: two edits insert there; join them", after)
	}
	return nil
}

func parseEdit(raw editTOML) (edit, error) {
	e := edit{sum: raw.SHA256, why: raw.Why}
	if raw.Text == nil {
		return e, errors.New(`no text; to delete the lines write text = ""`)
	}
	e.text = *raw.Text
	switch {
	case (raw.Lines == nil) == (raw.After == nil):
		return e, errors.New("want either lines or after")
	case raw.After != nil:
		if *raw.After < 0 {
			return e, fmt.Errorf("after = %d: want a line number, or 0 for the start of the file", *raw.After)
		}
		if e.text == "" {
			return e, errors.New("inserts nothing")
		}
		e.place = place{*raw.After, *raw.After}
	default:
		var err error
		if e.place, err = parseLines(*raw.Lines); err != nil {
			return e, err
		}
	}
	return e, checkSum("sha256", raw.SHA256)
}

// parseLines reads "676-681" or "676"; lines count from 1.
func parseLines(s string) (place, error) {
	first, last, isRange := strings.Cut(s, "-")
	if !isRange {
		last = first
	}
	from, err := strconv.ParseUint(first, 10, 31)
	to, err2 := strconv.ParseUint(last, 10, 31)
	if err != nil || err2 != nil || from < 1 || to < from {
		return place{}, fmt.Errorf(`lines = %q: want the first and the last line, such as "676-681"`, s)
	}
	return place{int(from) - 1, int(to)}, nil
}

var sumRule = regexp.MustCompile(`^[0-9a-f]{64}$`)

func checkSum(name, s string) error {
	if !sumRule.MatchString(s) {
		return fmt.Errorf("%s: want 64 lower-case hex digits, got %q", name, s)
	}
	return nil
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// checkReasons is nil if every edit says why it is there.
func (t *table) checkReasons() error {
	var faults []error
	for _, f := range t.files {
		for _, e := range f.edits {
			if why := strings.TrimSpace(e.why); why == "" || why == todo {
				faults = append(faults, fmt.Errorf("%s, %v: say why the edit is there", f.path, e.place))
			}
		}
	}
	return errors.Join(faults...)
}
