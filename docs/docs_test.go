// Package docs_test checks what the documents say and a program can tell: that the table of rooms
// is the one that the compiler sees, that links lead somewhere, and that the page of decisions
// lists them all.
package docs_test

import (
	"encoding/json"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	module       = "casper-cosigner"
	architecture = "../ARCHITECTURE.md"
)

var write = flag.Bool("write", false, "write the imports into the table of rooms")

// room is a package of ours, named by its folder, and the rooms that it imports without its tests.
type room struct {
	name    string
	imports []string
}

// rooms asks the compiler's own tool for the packages of this module.
func rooms(t *testing.T) (all []room) {
	t.Helper()
	list := exec.Command("go", "list", "-json=ImportPath,Imports,GoFiles", "./...")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Fatalf("listing the packages: %v", err)
	}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath       string
			Imports, GoFiles []string
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) == 0 { // tests only
			continue
		}
		r := room{name: ours(p.ImportPath)}
		for _, i := range p.Imports {
			if strings.HasPrefix(i, module+"/") {
				r.imports = append(r.imports, ours(i))
			}
		}
		all = append(all, r)
	}
}

// ours is a package's room. All that is generated from proto/ is one.
func ours(path string) string {
	path = strings.TrimPrefix(path, module+"/")
	if strings.HasPrefix(path, "proto/") {
		return "proto"
	}
	return path
}

// cell is how the table writes what a room imports: the pure ones first, without the name
// of their wing.
func (r room) cell() string {
	var rules, others []string
	for _, i := range r.imports {
		if rule, ok := strings.CutPrefix(i, "rule/"); ok {
			rules = append(rules, rule)
		} else {
			others = append(others, i)
		}
	}
	slices.Sort(rules)
	slices.Sort(others)
	var cell []string
	switch len(rules) {
	case 0:
	case 1:
		cell = []string{"rule/" + rules[0]}
	default:
		cell = []string{"rule/{" + strings.Join(rules, ", ") + "}"}
	}
	if cell = append(cell, slices.Compact(others)...); len(cell) == 0 {
		return "-"
	}
	return strings.Join(cell, ", ")
}

var row = regexp.MustCompile(`(?m)^\| ([a-z0-9/.-]+) \| (.*) \| (.*) \|$`)

// TestRooms: the table has a row for each package, and says just what each imports, or "any" of
// what is not shipped. With "-args -write" it is made to say so.
func TestRooms(t *testing.T) {
	text, err := os.ReadFile(architecture)
	if err != nil {
		t.Fatal(err)
	}
	begin := strings.Index(string(text), "\n## Rooms\n")
	if begin < 0 {
		t.Fatal("no chapter called Rooms")
	}
	length := strings.Index(string(text)[begin+1:], "\n## ") + 1
	table := string(text)[begin : begin+length]
	told := map[string][]string{}
	for _, r := range row.FindAllStringSubmatch(table, -1)[1:] { // the first is the table's head
		told[r[1]] = r
	}
	mended := table
	for _, r := range rooms(t) {
		name := r.name
		if name == "rule" {
			continue
		}
		was, ok := told[name]
		delete(told, name)
		switch {
		case !ok:
			t.Errorf("no row says what %s holds; it imports: %s", name, r.cell())
		case (was[3] != "any" || shipped(name)) && was[3] != r.cell():
			mended = strings.Replace(mended, was[0], "| "+name+" | "+was[2]+" | "+r.cell()+" |", 1)
			if !*write {
				t.Errorf("%s imports\n%s\nand the table says\n%s\nwrite it: go test ./docs -run TestRooms -args -write",
					name, r.cell(), was[3])
			}
		}
	}
	for name := range told {
		if _, err := os.Stat(filepath.Join("..", name)); err != nil {
			t.Errorf("the table has a row for %s, and there is no such room", name)
		}
	}
	if *write && mended != table {
		if err := os.WriteFile(architecture, []byte(strings.Replace(string(text), table, mended, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// shipped reports whether the room is part of the product.
func shipped(room string) bool {
	return !strings.HasPrefix(room, "testnet") && !strings.HasPrefix(room, "tools/")
}

var (
	link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	path = regexp.MustCompile(
		"(?:^|[\\s(`])((?:agent|cluster|cmd|cosigner|daemon|deploy|docs|drill|keygen|monitor|node|peer|" +
			"proto|pulse|raftstore|report|rule|signer|statedir|testnet|tools)/[A-Za-z0-9_./-]*[A-Za-z0-9_])")
)

// pages are all that people read.
func pages(t *testing.T) (all []string) {
	t.Helper()
	for _, pattern := range []string{"../*.md", "*.md", "adr/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		all = append(all, found...)
	}
	return all
}

// TestLinks: whatever a page links to, or names by its path, is there.
func TestLinks(t *testing.T) {
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
			}
		}
		for _, m := range path.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(m[1], "NAME") && !there(m[1]) {
				t.Errorf("%s names %s, and there is no such file or folder", page, m[1])
			}
		}
	}
}

var chapter = regexp.MustCompile(`docs/([a-z-]+\.md), \\?"([^"\\]+)\\?"`)

// TestChapters: whatever a page, a program's text or an alert sends an operator to is there.
func TestChapters(t *testing.T) {
	named := 0
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == ".git" {
			return filepath.SkipDir
		}
		if err != nil || d.IsDir() || !slices.Contains([]string{".md", ".go", ".yml", ".toml"}, filepath.Ext(file)) {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), "docs/") {
			return err
		}
		joined := splice.ReplaceAllString(string(text), " ")
		for _, m := range chapter.FindAllStringSubmatch(joined, -1) {
			page, err := os.ReadFile(m[1])
			if named++; err != nil || !strings.Contains(string(page), "# "+m[2]+"\n") {
				t.Errorf("%s sends to docs/%s, %q, which is not there", file, m[1], m[2])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if named < 20 {
		t.Errorf("%d are named: has the way of naming them changed?", named)
	}
}

// splice is where a text goes on in the next line, of a page or of a program.
var splice = regexp.MustCompile(` ?"? ?\+?\n[\t ]*"?`)

// there reports whether the repository has that path, or a file that begins with it, as
// cosigner/server does.
func there(path string) bool {
	found, err := filepath.Glob(filepath.Join("..", path) + "*")
	return err == nil && len(found) > 0
}

// TestDecisions: the page of decisions lists each, and each says where in the code it is kept.
func TestDecisions(t *testing.T) {
	index, err := os.ReadFile("adr/README.md")
	if err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob("adr/0*.md")
	if err != nil || len(all) == 0 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, page := range all {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		title, _, _ := strings.Cut(strings.TrimPrefix(string(text), "# "), "\n")
		_, title, _ = strings.Cut(title, ". ")
		if !strings.Contains(string(index), "("+filepath.Base(page)+") | "+title+" |") {
			t.Errorf("adr/README.md does not list %s as %q", page, title)
		}
		for _, chapter := range []string{"The case", "The choice", "What it costs", "Rejected", "Where"} {
			if !strings.Contains(string(text), "\n## "+chapter+"\n") {
				t.Errorf("%s lacks a chapter %q", page, chapter)
			}
		}
	}
}
