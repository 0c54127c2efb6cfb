package world

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestNoTwins: no constant of the product is written a second time in the worlds, since one that is
// changed in one place only would have them play a product that nobody runs.
func TestNoTwins(t *testing.T) {
	product := map[string][]string{}
	for _, room := range []string{"agent", "cluster", "cmd", "cosigner", "daemon", "keygen", "monitor", "peer", "pulse",
		"raftstore", "rule", "signer", "statedir", "testimony"} {
		before := len(product)
		for _, path := range goFiles(t, filepath.Join("..", "..", room)) {
			for _, name := range values(t, path) {
				product[name] = append(product[name], path)
			}
		}
		if len(product) == before {
			t.Errorf("no constant was found below %s: has that room moved?", room)
		}
	}
	for _, path := range goFiles(t, ".") {
		for _, name := range values(t, path) {
			if product[name] != nil {
				t.Errorf("%s declares %s, as the product does: %v", path, name, product[name])
			}
		}
	}
}

// TestNoTwinsBites: the scan finds what it is for, and nothing else.
func TestNoTwinsBites(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "", `package p
type Kind string
const settle, FreshPings = 100, 3
const a Kind = "hold"
const ( b Count = iota; c )
var grace = 1
func f() { const within = 2; var x int; _ = x }
`, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := declared(file); !slices.Equal(got, []string{"settle", "freshpings", "grace", "within"}) {
		t.Errorf("got %q", got)
	}
}

// goFiles returns the Go files below a folder that are neither tests nor generated.
func goFiles(t *testing.T, folder string) (paths []string) {
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		shipped := strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go")
		if err == nil && !e.IsDir() && shipped && !strings.HasSuffix(path, ".pb.go") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func values(t *testing.T, path string) []string {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return declared(file)
}

// declared returns the names, in lower case, of all constants of a file and of its variables that
// begin with a value. Those of a named type other than a length of time are left out: they count
// what there is, and are no settings.
func declared(file *ast.File) (names []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		d, ok := n.(*ast.GenDecl)
		if !ok || d.Tok != token.CONST && d.Tok != token.VAR {
			return true
		}
		enumerates := false
		for _, s := range d.Specs {
			s := s.(*ast.ValueSpec)
			if len(s.Values) > 0 {
				id, named := s.Type.(*ast.Ident)
				enumerates = named && ast.IsExported(id.Name)
			} else if d.Tok == token.VAR {
				continue
			}
			for _, id := range s.Names {
				if !enumerates && id.Name != "_" {
					names = append(names, strings.ToLower(id.Name))
				}
			}
		}
		return true
	})
	return names
}
