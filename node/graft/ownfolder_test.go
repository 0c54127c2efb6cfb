package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Of a folder of ours only what has changed there is written again, and the version says that
// it has changed.
func TestApplyCopiesChanges(t *testing.T) {
	r := demoRoom(t)
	r.mustRun("apply")
	rev := r.read(filepath.Join(r.tree, revisionFile))
	r.write(r.signer("tests/t.rs"), "another test")
	if printed := r.mustRun("apply"); !strings.Contains(printed, "0 written, 0 removed") {
		t.Errorf("printed %q, want nothing to do", printed)
	}
	r.write(r.signer("src/lib.rs"), "changed")
	r.write(r.signer("src/new.rs"), "new")
	if err := os.RemoveAll(r.signer("src/client")); err != nil {
		t.Fatal(err)
	}
	if printed := r.mustRun("apply"); !strings.Contains(printed, "3 written, 1 removed") { // and the revision
		t.Errorf("printed %q, want 3 written and 1 removed", printed)
	}
	r.wantResult(r.demoResult().with("signer/src/lib.rs", "changed").with("signer/src/new.rs",
		"new").with("signer/src/client/mod.rs"))
	if r.read(filepath.Join(r.tree, revisionFile)) == rev {
		t.Error("the revision is the same")
	}
}

// A link in the tree where a folder of ours belongs, or a part of it, is replaced; what it leads to
// stays as it is.
func TestApplyCopiesThroughNoLink(t *testing.T) {
	for _, name := range []string{"signer", "signer/src", "signer/src/lib.rs"} {
		r := demoRoom(t)
		r.mustRun("apply")
		link := filepath.Join(r.tree, name)
		outside := filepath.Join(filepath.Dir(r.tree), "outside")
		if err := errors.Join(os.Rename(link, outside), os.Symlink(outside, link)); err != nil {
			t.Fatal(err)
		}
		r.write(r.signer("src/lib.rs"), "changed")
		r.mustRun("apply")
		r.wantResult(r.demoResult().with("signer/src/lib.rs", "changed"))
		path, err := filepath.Rel(name, "signer/src/lib.rs")
		if err != nil {
			t.Fatal(err)
		}
		if got := r.read(filepath.Join(outside, path)); got != "src/lib.rs\n" {
			t.Errorf("%s: wrote %q through a link", name, got)
		}
	}
}

// Two checkouts give the same tree.
func TestApplySameTreeForAll(t *testing.T) {
	r, other := demoRoom(t), demoRoom(t)
	r.mustRun("apply")
	other.tree = r.tree
	if printed := other.mustRun("apply"); !strings.Contains(printed, "0 written, 0 removed") {
		t.Errorf("printed %q, want nothing to do", printed)
	}
}

// folder spoils the entry of our folder.
func folder(change func(*ownFolder)) func(room) {
	return edited(func(t *table) { change(&t.folders[0]) })
}

