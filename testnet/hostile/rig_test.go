package hostile

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
)

const (
	chain       = "casper-test"
	era         = 1 // in which the slots are that are asked for; the clusters begin with era 0
	readyWithin = 2 * time.Minute
	answered    = time.Minute // within which a slot must get its answer
	askAgain    = 10 * time.Millisecond
)

// program builds the program, once for all tests; TestMain removes it.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "casper-hostile-")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "casper-cosigner")
	build := exec.Command("go", "build", "-o", binary, "./cmd/casper-cosigner")
	build.Dir, build.Env = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return binary, fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return binary, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if binary, _ := program(); binary != "" {
		os.RemoveAll(filepath.Dir(binary))
	}
	os.Exit(code)
}

// rig is a cluster of processes, and all that its tests saw signed.
type rig struct {
	*testnet.Cluster
	t      *testing.T
	names  []string // of all cosigners
	need   int      // cosigners for a signature
	a, b   *testnet.Node
	free   *testnet.MadeUp
	key    casper.PublicKey
	mu     sync.Mutex
	signed map[casper.Slot]map[casper.Message]bool // guarded by mu
}

// newRig starts a cluster of so many cosigners, of which so many are needed and whose nodes are as
// they are named stock, and waits until it signs.
func newRig(t *testing.T, need, of int, stock ...string) *rig {
	t.Helper()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	pem := filepath.Join("..", "..", "testdata", "node-1.secret_key.pem")
	r := &rig{t: t, need: need, signed: map[casper.Slot]map[casper.Message]bool{},
		free: &testnet.MadeUp{Round: casper.Round{Era: era, Chainspec: casper.ChainNameHash("made up"),
			KeyBlock: casper.ChainNameHash("key block"), Validator: 1}}}
	if r.key, err = testnet.PublicKey(pem); err != nil {
		t.Fatal(err)
	}
	r.Cluster, err = testnet.Setup(t.Context(), testnet.Settings{Binary: binary, Dir: filepath.Join(t.TempDir(), "c"),
		Chain: chain, PEM: pem, MinEra: time.Second, MinBlock: 10 * time.Millisecond, Cosigners: of, Threshold: need,
		Stock: stock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	for _, p := range r.Cosigners {
		r.names = append(r.names, p.Name)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.ready()
	for name, node := range map[string]**testnet.Node{testnet.Main: &r.a, testnet.Standby: &r.b} {
		if *node, err = r.Node(name); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*node).Close() })
	}
	return r
}

// close ends the cluster; after a failure it shows what the processes said last.
func (r *rig) close() {
	r.Close()
	if !r.t.Failed() {
		return
	}
	const last = 3000 // bytes
	for _, p := range slices.Concat(r.Cosigners, r.Agents) {
		text, _ := os.ReadFile(p.Log)
		r.t.Logf("%s:\n%s", p.Name, text[max(0, len(text)-last):])
	}
}

// ready waits until all are ready and returns who leads.
func (r *rig) ready() string {
	r.t.Helper()
	s, err := r.Ready(r.t.Context(), readyWithin)
	if err != nil {
		r.t.Fatal(err)
	}
	return s.Leader
}

// note keeps what was signed, and reports whether that was the slot's first value.
func (r *rig) note(m casper.Message, signature casper.Signature) {
	r.t.Helper()
	if !r.key.Verify(m, signature) {
		r.t.Errorf("the signature of %v is not valid", m)
		return
	}
	slot, _ := casper.SlotOf(m)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.signed[slot] == nil {
		r.signed[slot] = map[casper.Message]bool{}
	}
	r.signed[slot][m] = true
}

// values is how many values of the message's slot were signed.
func (r *rig) values(m casper.Message) int {
	slot, _ := casper.SlotOf(m)
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.signed[slot])
}

// once asks once.
func (r *rig) once(n *testnet.Node, m casper.Message) testnet.Answer {
	a := n.Sign(r.t.Context(), m)
	if a.Kind == testnet.Signed || a.Kind == testnet.Bound {
		r.note(a.Message(m), a.Signature)
	}
	return a
}

