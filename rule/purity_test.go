package rule_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Of the standard library the pure packages use what computes; whatever else they import needs a
// line here. The clock is part of time, so calls are looked at as well.
var (
	pureImports = []string{
		"bufio", "bytes", "cmp", "crypto/ed25519", "crypto/elliptic", "crypto/sha512", "encoding/binary", "encoding/hex",
		"encoding/pem", "errors", "fmt", "hash", "io", "iter", "maps", "math/bits", "slices", "strings", "time",
		"filippo.io/edwards25519", "golang.org/x/crypto/blake2b", "google.golang.org/protobuf/encoding/protodelim",
		"google.golang.org/protobuf/proto", "google.golang.org/protobuf/reflect/protoreflect",
		"google.golang.org/protobuf/types/known/timestamppb",
		"casper-cosigner/proto/casper/cosigner/v1", "casper-cosigner/rule/attest", "casper-cosigner/rule/casper",
		"casper-cosigner/rule/custody",
		"casper-cosigner/rule/failover", "casper-cosigner/rule/machine", "casper-cosigner/rule/presence",
		"casper-cosigner/rule/refusal", "casper-cosigner/rule/seat", "casper-cosigner/rule/timing",
		"casper-cosigner/rule/tlspoint", "casper-cosigner/rule/watermark", "casper-cosigner/rule/wire",
		"casper-cosigner/rule/witness",
		"casper-cosigner/stock/units",
	}
	pureTime = []string{"Duration", "Microsecond", "Millisecond", "Second", "Minute", "Hour", "UnixMilli", "Time",
		"RFC3339"}
)

// TestPurity: nothing that decides has a network, files, a clock, goroutines, randomness or a log;
// nor has what is told of it.
func TestPurity(t *testing.T) {
	var files []string
	for _, pattern := range []string{"*/*.go", "../report/*.go", "../stock/units/*.go", "../stock/journal/*.go"} {
		some, err := filepath.Glob(pattern)
		if err != nil || len(some) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(some), err)
		}
		files = append(files, some...)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range impurities(t, name, string(text)) {
			t.Error(fault)
		}
	}
}

// TestPurityBites: the scan finds what it is for.
func TestPurityBites(t *testing.T) {
	for _, text := range []string{
		`import "os"`, `import _ "net"`, `import "sync"`, `import "log"`, `import "math/rand"`, `import "context"`,
		`import "google.golang.org/grpc"`, `import "casper-cosigner/statedir"`,
		"import \"google.golang.org/protobuf/types/known/timestamppb\"\nvar _ = timestamppb.Now()",
		"import \"time\"\nvar now = time.Now()", "import clock \"time\"\nvar now = clock.Now",
		"import . \"time\"\nvar now = Now()",
		"func f() { go f() }", "func f(c chan int) { c <- 1 }", "func init() {}", "var seen = map[int]bool{}",
	} {
		if len(impurities(t, text, "package p\n"+text)) == 0 {
			t.Errorf("not noticed: %s", text)
		}
	}
	if faults := impurities(t, "pure", "package p\nimport \"errors\"\nvar ErrX = errors.New(\"x\")"); len(faults) > 0 {
		t.Errorf("a named error is noticed: %v", faults)
	}
}

func impurities(t *testing.T, name, text string) []string {
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, name, text, 0)
	if err != nil {
		t.Fatal(err)
	}
	var faults []string
	found := func(n ast.Node, what string) { faults = append(faults, files.Position(n.Pos()).String()+": "+what) }
	for _, i := range f.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(pureImports, path) {
			found(i, "imports "+path)
		}
		if path == "time" && i.Name != nil {
			found(i, "imports time under another name")
		}
	}
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
			for _, v := range g.Specs {
				if n := v.(*ast.ValueSpec).Names[0]; !strings.HasPrefix(strings.ToLower(n.Name), "err") && n.Name != "_" {
					found(v, "a global, "+n.Name)
				}
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt, *ast.ChanType, *ast.SelectStmt, *ast.SendStmt:
			found(n, "concurrency")
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.Name == "init" {
				found(n, "init")
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && !slices.Contains(pureTime, n.Sel.Name) {
				found(n, "time."+n.Sel.Name)
			}
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "timestamppb" && n.Sel.Name == "Now" {
				found(n, "timestamppb.Now")
			}
		}
		return true
	})
	return faults
}