func TestApplyRefusesFolder(t *testing.T) {
	cases := map[string]struct {
		spoil func(room)
		want  string
	}{
		"no from":       {folder(func(f *ownFolder) { f.from = "" }), "folder signer: from"},
		"absolute":      {folder(func(f *ownFolder) { f.from = "/x" }), "relative to the table"},
		"no to":         {folder(func(f *ownFolder) { f.to = "" }), "path inside the crate"},
		"to outside":    {folder(func(f *ownFolder) { f.to = "../x" }), "path inside the crate"},
		"to everything": {folder(func(f *ownFolder) { f.to = "." }), "path inside the crate"},
		"no only":       {folder(func(f *ownFolder) { f.only = nil }), "say what of the folder"},
		"only deeper":   {folder(func(f *ownFolder) { f.only[1] = "src/lib.rs" }), `got "src/lib.rs"`},
		"only nothing":  {folder(func(f *ownFolder) { f.only = append(f.only, "") }), `got ""`},
		"only up":       {folder(func(f *ownFolder) { f.only[1] = ".." }), `got ".."`},
		"only hidden":   {folder(func(f *ownFolder) { f.only[1] = ".gitignore" }), `got ".gitignore"`},
		"overlap": {edited(func(t *table) {
			t.folders = append(t.folders, ownFolder{"../our-signer", "signer/src/x", []string{"src"}})
		}), "folder signer/src/x: overlaps with folder signer"},
		"no folder": {folder(func(f *ownFolder) { f.from = "../gone" }), "no file named or in Cargo.toml, src"},
		"missing": {func(r room) {
			os.Remove(r.signer("Cargo.toml"))
		}, "our-signer: there is no file named or in Cargo.toml"},
		"emptied": {func(r room) {
			os.RemoveAll(r.signer("src"))
			r.mkdir(r.signer("src"))
		}, "no file named or in src"},
		"link in it": {func(r room) {
			os.Symlink("lib.rs", r.signer("src/link.rs"))
		}, "src/link.rs is not a regular file"},
		"link named": {func(r room) { os.Rename(r.signer("src"), r.signer("s")); os.Symlink("s", r.signer("src")) },
			"src is not a regular"},
		"crate folder":  {folder(func(f *ownFolder) { f.to = "src" }), "folder src: is in the crate already"},
		"crate file":    {folder(func(f *ownFolder) { f.to = "README.md" }), "folder README.md: is in the crate already"},
		"in crate file": {folder(func(f *ownFolder) { f.to = "README.md/x" }), "README.md is a file and a folder"},
		"our new file": {func(r room) {
			r.write(filepath.Join(r.newFiles(), "signer/src/x.rs"), "")
		}, "files/signer/src/x.rs: is where"},
		"own name":     {folder(func(f *ownFolder) { f.to = markFile }), "keeps this name"},
		"cargo's name": {folder(func(f *ownFolder) { f.to = "target/signer" }), "keeps this name"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { refusesApply(t, c.spoil, c.want) })
	}
}

// A tree that has no copy of our folder, such as another version's bare crate, is recorded as well,
// and the entry stays.
func TestRecordKeepsFolders(t *testing.T) {
	r := demoRoom(t)
	var tables []string
	edited := stock.with("signer.md", "beside the copy")
	for _, tree := range []source{r.demoResult(), edited} {
		r.writeTree(tree)
		if printed := r.mustRun("record"); !strings.Contains(printed, "1 copied folders") {
			t.Errorf("printed %q, want one folder", printed)
		}
		tables = append(tables, r.read(r.table))
	}
	r.fillReasons("because")
	r.tree += "-again"
	r.mustRun("apply")
	r.wantResult(edited.
		with("signer/Cargo.toml", "Cargo.toml\n").
		with("signer/src/lib.rs", "src/lib.rs\n").
		with("signer/src/client/mod.rs", "src/client/mod.rs\n"))
	entry := "\n[[folder]]\nfrom = \"../our-signer\"\nto = \"signer\"\nonly = [\"Cargo.toml\", \"src\"]\n"
	for _, text := range tables {
		if strings.Count(text, "[[folder]]") != 1 || !strings.Contains(text, entry) {
			t.Errorf("the entry is not kept:\n%s", text)
		}
	}
}

func TestRecordRefusesCopied(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		text []string
	}{
		"changed": {"signer/src/lib.rs", []string{"changed"}},
		"new":     {"signer/src/new.rs", []string{"new"}},
		"unnamed": {"signer/tests/t.rs", []string{"tests/t.rs\n"}},
		"deleted": {"signer/src/client/mod.rs", nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := demoRoom(t)
			before := r.read(r.table)
			r.writeTree(r.demoResult().with(c.path, c.text...))
			r.refused("record", "signer: edit "+r.signer("")+" itself and apply again; the copy differs in "+c.path+"\n")
			if r.read(r.table) != before {
				t.Error("the table was written")
			}
		})
	}
}
