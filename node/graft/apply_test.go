package main

import (
	"archive/tar"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// demoTable replaces, deletes and inserts in the made-up crate.
func demoTable(crate []byte) *table {
	lib := string(stock["src/lib.rs"])
	return &table{crate: "demo", version: "1.0.0", sum: sum(crate), folders: []ownFolder{
		{"../our-signer", "signer", []string{"Cargo.toml", "src"}},
	}, files: []fileEdits{
		{path: "Cargo.toml", sum: sum(stock["Cargo.toml"]), edits: []edit{
			{place{5, 5}, sum([]byte("[dependencies]\n")), "our crate", "signer = { path = \"signer\" }\n"},
		}},
		{path: "src/lib.rs", sum: sum([]byte(lib)), edits: []edit{
			{place{0, 0}, sum(nil), "at the start", "zero\n"},
			{place{1, 3}, sum([]byte("two\nthree\n")), "two for two", "zwei\ndrei\n"},
			{place{3, 3}, sum([]byte("three\n")), "touches the one before", "three and a half\n"},
			{place{5, 6}, sum([]byte("six\n")), "deleted", ""},
			{place{8, 8}, sum([]byte("eight\n")), "at the end", "nine\n"},
		}},
	}}
}

func demoRoom(t *testing.T) room {
	crate := pack(t, stock)
	r := newRoom(t, crate)
	r.writeTable(demoTable(crate))
	r.write(filepath.Join(r.newFiles(), "src/ours.rs"), "// ours\n")
	for _, name := range []string{"Cargo.toml", "src/lib.rs", "src/client/mod.rs",
		"Cargo.lock", "tests/t.rs", "target/x", "src.rs", ".gitignore", // not named
		"src/.lib.rs.swp", "src/.hidden/x", "src/lib.rs~", "src/#lib.rs#", "src/lib.rs.orig"} {
		r.write(r.signer(name), name+"\n")
	}
	return r
}

func (r room) demoResult() source {
	return stock.
		with("Cargo.toml", string(stock["Cargo.toml"])+"signer = { path = \"signer\" }\n").
		with("src/lib.rs", "zero\none\nzwei\ndrei\nthree and a half\nfour\nfive\nseven\neight\nnine\n").
		with("src/ours.rs", "// ours\n").
		with("signer/Cargo.toml", "Cargo.toml\n").
		with("signer/src/lib.rs", "src/lib.rs\n").
		with("signer/src/client/mod.rs", "src/client/mod.rs\n")
}

func TestApply(t *testing.T) {
	r := demoRoom(t)
	printed := r.mustRun("apply")
	r.wantResult(r.demoResult())
	rev := r.read(filepath.Join(r.tree, revisionFile))
	for _, want := range []string{"2 files with 6 edits (+6 -3 lines), 1 new files (1 lines), 1 copied folders\n",
		"revision " + rev + "\n"} {
		if len(rev) != 12 || !strings.Contains(printed, want) {
			t.Errorf("printed %q, want %q", printed, want)
		}
	}
}

func TestRevision(t *testing.T) {
	revision := func(name, text string, added, copied source) string {
		return ours{nil, added, copied}.revision(name, []byte(text))
	}
	files := source{"a": []byte("x"), "b": nil}
	seen := map[string]int{}
	for i, rev := range []string{
		revision("edits.toml", "t", files, nil),
		revision("edits.toml", "u", files, nil),
		revision("edits.toml", "t", source{"a": nil, "b": []byte("x")}, nil),
		revision("edits.toml", "t", source{"a": []byte("x")}, nil),
		revision("edits.toml", "t", source{"ab": []byte("x"), "b": nil}, nil),
		revision("edits.toml", "t", nil, files),
		revision("edits.toml", "t", nil, source{"a": nil, "b": []byte("x")}),
		revision("edits.toml", "t", nil, source{"a": []byte("x")}),
		revision("edits.toml", "t", nil, source{"ab": []byte("x"), "b": nil}),
	} {
		if before, ok := seen[rev]; ok {
			t.Errorf("cases %d and %d have the same revision", before, i)
		}
		seen[rev] = i
	}
}

func TestApplyAgain(t *testing.T) {
	r := demoRoom(t)
	r.mustRun("apply")
	long := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	at := func(name string) string { return filepath.Join(r.tree, name) }
	for name := range r.result() {
		if err := os.Chtimes(at(name), long, long); err != nil {
			t.Fatal(err)
		}
	}
	r.write(at("src/stray.rs"), "stray")
	r.write(at("stray/a/b"), "stray")
	r.write(at("signer/src/stray.rs"), "stray")
	r.write(at("signer/tests/t.rs"), "stray")
	r.write(at("target/debug/out"), "built")
	r.write(at("src/main.rs"), "touched")
	outside := filepath.Join(filepath.Dir(r.tree), "outside")
	r.write(outside, "outside")
	if err := os.Remove(at("README.md")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, at("README.md")); err != nil {
		t.Fatal(err)
	}
	if printed := r.mustRun("apply"); !strings.Contains(printed, "2 written, 5 removed") {
		t.Errorf("printed %q, want 2 written and 5 removed", printed)
	}
	r.wantResult(r.demoResult())
	for name := range r.result() {
		info, err := os.Lstat(at(name))
		if err != nil {
			t.Fatal(err)
		}
		rewritten := name == "src/main.rs" || name == "README.md"
		if info.ModTime().Equal(long) == rewritten {
			t.Errorf("%s: time %v, rewritten %v", name, info.ModTime(), rewritten)
		}
	}
	if got := r.read(outside); got != "outside" {
		t.Errorf("wrote through a link: %q", got)
	}
	if got := r.read(at("target/debug/out")); got != "built" {
		t.Errorf("target: %q", got)
	}
	if printed := r.mustRun("apply"); !strings.Contains(printed, "0 written, 0 removed") {
		t.Errorf("printed %q, want nothing to do", printed)
	}
}

// A run that stopped half way leaves a folder that the next run completes.
func TestApplyAfterCrash(t *testing.T) {
	r := demoRoom(t)
	r.write(filepath.Join(r.tree, markFile), incomplete+"\n")
	r.write(filepath.Join(r.tree, "src/lib.rs"), "half")
	r.mustRun("apply")
	r.wantResult(r.demoResult())
	if mark := r.read(filepath.Join(r.tree, markFile)); mark != r.read(filepath.Join(r.tree, revisionFile))+"\n" {
		t.Errorf("mark %q", mark)
	}
}

// repack gives the room another crate, whose hash the table then has.
func (r room) repack(crate []byte) {
	t := demoTable(crate)
	r.write(r.crate, string(crate))
	r.writeTable(t)
}

// edited spoils the room's table.
func edited(change func(*table)) func(room) {
	return func(r room) {
		t := demoTable(pack(r.t, stock))
		change(t)
		r.writeTable(t)
	}
}

// lib spoils the edits of src/lib.rs.
func lib(change func([]edit)) func(room) { return edited(func(t *table) { change(t.files[1].edits) }) }

// text spoils the table as it is written.
func text(was, is string) func(room) {
	return func(r room) { r.write(r.table, strings.Replace(r.read(r.table), was, is, 1)) }
}

func TestApplyRefuses(t *testing.T) {
	cases := map[string]struct {
		spoil func(room)
		want  string
	}{
		"crate hash": {func(r room) {
			r.write(r.crate, string(pack(t, stock.with("src/main.rs"))))
		}, "the crate has sha256"},
		"no crate":      {func(r room) { r.write(r.crate, "") }, "the crate has sha256"},
		"file hash":     {edited(func(t *table) { t.files[1].sum = sum(nil) }), "src/lib.rs: the crate's file has sha256"},
		"lines hash":    {lib(func(e []edit) { e[1].sum = sum(nil) }), "src/lib.rs: lines 2-3: what is there has"},
		"hash at start": {lib(func(e []edit) { e[0].sum = sum([]byte("one\n")) }), "after line 0: what is there has"},
		"hash before":   {lib(func(e []edit) { e[4].sum = sum(nil) }), "after line 8: what is there has"},
		"overlap":       {lib(func(e []edit) { e[3].place = place{2, 6} }), "overlap"},
		"order":         {lib(func(e []edit) { e[0], e[1] = e[1], e[0] }), "out of order"},
		"same place":    {lib(func(e []edit) { e[1].place = place{0, 0} }), "two edits insert there"},
		"insert inside": {lib(func(e []edit) { e[2].place = place{2, 2} }), "overlap"},
		"outside":       {lib(func(e []edit) { e[4].place = place{9, 9} }), "after line 9: the file has only 8 lines"},
		"far outside":   {lib(func(e []edit) { e[4].place = place{100, 120} }), "the file has only 8 lines"},
		"TODO":          {lib(func(e []edit) { e[2].why = " TODO\n" }), "src/lib.rs, after line 3: say why"},
		"no reason":     {lib(func(e []edit) { e[2].why = "" }), "say why"},
		"no newline":    {lib(func(e []edit) { e[1].text = "zwei" }), "needs a newline"},
		"missing file":  {edited(func(t *table) { t.files[1].path = "src/gone.rs" }), "src/gone.rs: not in the crate"},
		"file twice":    {edited(func(t *table) { t.files[0] = t.files[1] }), "named twice"},
		"other crate":   {edited(func(t *table) { t.version = "1.0.1" }), "the crate is demo-1.0.0, want demo-1.0.1"},
		"no edits":      {edited(func(t *table) { t.files[0].edits = nil }), "no [[file.edit]]"},
		"unknown key":   {text("\nwhy =", "\nwhen =\"x\"\nwhy ="), "unknown keys"},
		"no text":       {text("text = \"\"\n", ""), "no text"},
		"both":          {text("after = 0", "after = 0\nlines = \"1\""), "either lines or after"},
		"neither":       {text("after = 0", ""), "either lines or after"},
		"negative":      {text("after = 0", "after = -1"), "want a line number"},
		"lines":         {text(`"2-3"`, `"3-2"`), `lines = "3-2"`},
		"no table":      {func(r room) { os.Remove(r.table) }, "reading the table"},
		"existing file": {func(r room) {
			r.write(filepath.Join(r.newFiles(), "src/lib.rs"), "")
		}, "is in the crate already"},
		"file as folder": {func(r room) { r.write(filepath.Join(r.newFiles(), "src/lib.rs/x"), "") }, "a file and a folder"},
		"own name":       {func(r room) { r.write(filepath.Join(r.newFiles(), revisionFile), "") }, "keeps this name"},
		"below own name": {func(r room) { r.write(filepath.Join(r.newFiles(), ".graft/x"), "") }, "keeps this name"},
		"foreign folder": {func(r room) { r.write(filepath.Join(r.tree, "Cargo.toml"), "x") }, "is not a result of graft"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { refusesApply(t, c.spoil, c.want) })
	}
}

func refusesApply(t *testing.T, spoil func(room), want string) {
	t.Helper()
	r := demoRoom(t)
	spoil(r)
	before := r.result()
	r.refused("apply", want)
	r.wantResult(before)
	if _, err := os.Stat(filepath.Join(r.tree, markFile)); err == nil {
		t.Error("something was written")
	}
}

// Everything in a file that has moved by one line is where no edit was made for, even if the table
// is told to take the crate and the file.
func TestApplyRefusesMoved(t *testing.T) {
	moved := stock.with("src/lib.rs", "moved\n"+string(stock["src/lib.rs"]))
	crate := pack(t, moved)
	r := demoRoom(t)
	tab := demoTable(crate)
	r.repack(crate)
	r.refused("apply", "src/lib.rs: the crate's file has sha256")
	tab.files[1].sum = sum(moved["src/lib.rs"])
	r.writeTable(tab)
	for _, e := range tab.files[1].edits[1:] {
		r.refused("apply", e.place.String()+": what is there has sha256")
	}
	r.wantResult(source{})
}

func TestLocate(t *testing.T) {
	r := demoRoom(t)
	r.write(r.crate, string(pack(t, stock.with("src/lib.rs", "moved\n"+string(stock["src/lib.rs"])))))
	printed := r.mustRun("locate")
	for _, want := range []string{"Cargo.toml: the same", "lines 2-3: lines 3-4", "after line 3: after line 4",
		"line 6: line 7"} {
		if !strings.Contains(printed, want) {
			t.Errorf("locate printed %q, want %q", printed, want)
		}
	}
	r.write(r.crate, string(pack(t, stock.with("src/lib.rs", "six\nsix\n").with("Cargo.toml"))))
	printed = r.mustRun("locate")
	for _, want := range []string{"Cargo.toml: not there", "lines 2-3: nowhere", "line 6: 2 times: line 1; line 2"} {
		if !strings.Contains(printed, want) {
			t.Errorf("locate printed %q, want %q", printed, want)
		}
	}
}

func TestUnpackRefuses(t *testing.T) {
	regular := func(names ...string) []tar.Header {
		headers := []tar.Header{{Name: "demo-1.0.0/Cargo.toml", Typeflag: tar.TypeReg}}
		for _, name := range names {
			headers = append(headers, tar.Header{Name: name, Typeflag: tar.TypeReg})
		}
		return headers
	}
	cases := map[string]struct {
		headers []tar.Header
		want    string
	}{
		"up":         {regular("demo-1.0.0/../evil"), "not a path inside"},
		"up first":   {[]tar.Header{{Name: "../evil", Typeflag: tar.TypeReg}}, "not a path inside"},
		"absolute":   {regular("/etc/evil"), "not a path inside"},
		"root first": {[]tar.Header{{Name: "/evil", Typeflag: tar.TypeReg}}, "not a path inside"},
		"beside":     {regular("other-1.0.0/evil"), "not a path inside"},
		"unclean":    {regular("demo-1.0.0//evil"), "not a path inside"},
		"backslash":  {regular(`demo-1.0.0/..\evil`), "not a path inside"},
		"link": {[]tar.Header{{Name: "demo-1.0.0/x", Typeflag: tar.TypeSymlink, Linkname: "/etc"}},
			"not a regular file"},
		"hard link": {[]tar.Header{{Name: "demo-1.0.0/x", Typeflag: tar.TypeLink, Linkname: "/etc/x"}}, "not a regular file"},
		"folder":    {[]tar.Header{{Name: "demo-1.0.0/x/", Typeflag: tar.TypeDir}}, "not a regular file"},
		"twice":     {regular("demo-1.0.0/x", "demo-1.0.0/x"), "is there twice"},
		"own name":  {regular("demo-1.0.0/.graft"), "keeps this name"},
		"both":      {regular("demo-1.0.0/x", "demo-1.0.0/x/y"), "a file and a folder"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := demoRoom(t)
			r.t = t
			r.repack(packEntries(t, c.headers, nil))
			r.refused("apply", c.want)
			r.wantResult(source{})
		})
	}
	full := pack(t, stock)
	for _, spoilt := range [][]byte{full[:len(full)/2], full[:len(full)-1], []byte("not a crate")} {
		r := demoRoom(t)
		r.repack(spoilt)
		r.refused("apply", "unpacking the crate")
	}
}
