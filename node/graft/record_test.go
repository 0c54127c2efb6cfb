package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// fillReasons gives every edit of the table the same reason, as its author would by hand.
func (r room) fillReasons(why string) {
	r.t.Helper()
	r.write(r.table, strings.ReplaceAll(r.read(r.table), `why = "TODO"`, fmt.Sprintf("why = %q", why)))
}

func TestRecordGivesTheTreeBack(t *testing.T) {
	lib := string(stock["src/lib.rs"])
	for name, edited := range map[string]source{
		"nothing":             stock,
		"all kinds":           stock.with("src/lib.rs", "zero\none\nzwei\nfour\nfive\nseven\neight\nnine\n"),
		"newline taken":       stock.with("src/lib.rs", strings.TrimSuffix(lib, "\n")),
		"newline given":       stock.with("README.md", "# demo\nlast line\n"),
		"after the last":      stock.with("README.md", "# demo\nlast line\nmore"),
		"no newline, changed": stock.with("README.md", "# demo\nother"),
		"no newline, deleted": stock.with("README.md", "# demo\n"),
		"emptied":             stock.with("src/lib.rs", ""),
		"quotes": stock.with("src/lib.rs", lib+"let a = '''x''';\n\\ \"\"\"\"\"\n").with("README.md",
			"# demo\nsay '"),
		"odd characters":   stock.with("src/lib.rs", "\r\n\x01\x7f\t\u00e9\u2028\n"+lib),
		"leading newlines": stock.with("src/lib.rs", "\n\n"+lib),
		"new files":        stock.with("src/new/a.rs", "a").with("src/new/empty.rs", "").with("raw.bin", "\xff\x00"),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, pack(t, stock))
			r.writeTree(edited)
			r.mustRun("record")
			r.fillReasons("because")
			r.tree += "-again"
			r.mustRun("apply")
			r.wantResult(edited)
		})
	}
}

// Any edited file comes back byte for byte through diff, table and apply.
func TestRecordAnyFile(t *testing.T) {
	line := rapid.SampledFrom([]string{"a\n", "b\n", "\n", "}\n", "'''\n", "\"\"\"\\\n", "c\r\n", "@@ -1 +1 @@\n"})
	file := func(rt *rapid.T, label string) []byte {
		text := strings.Join(rapid.SliceOfN(line, 0, 12).Draw(rt, label), "")
		return []byte(text + rapid.SampledFrom([]string{"", "", "x", "'", `"`}).Draw(rt, label+" end"))
	}
	rapid.Check(t, func(rt *rapid.T) {
		was, is := file(rt, "was"), file(rt, "is")
		f, err := compareFile(was, is)
		if err != nil {
			rt.Fatal(err)
		}
		if bytes.Equal(was, is) != (len(f.edits) == 0) {
			rt.Fatalf("%d edits make %q of %q", len(f.edits), is, was)
		}
		f.path = "x"
		tab := &table{crate: "demo", version: "1.0.0", sum: sum(nil)}
		if len(f.edits) > 0 {
			tab.files = []fileEdits{f}
		}
		text, err := tab.encode()
		if err != nil {
			rt.Fatal(err)
		}
		back, err := parseTable(text)
		if err != nil {
			rt.Fatalf("%v in\n%s", err, text)
		}
		got := was
		for _, f := range back.files {
			if got, err = f.splice(was); err != nil {
				rt.Fatal(err)
			}
		}
		if !bytes.Equal(got, is) {
			rt.Fatalf("have %q, want %q, by\n%s", got, is, text)
		}
	})
}

