package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const sample = `# a comment
name: ignore the floor
why: An old era could be signed twice.

file: rule/watermark/rule.go
test: ./rule/watermark -run ^TestFloor$
--- old
	if height < floor {
--- new
	if false {
--- end
# a second edit, which only removes
--- old
import "x"
--- new
--- end
`

func TestParse(t *testing.T) {
	m, err := Parse(sample)
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != "ignore the floor" || m.Why != "An old era could be signed twice." || m.File != "rule/watermark/rule.go" {
		t.Errorf("header: %+v", m)
	}
	if want := (Test{Package: "./rule/watermark", Run: "^TestFloor$"}); m.Test != want {
		t.Errorf("test: have %v, want %v", m.Test, want)
	}
	want := []Edit{
		{Old: "\tif height < floor {\n", New: "\tif false {\n"},
		{Old: "import \"x\"\n", New: ""},
	}
	if len(m.Edits) != 2 || m.Edits[0] != want[0] || m.Edits[1] != want[1] {
		t.Errorf("edits: have %q, want %q", m.Edits, want)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, change := range map[string][2]string{
		"missing: name":    {"name: ignore the floor\n", ""},
		"missing: why":     {"why: An old era could be signed twice.\n", ""},
		"missing: file":    {"file: rule/watermark/rule.go\n", ""},
		"missing: test":    {"test: ./rule/watermark -run ^TestFloor$\n", ""},
		"missing: --- old": {sample[strings.Index(sample, "--- old"):], ""},
		"unknown key":      {"why:", "because:"},
		"is there twice":   {"why:", "name:"},
		"-run REGEXP":      {"-run ^TestFloor$", "^TestFloor$"},
		"missing closing":  {"^TestFloor$", "(TestFloor"},
		"needs":            {"import \"x\"\n--- new\n--- end\n", "import \"x\"\n--- new\n"},
		"a second":         {"--- new\n\tif false {\n--- end\n", ""},
		"no old lines":     {"\tif height < floor {\n", "\n"},
		"are the same":     {"\tif false {\n", "\tif height < floor {\n"},
		"key: value":       {"# a comment", "a comment"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(strings.Replace(sample, change[0], change[1], 1))
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("have %v, want an error with %q", err, name)
			}
		})
	}
}

func TestApply(t *testing.T) {
	m := Mutant{File: "f.go", Edits: []Edit{{Old: "b\n", New: "x\ny\n"}, {Old: "a\n", New: ""}}}
	for _, c := range []struct {
		name, source, want string
		stale              bool
	}{
		{name: "once", source: "a\nb\nc\n", want: "x\ny\nc\n"},
		{name: "absent", source: "a\nc\n", stale: true},
		{name: "twice", source: "a\nb\nc\nb\n", stale: true},
		{name: "only as the end of a line", source: "a\nab\n", stale: true},
		{name: "also as the end of a line", source: "ab\na\nb\n", want: "ab\nx\ny\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			have, err := m.Apply(c.source)
			if errors.Is(err, errStale) != c.stale || have != c.want {
				t.Errorf("have %q, %v; want %q, stale: %v", have, err, c.want, c.stale)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name, output string
		failed       bool
		want         Outcome
	}{
		{"passes", "ok  \tm/p\t0.1s\n", false, Survived},
		{"fails", "--- FAIL: TestX (0.00s)\nFAIL\nFAIL\tm/p\t0.1s\nFAIL\n", true, Killed},
		{"crashes in a goroutine", "panic: boom\n\ngoroutine 7\nFAIL\tm/p\t0.1s\nFAIL\n", true, Killed},
		{"does not build", "# m/p\np.go:3:1: undefined: y\nFAIL\tm/p [build failed]\nFAIL\n", true, Unbuilt},
		{"has no such package", "FAIL\t./p [setup failed]\nFAIL\n", true, Unbuilt},
		{"has no such test", "ok  \tm/p\t0.1s [no tests to run]\n", false, NoTest},
		{"has no tests", "?   \tm/p\t[no test files]\n", false, NoTest},
		{"hangs", "panic: test timed out after 1s\n--- FAIL: TestX (1.00s)\nFAIL\tm/p\t1s\n", true, TimedOut},
		{"fails without a test", "go: no space left on device\n", true, Unclear},
	} {
		t.Run(c.name, func(t *testing.T) {
			if have := judge(c.output, c.failed); have != c.want {
				t.Errorf("have %v, want %v", have, c.want)
			}
		})
	}
}

// The whole program on a module of its own, with the real go command.
func TestRun(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module m\n\ngo 1.26\n",
		"p/p.go": "package p\n\nfunc Double(x int) int {\n\treturn 2 * x\n}\n",
		"p/p_test.go": "package p\n\nimport \"testing\"\n\n" +
			"func TestDouble(t *testing.T) {\n\tif Double(2) != 4 {\n\t\tt.Error(Double(2))\n\t}\n}\n" +
			"func TestRed(t *testing.T) { t.Error() }\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ name, line, test, want string }{
		{"killed", "\treturn 3 * x\n", "^TestDouble$", ""},
		{"survives", "\treturn x * x\n", "^TestDouble$", "SURVIVED"},
		{"does not build", "\treturn y\n", "^TestDouble$", "DOES NOT BUILD"},
		{"is red without it", "\treturn 3 * x\n", "^TestRed$", "is not green"},
		{"names no test", "\treturn 3 * x\n", "^TestNone$", "NO SUCH TEST"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			text := "name: n\nwhy: w\nfile: p/p.go\ntest: ./p -run " + c.test +
				"\n--- old\n\treturn 2 * x\n--- new\n" + c.line + "--- end\n"
			if err := os.WriteFile(filepath.Join(dir, "n.mutant"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			err := run(context.Background(), Runner{Root: root, Timeout: time.Minute, Parallel: 2}, dir, "", &out)
			if c.want == "" {
				if err != nil || !strings.Contains(out.String(), "killed") {
					t.Errorf("have %v and\n%s", err, out.String())
				}
				return
			}
			if err == nil || !strings.Contains(out.String()+err.Error(), c.want) {
				t.Errorf("have %v and\n%s, want an error and %q", err, out.String(), c.want)
			}
		})
	}
}

// Every mutant that is shipped can be read and still fits the code.
func TestShipped(t *testing.T) {
	mutants, err := load(".", regexp.MustCompile(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		source, err := os.ReadFile(filepath.Join("../..", m.File))
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		if _, err := m.Apply(string(source)); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}
