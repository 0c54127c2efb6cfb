package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// locate says for each edit where the lines that it was made for are in another version
// of the crate.
func locate(p paths, out io.Writer) error {
	text, err := os.ReadFile(p.table)
	if err != nil {
		return fmt.Errorf("reading the table: %w", err)
	}
	t, err := parseTable(text)
	if err != nil {
		return fmt.Errorf("%s: %w", p.table, err)
	}
	packed, err := readCrate(p.crate)
	if err != nil {
		return err
	}
	folder, files, err := unpack(packed)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "from %s to %s\n", t.release(), folder)
	for _, f := range t.files {
		data, ok := files[f.path]
		switch {
		case !ok:
			fmt.Fprintf(out, "%s: not there\n", f.path)
			continue
		case sum(data) == f.sum:
			fmt.Fprintf(out, "%s: the same\n", f.path)
			continue
		}
		all := lines(data)
		for _, e := range f.edits {
			fmt.Fprintf(out, "%s, %v: %s\n", f.path, e.place, e.find(all))
		}
	}
	return nil
}

// find says where the lines with the edit's hash are.
func (e edit) find(all [][]byte) string {
	guarded := e.place.guarded()
	n := guarded.end - guarded.start
	if n == 0 {
		return "at the start"
	}
	var found []string
	for end := n; end <= len(all); end++ {
		if lines, err := cut(all, place{end - n, end}); err == nil && sum(lines) == e.sum {
			now := place{end - (e.place.end - e.place.start), end}
			found = append(found, now.String())
		}
	}
	switch len(found) {
	case 0:
		return "nowhere"
	case 1:
		return found[0]
	}
	return fmt.Sprintf("%d times: %s", len(found), strings.Join(found, "; "))
}
