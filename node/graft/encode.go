package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const tableHeader = `# Our edits to the source of %s. Written by graft record, which keeps the reasons; applied by graft apply.
# "lines" are replaced, "after" a line something is inserted; sha256 is of the replaced lines, or of the line before.
`

// encode writes the table by hand: our code stands as it is, in literal strings, and the same table
// gives the same bytes.
func (t *table) encode() ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, tableHeader, t.release())
	fmt.Fprintf(&b, "crate = %s\nversion = %s\nsha256 = %s\n", quote(t.crate), quote(t.version), quote(t.sum))
	for _, f := range t.folders {
		only := make([]string, len(f.only))
		for i, name := range f.only {
			only[i] = quote(name)
		}
		fmt.Fprintf(&b, "\n[[folder]]\nfrom = %s\nto = %s\nonly = [%s]\n",
			quote(f.from), quote(f.to), strings.Join(only, ", "))
	}
	for _, f := range t.files {
		fmt.Fprintf(&b, "\n[[file]]\npath = %s\nsha256 = %s\n", quote(f.path), quote(f.sum))
		for _, e := range f.edits {
			if !utf8.ValidString(e.text) {
				return nil, fmt.Errorf("%s, %v: our text is not UTF-8", f.path, e.place)
			}
			b.WriteString("\n[[file.edit]]\n")
			if p := e.place; p.insertion() {
				fmt.Fprintf(&b, "after = %d\n", p.start)
			} else {
				_, lines, _ := strings.Cut(p.String(), " ")
				fmt.Fprintf(&b, "lines = %s\n", quote(lines))
			}
			fmt.Fprintf(&b, "sha256 = %s\nwhy = %s\ntext = %s\n", quote(e.sum), quote(e.why), quote(e.text))
		}
	}
	return []byte(b.String()), nil
}

// quote writes a TOML string: in one line if it is one, else literal if that can hold it,
// else escaped.
func quote(s string) string {
	if !strings.Contains(s, "\n") {
		return `"` + strings.ReplaceAll(escape(s), `"`, `\"`) + `"`
	}
	if escape(s) == strings.ReplaceAll(s, `\`, `\\`) && !strings.Contains(s, "'''") {
		return "'''\n" + s + "'''" // the reader drops the first newline
	}
	// Two quotes in a row are allowed inside and before the closing three, so only every
	// third is escaped.
	return "\"\"\"\n" + strings.ReplaceAll(escape(s), `"""`, `""\"`) + `"""`
}

// escape escapes backslashes and what TOML allows in no string; quotes and newlines are
// left to the caller.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r < ' ' && r != '\n' && r != '\t' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