func TestQuote(t *testing.T) {
	piece := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"'", "''", `"`, `""`, `\`, "\n", "\r\n", "\x00",
		"\x7f", "x"}))
	rapid.Check(t, func(rt *rapid.T) {
		want := strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(rt, "pieces"), "")
		var got struct{ S string }
		if err := decodeTOML([]byte("S = "+quote(want)+"\n"), &got); err != nil || got.S != want {
			rt.Fatalf("%s reads as %q (%v), want %q", quote(want), got.S, err, want)
		}
	})
}

func TestRecordWritesOnlyOurText(t *testing.T) {
	r := newRoom(t, pack(t, stock))
	r.writeTree(stock.
		with("src/lib.rs", "one\nours\nthree\nfour\nfive\nseven\neight\n").
		with("Cargo.toml", string(stock["Cargo.toml"])+"signer = { path = 'signer' }\n"))
	r.mustRun("record")
	text := r.read(r.table)
	for _, theirs := range append(strings.Fields(string(stock["src/lib.rs"])), "[dependencies]") {
		if slices.Contains(strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == '\'' }), theirs) {
			t.Errorf("%q is in the table:\n%s", theirs, text)
		}
	}
	if !strings.Contains(text, "signer = { path = 'signer' }\n") {
		t.Errorf("our line is not in the table:\n%s", text)
	}
}

func TestRecordKeepsReasons(t *testing.T) {
	r := newRoom(t, pack(t, stock))
	reasons := func() string {
		tab, err := parseTable([]byte(r.read(r.table)))
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, f := range tab.files {
			for _, e := range f.edits {
				all = append(all, e.place.String()+": "+e.why)
			}
		}
		return strings.Join(all, ", ")
	}
	r.writeTree(stock.with("src/lib.rs", "one\nzwei\nthree\nfour\nfive\nsechs\nseven\n"))
	if printed := r.mustRun("record"); !strings.Contains(printed, "src/lib.rs, line 6: say why") {
		t.Errorf("printed %q, want what is still to do", printed)
	}
	if got := reasons(); got != "line 2: TODO, line 6: TODO, line 8: TODO" {
		t.Fatal(got)
	}
	text := r.read(r.table)
	for _, why := range []string{"second\nin two lines", "sixth", "eighth"} {
		text = strings.Replace(text, `why = "TODO"`, "why = "+quote(why), 1)
	}
	r.write(r.table, text)
	// zwei has moved and is there twice, what stands for six is new, the deletion is the same.
	r.writeTree(stock.with("src/lib.rs",
		"zero\none\ntwo\nthree\nzwei\nfour\nzwei\nfive\nseis\nseven\n").with("src/main.rs", "x\n"))
	r.mustRun("record")
	want := "after line 0: TODO, after line 3: second\nin two lines, after line 4: TODO, line 6: sixth, line 8: eighth, " +
		"line 1: TODO"
	if got := reasons(); got != want {
		t.Errorf("have %q, want %q", got, want)
	}
}

func TestRecordLeavesLocalFilesOut(t *testing.T) {
	r := demoRoom(t)
	r.mustRun("apply")
	for _, name := range []string{"target/x", ".git/x", ".cargo-ok", "Cargo.lock.orig", "Cargo.lock~",
		"signer/src/.lib.rs.swp"} {
		r.write(filepath.Join(r.tree, name), "x")
	}
	r.mustRun("record") // joins the two edits that touch
	r.write(filepath.Join(r.newFiles(), "src/old.rs"), "no longer in the tree")
	before := r.read(r.table)
	r.mustRun("record")
	if after := r.read(r.table); after != before {
		t.Errorf("the table changed from\n%s\nto\n%s", before, after)
	}
	files, err := readFolder(r.newFiles(), local)
	if err != nil || len(files) != 1 || string(files["src/ours.rs"]) != "// ours\n" {
		t.Errorf("new files %q, %v", files, err)
	}
}

func TestRecordRefuses(t *testing.T) {
	cases := map[string]struct {
		spoil func(room)
		want  string
	}{
		"deleted file": {func(r room) { r.writeTree(stock.with("src/main.rs")) }, "src/main.rs: deleted"},
		"no tree":      {func(r room) { r.writeTree(nil) }, "no files in"},
		"not UTF-8": {func(r room) {
			r.writeTree(stock.with("src/main.rs", "\xff\n"))
		}, "src/main.rs, line 1: our text is not UTF-8"},
		"other crate": {func(r room) {
			r.write(r.crate, string(pack(r.t, stock.with("x", "y"))))
		}, "a published crate never changes"},
		"broken table": {func(r room) { r.write(r.table, "x") }, "reading the old table"},
		"no folder":    {func(r room) { os.RemoveAll(r.signer("src")) }, "no file named or in src"},
		"in the crate": {folder(func(f *ownFolder) { f.to = "src" }), "folder src: is in the crate already"},
		"no manifest":  {func(r room) { r.write(r.crate, string(pack(r.t, stock.with("Cargo.toml")))) }, "names no package"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := demoRoom(t)
			r.t = t
			r.writeTree(stock.with("x", "y"))
			c.spoil(r)
			before := r.read(r.table)
			r.refused("record", c.want)
			if r.read(r.table) != before {
				t.Error("the table was written")
			}
		})
	}
}
