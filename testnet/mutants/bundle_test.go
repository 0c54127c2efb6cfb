package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// forms has a function of each form that a mutant may change.
const forms = `package p

type number int

const limit = 7

var atStart = Sum(1, 2)

func init() {
	atStart++
}

func Sum(xs ...int) int {
	total := 0
	for _, x := range xs {
		total += x
	}
	return total
}

func Zero(_, _ string, y int) (z int, err error) {
	z = 2 * y
	return z, err
}

func Void(x *int, _ ...string) {
	*x = limit
}

func (number) Unnamed(int, ...string) int {
	return 4
}

func (_ *number) Blank() string {
	return "blank"
}

func (n number) Again() number {
	if n <= 0 {
		return 0
	}
	return 1 + (n - 1).Again()
}

func Of[T any](x T) []T {
	return []T{x}
}

func caught() {
	_ = recover()
}

func Panics() bool {
	defer caught()
	panic("p")
}
`

const formsTest = `package p

import "testing"

func TestForms(t *testing.T) {
	var x int
	var n number
	Void(&x, "a")
	z, err := Zero("a", "b", 3)
	if Sum(1, 2, 3) != 6 || z != 6 || err != nil || x != 7 || n.Unnamed(1) != 4 || n.Blank() != "blank" ||
		number(3).Again() != 3 || len(Of(1)) != 1 || atStart != 4 || Panics() {
		t.Error("changed")
	}
}
`

// module writes a module m with these files and returns its folder.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	files["go.mod"] = "module m\n\ngo 1.26\n"
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// Each mutant is judged as itself, in the build that all share or in one of its own, and one that
// changes nothing survives beside others of the same function.
func TestTogether(t *testing.T) {
	root := module(t, map[string]string{"p/p.go": forms, "p/p_test.go": formsTest})
	cases := []struct {
		name, old, new string
		want           Outcome
		alone          bool
	}{
		{"variadic", "\t\ttotal += x\n", "\t\ttotal -= x\n", Killed, false},
		{"variadic, as it was", "\t\ttotal += x\n", "\t\ttotal = x + total\n", Survived, true},
		{"two blank parameters", "\tz = 2 * y\n", "\tz = 3 * y\n", Killed, false},
		{"no result", "\t*x = limit\n", "\t*x = 1\n", Killed, false},
		{"no names", "\treturn 4\n", "\treturn 5\n", Killed, false},
		{"blank receiver", "\treturn \"blank\"\n", "\treturn \"\"\n", Killed, false},
		{"recursion", "\treturn 1 + (n - 1).Again()\n", "\treturn 2 + (n - 1).Again()\n", Killed, false},
		{"recursion, as it was", "\tif n <= 0 {\n", "\tif n < 1 {\n", Survived, true},
		{"constant", "const limit = 7\n", "const limit = 8\n", Killed, true},
		{"init", "\tatStart++\n", "\tatStart--\n", Killed, true},
		{"of types", "\treturn []T{x}\n", "\treturn []T{x, x}\n", Killed, true},
		{"recovers", "\t_ = recover()\n", "\tprintln(recover())\n", Survived, true},
		{"signature", "func Panics() bool {\n", "func Panics() (b bool) {\n\tb = true\n", Killed, true},
	}
	mutants := make([]Mutant, len(cases))
	for i, c := range cases {
		mutants[i] = Mutant{Name: c.name, File: "p/p.go", Test: Test{Package: "./p", Run: "^TestForms$"},
			Edits: []Edit{{Old: c.old, New: c.new}}}
	}
	results, err := Runner{Root: root, Timeout: time.Minute, Parallel: 2}.Run(context.Background(), mutants)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		if r := results[i]; r.Mutant.Name != c.name || r.Outcome != c.want || r.Alone != c.alone {
			t.Errorf("%s: have %v, alone %v, want %v, %v\n%s", c.name, r.Outcome, r.Alone, c.want, c.alone, r.Output)
		}
	}
}

// One that does not build does not keep the others from their verdicts.
func TestTogetherUnbuilt(t *testing.T) {
	root := module(t, map[string]string{"p/p.go": forms, "p/p_test.go": formsTest})
	mutant := func(old, text string) Mutant {
		return Mutant{Name: text, File: "p/p.go", Test: Test{Package: "./p", Run: "^TestForms$"},
			Edits: []Edit{{Old: old, New: text}}}
	}
	mutants := []Mutant{mutant("\treturn 4\n", "\treturn 5\n"), mutant("\t*x = limit\n", "\ty := 1\n")}
	results, err := Runner{Root: root, Timeout: time.Minute, Parallel: 2}.Run(context.Background(), mutants)
	if err != nil || results[0].Outcome != Killed || results[1].Outcome != Unbuilt {
		t.Errorf("have %+v, %v", results, err)
	}
}

// A line keeps its number, so that what a test or a crash names is found in the source.
func TestBundleLines(t *testing.T) {
	b, err := newBundle(forms)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.add(3, strings.Replace(forms, "return 4", "return 5", 1)); err != nil {
		t.Fatal(err)
	}
	plain, text := strings.Split(forms, "\n"), strings.Split(b.String(), "\n")
	for i, line := range plain {
		if have := text[i]; have != line && !strings.Contains(have, "mutant3_Unnamed") {
			t.Errorf("line %d: have %q, want %q", i+1, have, line)
		}
	}
}
