package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// stock is a made-up crate. README.md has no newline at its end.
var stock = source{
	"Cargo.toml":  []byte("[package]\nname = \"demo\"\nversion = \"1.0.0\"\n\n[dependencies]\n"),
	"README.md":   []byte("# demo\nlast line"),
	"src/lib.rs":  []byte("one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n"),
	"src/main.rs": []byte("fn main() {}\n"),
}

// room is a folder with a table, a crate, a folder of ours and a place for the result.
type room struct {
	t *testing.T
	paths
}

func newRoom(t *testing.T, crate []byte) room {
	dir := t.TempDir()
	r := room{t, paths{
		table: filepath.Join(dir, "edits", "edits.toml"),
		crate: filepath.Join(dir, "demo.crate"),
		tree:  filepath.Join(dir, "tree"),
	}}
	r.mkdir(filepath.Join(r.newFiles(), "src"))
	r.write(r.crate, string(crate))
	return r
}

func (r room) newFiles() string { return newFilesDir(r.table) }

// signer is a file of our folder.
func (r room) signer(name string) string {
	return filepath.Join(filepath.Dir(r.table), "../our-signer", name)
}

func (r room) mkdir(dir string) {
	r.t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		r.t.Fatal(err)
	}
}

func (r room) write(name, text string) {
	r.t.Helper()
	r.mkdir(filepath.Dir(name))
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r room) read(name string) string {
	r.t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}

// writeTable writes the table as record would.
func (r room) writeTable(t *table) {
	r.t.Helper()
	text, err := t.encode()
	if err != nil {
		r.t.Fatal(err)
	}
	r.write(r.table, string(text))
}

// writeTree makes the folder of the edited tree hold files.
func (r room) writeTree(files source) {
	r.t.Helper()
	if err := os.RemoveAll(r.tree); err != nil {
		r.t.Fatal(err)
	}
	for name, data := range files {
		r.write(filepath.Join(r.tree, name), string(data))
	}
}

// run runs a command with the room's paths and returns its exit code and all that it printed.
func (r room) run(command string) (int, string) {
	args := []string{command, "--table", r.table, "--crate", r.crate}
	switch command {
	case "apply":
		args = append(args, "--into", r.tree)
	case "record":
		args = append(args, "--tree", r.tree)
	}
	var printed bytes.Buffer
	code := run(args, &printed, &printed)
	return code, printed.String()
}

func (r room) mustRun(command string) string {
	r.t.Helper()
	code, printed := r.run(command)
	if code != 0 {
		r.t.Fatalf("graft %s: %s", command, printed)
	}
	return printed
}

// refused fails the test unless the command ends with an error that contains want.
func (r room) refused(command, want string) {
	r.t.Helper()
	if code, printed := r.run(command); code == 0 || !strings.Contains(printed, want) {
		r.t.Errorf("graft %s: exit code %d and %q, want an error with %q", command, code, printed, want)
	}
}

// result are the files of the result, without graft's own.
func (r room) result() source {
	r.t.Helper()
	files, err := readFolder(r.tree, local)
	if err != nil {
		r.t.Fatal(err)
	}
	delete(files, markFile)
	delete(files, revisionFile)
	return files
}

func (r room) wantResult(want source) {
	r.t.Helper()
	have := r.result()
	for name := range want {
		if !bytes.Equal(have[name], want[name]) {
			r.t.Errorf("%s: have %q, want %q", name, have[name], want[name])
		}
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			r.t.Errorf("%s: should not be there", name)
		}
	}
}

// pack makes a crate of files in the folder demo-1.0.0.
func pack(t *testing.T, files source) []byte {
	t.Helper()
	var headers []tar.Header
	for _, name := range slices.Sorted(maps.Keys(files)) {
		headers = append(headers, tar.Header{Name: "demo-1.0.0/" + name, Typeflag: tar.TypeReg,
			Size: int64(len(files[name]))})
	}
	return packEntries(t, headers, files)
}

func packEntries(t *testing.T, headers []tar.Header, files source) []byte {
	t.Helper()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zip)
	for _, h := range headers {
		if err := archive.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(files[strings.TrimPrefix(h.Name, "demo-1.0.0/")]); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// with is files with one changed; no text takes it out.
func (s source) with(name string, text ...string) source {
	changed := maps.Clone(s)
	delete(changed, name)
	if len(text) > 0 {
		changed[name] = []byte(text[0])
	}
	return changed
}
