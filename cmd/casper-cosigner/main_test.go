package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"casper-cosigner": main})
}

// TestScripts runs the program as its users do. The scripts see the recorded network's key as $PEM.
func TestScripts(t *testing.T) {
	pem, err := filepath.Abs("../../testdata/node-1.secret_key.pem")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Abs("../../deploy/examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PEM", pem)
			e.Setenv("EXAMPLES", examples)
			e.Setenv("VALIDATOR", "01c6b1344a3fd2c89e1255d843d8535db28110ef49bf64efe0e284d288c7c18f42")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": code, "mode": mode, "flipbit": flipBit, "replace": replace, "newentry": newEntry,
		},
	})
}

// code runs a program and demands an exit code: code 2 casper-cosigner ...
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	have := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("running %s: %v", args[1], err)
		}
		have = exit.ExitCode()
	}
	if have != want {
		ts.Fatalf("exit code %d, want %d", have, want)
	}
}

// mode demands a file's permissions: mode 600 file...
func mode(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if have := info.Mode().Perm(); uint64(have) != want {
			ts.Fatalf("%s has mode %o, want %o", name, have, want)
		}
	}
}

// flipBit changes one bit in the middle of a file's text, in a way that armor still decodes.
func flipBit(ts *testscript.TestScript, neg bool, args []string) {
	text := []byte(ts.ReadFile(args[0]))
	i := len(text) / 2
	for text[i] == '\n' {
		i++
	}
	if text[i] == 'A' {
		text[i] = 'B'
	} else {
		text[i] = 'A'
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
}

// replace replaces the first occurrence of a text in a file: replace file old new
func replace(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile(args[0])
	i := strings.Index(text, args[1])
	if i < 0 {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text[:i]+args[2]+text[i+len(args[1]):]), 0o600))
}

// newEntry gives a node of a cluster file the key that init --new printed: newentry cluster.toml
// new.toml printed
func newEntry(ts *testscript.TestScript, neg bool, args []string) {
	said := regexp.MustCompile(`(?s)\[\[node\]\]\nname = '(\w+)'\nkey = '(\w+)'`).FindStringSubmatch(ts.ReadFile(args[2]))
	if said == nil {
		ts.Fatalf("%s holds no entry", args[2])
	}
	old := regexp.MustCompile(`(name = '` + said[1] + `'\n(?:#.*\n)?key = ')\w+`)
	text := ts.ReadFile(args[0])
	if !old.MatchString(text) {
		ts.Fatalf("%s has no node %s", args[0], said[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(old.ReplaceAllString(text, "${1}"+said[2])), 0o600))
}
