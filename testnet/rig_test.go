package testnet

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
)

const (
	testChain   = "casper-test"
	readyWithin = 20 * time.Second
	answered    = 15 * time.Second // within which a slot must get its answer, whatever was killed
	askAgain    = 5 * time.Millisecond
)

// program builds the program, once for all tests; TestMain removes it.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "casper-testnet-")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "casper-cosigner")
	if err := lookAtSource(".."); err != nil {
		return binary, err
	}
	build := exec.Command("go", "build", "-o", binary, "./cmd/casper-cosigner")
	build.Dir = ".."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return binary, fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return binary, nil
})

// lookAtSource reads the times of all source files. Without that the go command would not know
// what a result of these tests depends on, and would take one from its cache although the
// program has changed.
func lookAtSource(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".go" {
			_, err = os.Stat(path)
		}
		return err
	})
}

// inside says that this process has mounts of its own, which end with it, however it ends.
const inside = "TESTNET_INSIDE"

// TestMain has the tests run where what their gates mount is nobody else's, if that is possible.
func TestMain(m *testing.M) {
	if os.Geteuid() == 0 && os.Getenv(inside) == "" {
		c := exec.Command(os.Args[0], os.Args[1:]...)
		c.Stdin, c.Stdout, c.Stderr, c.Env = os.Stdin, os.Stdout, os.Stderr, append(os.Environ(), inside+"=1")
		c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
		if c.Start() == nil {
			_ = c.Wait()
			os.Exit(c.ProcessState.ExitCode())
		}
	}
	code := m.Run()
	if binary, _ := program(); binary != "" {
		os.RemoveAll(filepath.Dir(binary))
	}
	os.Exit(code)
}

// rig is a cluster that runs, with a client of each node, and a witness of what it signs.
type rig struct {
	*Cluster
	t       *testing.T
	a, b    *Node
	witness *witness
}

// fast are settings under which no mark ever waits, and a main that is silent for 20 ms is no
// longer preferred.
func fast() Settings { return Settings{MinEra: time.Second, MinBlock: 10 * time.Millisecond} }

// newRig starts a cluster and waits until it is ready.
func newRig(t *testing.T, s Settings) *rig {
	t.Helper()
	var err error
	r := &rig{t: t, witness: newWitness(t)}
	r.make(s)
	t.Cleanup(r.close)
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.ready()
	for name, node := range map[string]**Node{Main: &r.a, Standby: &r.b} {
		if *node, err = r.Node(name); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*node).Close() })
	}
	return r
}

// make makes the cluster's files.
func (r *rig) make(s Settings) {
	r.t.Helper()
	var err error
	if s.Binary, err = program(); err != nil {
		r.t.Fatal(err)
	}
	s.Dir, s.Chain, s.PEM = filepath.Join(r.t.TempDir(), "c"), testChain, filepath.Join("..", "testdata",
		"node-1.secret_key.pem")
	if r.Cluster, err = Setup(r.t.Context(), s); err != nil {
		r.t.Fatal(err)
	}
}

// close ends the cluster; after a failure it shows what the processes said last.
func (r *rig) close() {
	r.Close()
	if !r.t.Failed() {
		return
	}
	const last = 4000 // bytes
	for _, p := range r.processes() {
		text, _ := os.ReadFile(p.Log)
		r.t.Logf("%s:\n%s", p.Name, text[max(0, len(text)-last):])
	}
}

// ready waits until all are ready and returns the leader.
func (r *rig) ready() *Process {
	r.t.Helper()
	s, err := r.Ready(r.t.Context(), readyWithin)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.Cosigner(s.Leader)
}

// once asks once and tells the witness.
func (r *rig) once(ctx context.Context, n *Node, m casper.Message) Answer {
	a := n.Sign(ctx, m)
	r.witness.note(m, a)
	return a
}

// until asks until there is a signature, and returns that answer. What says "ask again"
// is asked again.
func (r *rig) until(n *Node, m casper.Message) Answer {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), answered)
	defer cancel()
	for {
		a := r.once(ctx, n, m)
		if a.Kind == Signed || a.Kind == Bound {
			return a
		}
		if Pause(ctx, askAgain) != nil {
			r.t.Errorf("%s got no signature for %v within %v, last answer %s %s %v",
				n.Name, m, answered, a.Kind, a.Reason, a.Err)
			return a
		}
	}
}

// askOthers asks the standby for another value in every slot that has a signature. It must get what
// each slot holds.
func (r *rig) askOthers() {
	r.t.Helper()
	for _, m := range r.witness.all() {
		if a := r.until(r.b, Other(m)); a.Kind != Bound || a.Held != m {
			r.t.Errorf("%v was signed; another value got %s, held %v", m, a.Kind, a.Held)
		}
	}
}

// witness knows every message that got a signature. It fails the test when a signature is not the
// validator's, or when a slot has signatures of two values.
type witness struct {
	t   *testing.T
	key casper.PublicKey

	mu     sync.Mutex
	signed map[casper.Slot]casper.Message
}

func newWitness(t *testing.T) *witness {
	t.Helper()
	return &witness{t: t, key: readRecording(t).Validator, signed: map[casper.Slot]casper.Message{}}
}

func readRecording(t *testing.T) *Recording {
	t.Helper()
	r, err := ReadRecording(bytes.NewReader(readTestdata(t, "node-1.jsonl")))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (w *witness) note(asked casper.Message, a Answer) {
	if a.Kind != Signed && a.Kind != Bound {
		return
	}
	m := a.Message(asked)
	if !w.key.Verify(m, a.Signature) {
		w.t.Errorf("the signature of %v is not valid", m)
	}
	slot, ok := casper.SlotOf(m)
	if !ok {
		return
	}
	if of, _ := casper.SlotOf(asked); of != slot {
		w.t.Errorf("asked for %v, got what %v holds", of, slot)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if before, ok := w.signed[slot]; ok && before != m {
		w.t.Errorf("DOUBLE SIGN in %v: %v and %v", slot, before, m)
	}
	w.signed[slot] = m
}

// all are the messages that got a signature, one a slot.
func (w *witness) all() []casper.Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []casper.Message
	for _, m := range w.signed {
		all = append(all, m)
	}
	return all
}

// freeRounds hands out the free slots of an era.
func freeRounds(era uint64) *MadeUp {
	return &MadeUp{Round: casper.Round{Era: era, Chainspec: casper.ChainNameHash("made up"), KeyBlock: madeUpHash(era, 0),
		Validator: 1}}
}
