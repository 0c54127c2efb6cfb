package node_test

import (
	"strings"
	"testing"

	"casper-cosigner/stock/node"
)

// TestCommand: nothing of the environment changes what a node reads, or is.
func TestCommand(t *testing.T) {
	for _, name := range []string{"NODE_CONFIG", "LD_PRELOAD", "LD_LIBRARY_PATH"} {
		t.Setenv(name, "x")
	}
	cmd := node.Command(t.Context(), "/bin/casper-node", "/dir")
	for _, e := range cmd.Env {
		if strings.HasPrefix(e, "NODE_CONFIG=") || strings.HasPrefix(e, "LD_") {
			t.Errorf("it gets %s", e)
		}
	}
	if got := strings.Join(cmd.Args, " "); got != "/bin/casper-node validator /dir/config.toml" {
		t.Errorf("called with %q", got)
	}
}

// TestTree: what is put into a document is in its TOML, what is deleted is not, and the rest stays.
func TestTree(t *testing.T) {
	tree, err := node.ParseTOML([]byte("a = 1\n[b]\nc = 'x'\nlanes = [[1, 2], [3, 4]]\n[b.d]\nratio = 0.5\n"))
	if err != nil {
		t.Fatal(err)
	}
	tree.Put("b.d.e", true)
	tree.Put("f.g", "new")
	tree.Delete("b.c")
	tree.Delete("none.such")
	text, err := tree.TOML()
	if err != nil {
		t.Fatal(err)
	}
	if tree, err = node.ParseTOML(text); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]any{"a": int64(1), "b.c": nil, "b.d.e": true, "b.d.ratio": 0.5, "f.g": "new",
		"b.x.y": nil} {
		if got := tree.Get(path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	if got := string(text); !strings.Contains(got, "[[1, 2], [3, 4]]") {
		t.Errorf("lists changed: %s", got)
	}
}
