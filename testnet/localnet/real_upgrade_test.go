package localnet

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casper-cosigner/stock/launcher"
	standin "casper-cosigner/testnet/launcher"
)

// TestRealUpgrade: casper-nodes end with 0 at the activation of a version that is staged beside
// them, and the stand-in for their launcher takes them there: migrate-data, then the new version,
// which goes on with the chain.
func TestRealUpgrade(t *testing.T) {
	t.Parallel()
	binary, defaults := built(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	network, err := Setup(ctx, Config{Dir: filepath.Join(t.TempDir(), "network"), Binary: binary, Defaults: defaults,
		Validators: make([]Validator, 2), BlockTime: time.Second, EraDuration: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	from, to := launcher.Version{2, 0, 3}, launcher.Version{2, 0, 4}
	const activation = 3
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var hosts []*upgrading
	for _, n := range network.Nodes {
		dir := t.TempDir()
		h := &upgrading{node: n, ended: make(chan error, 1), log: filepath.Join(dir, "log"),
			folders: launcher.Folders{Binaries: filepath.Join(dir, "bin"), Settings: filepath.Join(dir, "etc")}}
		if err := n.Stage(h.folders, from, n.binary, nil); err != nil {
			t.Fatal(err)
		}
		out, err := os.Create(h.log)
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		l, err := standin.New(h.folders, launcher.Version{}, out)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Stage(h.folders, to, n.binary, map[string]any{"protocol.version": to.String(),
			"protocol.activation_point": activation}); err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, h)
		go func() {
			h.ended <- l.Run(ctx)
			stop()
		}()
	}
	reached := func(s Status) bool { return s.LastBlock != nil && s.LastBlock.Era > activation }
	_, err = network.Nodes[0].Await(ctx, reached)
	if ctx.Err() != nil && err == nil {
		err = ctx.Err()
	}
	stop()
	for _, h := range hosts {
		h.check(t, to, err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// upgrading is a host that is taken to the next version.
type upgrading struct {
	node    *Node
	folders launcher.Folders
	log     string
	ended   chan error
}

// check looks how it ended: with the new version, by SIGTERM.
func (h *upgrading) check(t *testing.T, want launcher.Version, failed error) {
	t.Helper()
	if err := <-h.ended; err == nil || !strings.Contains(err.Error(), "exit status 143") {
		t.Errorf("%s: the launcher ended with %v", h.node.Name, err)
	}
	state, ok, err := h.folders.State()
	if err != nil || !ok || state.Mode != launcher.Run || state.Version != want.String() {
		t.Errorf("%s: state %+v, %v", h.node.Name, state, err)
	}
	text, err := os.ReadFile(h.log)
	if err != nil || strings.Count(string(text), `"migrating data"`) != 1 {
		t.Errorf("%s: data were not migrated once, %v", h.node.Name, err)
	}
	if failed != nil {
		t.Logf("%s", text[max(0, len(text)-4000):])
	}
}