// sign asks until there is a signature.
func (r *rig) sign(n *testnet.Node, m casper.Message) testnet.Answer {
	r.t.Helper()
	a, err := r.ask(n, m, answered)
	if err != nil {
		r.t.Fatalf("%s got no signature for %v within %v: %v", n.Name, m, answered, err)
	}
	return a
}

// ask asks until there is a signature, for so long at most.
func (r *rig) ask(n *testnet.Node, m casper.Message, within time.Duration) (testnet.Answer, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), within)
	defer cancel()
	for {
		a := r.once(n, m)
		if a.Kind == testnet.Signed || a.Kind == testnet.Bound {
			return a, nil
		}
		if testnet.Pause(ctx, askAgain) != nil {
			return a, fmt.Errorf("last answer %s %s %w", a.Kind, a.Reason, a.Err)
		}
	}
}

// signSome has so many new slots signed, and returns what they hold.
func (r *rig) signSome(n int) (all []casper.Message) {
	r.t.Helper()
	for range n {
		m := r.free.Next()
		r.sign(r.a, m)
		all = append(all, m)
	}
	return all
}

// nothingTwice asks both nodes for other values of what was signed, over and over for so long, and
// fails if any is signed, or anything anew for a slot.
func (r *rig) nothingTwice(of []casper.Message, during time.Duration) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), during)
	defer cancel()
	for {
		for _, m := range of {
			r.once(r.b, testnet.Other(m))
			if n := r.values(m); n > 1 {
				r.t.Errorf("%v was signed before, and now another value of its slot", m)
				return
			}
		}
		if testnet.Pause(ctx, askAgain) != nil {
			return
		}
	}
}

// stop ends processes and waits until they are gone.
func (r *rig) stop(names ...string) {
	r.t.Helper()
	for _, name := range names {
		if err := r.process(name).Kill(); err != nil {
			r.t.Fatal(err)
		}
	}
}

// start starts processes.
func (r *rig) start(names ...string) {
	r.t.Helper()
	for _, name := range names {
		if err := r.process(name).Start(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) process(name string) *testnet.Process {
	all := slices.Concat(r.Cosigners, r.Agents)
	return all[slices.IndexFunc(all, func(p *testnet.Process) bool { return p.Name == name })]
}

// remake ends cosigners, makes their states anew for the first era of all, as one would who takes
// `cosigner init` for a repair, and starts them.
func (r *rig) remake(names ...string) {
	r.t.Helper()
	r.stop(names...)
	for _, name := range names {
		err := os.RemoveAll(r.StateDir(name))
		if err == nil {
			err = r.Command(r.t.Context(), "cosigner", "init", "--first-era", "0", "--first-height", "0", "--again", "0/0",
				"--config", r.config(name))
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
	r.start(names...)
}

func (r *rig) config(name string) string { return filepath.Join(r.Dir, name, "cosigner.toml") }

// copyState keeps a copy of a cosigner's state, as a backup of its host does; restore puts it back.
func (r *rig) copyState(name string) (restore func()) {
	r.t.Helper()
	to := filepath.Join(r.t.TempDir(), name)
	if err := os.CopyFS(to, os.DirFS(r.StateDir(name))); err != nil {
		r.t.Fatal(err)
	}
	return func() {
		r.t.Helper()
		if err := os.RemoveAll(r.StateDir(name)); err != nil {
			r.t.Fatal(err)
		}
		if err := os.CopyFS(r.StateDir(name), os.DirFS(to)); err != nil {
			r.t.Fatal(err)
		}
	}
}

// await waits until something is so.
func (r *rig) await(what string, so func() bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), answered)
	defer cancel()
	for !so() {
		if err := testnet.Pause(ctx, 100*time.Millisecond); err != nil {
			r.t.Fatalf("waiting until %s: %v", what, err)
		}
	}
}

// takeOver ends a cosigner and returns who is in its place.
func (r *rig) takeOver(name string) *Cosigner {
	r.t.Helper()
	r.stop(name)
	c, err := Open(r.config(name))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

// node returns whoever holds the node's key.
func (r *rig) node(name string) *Node {
	r.t.Helper()
	n, err := OpenNode(filepath.Join(r.Dir, name, "agent.toml"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(n.Close)
	return n
}
