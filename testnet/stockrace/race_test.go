package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"casper-cosigner/stock/units/unitstest"
	"casper-cosigner/testnet/pair"
)

// root is where the module is.
var root = filepath.Join("..", "..")

// missing is why nothing can be mounted, empty if it can.
const missing = "STOCKRACE_MISSING"

// TestMain has the tests run where their mounts are nobody else's.
func TestMain(m *testing.M) {
	if err := pair.Apart(); err != nil {
		os.Setenv(missing, err.Error())
	}
	os.Exit(m.Run())
}

// build builds the program, with these flags too.
func build(t *testing.T, flags ...string) (binary string) {
	t.Helper()
	if why := os.Getenv(missing); why != "" {
		t.Skip("SKIPPED: no pair of stock nodes is raced:", why)
	}
	binary = filepath.Join(t.TempDir(), "casper-cosigner")
	c := exec.Command("go", slices.Concat([]string{"build", "-o", binary}, flags, []string{"./cmd/casper-cosigner"})...)
	c.Dir, c.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	return binary
}

// play has a short race.
func play(t *testing.T, o options) (*race, error) {
	t.Helper()
	o.pem, o.lanes, o.seed = filepath.Join(root, "testdata", "node-1.secret_key.pem"), 8, uint64(time.Now().UnixNano())
	r, err := open(t.Context(), o, t.TempDir())
	t.Cleanup(func() { r.Close() })
	if err != nil {
		t.Fatal(err)
	}
	out := new(strings.Builder)
	err = r.run(t.Context(), out)
	t.Log(out)
	return r, err
}

// TestRace is a short race.
func TestRace(t *testing.T) {
	const slots = 400
	r, err := play(t, options{binary: build(t), slots: slots, perEra: slots / 2, every: 40})
	if err != nil {
		t.Fatal(err)
	}
	if r.bound < slots/2 || r.outcomes[sent] == 0 || r.outcomes[refused] == 0 || r.killed < len(victims) {
		t.Error("there was no race")
	}
}

// TestBrokenGate: a race of gates that store what nobody granted ends with two values of a slot.
func TestBrokenGate(t *testing.T) {
	const proven, anyway = "if !proofs[slotOf(m)].Of(m) {", "if false {"
	path, err := filepath.Abs(filepath.Join(root, "stock", "journal", "journal.go"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Count(string(text), proven) != 1 {
		t.Fatalf("%s has not exactly one %q, %v", path, proven, err)
	}
	broken, overlay := filepath.Join(t.TempDir(), "journal.go"), filepath.Join(t.TempDir(), "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: broken}})
	err = errors.Join(err, os.WriteFile(broken, []byte(strings.Replace(string(text), proven, anyway, 1)), 0o600),
		os.WriteFile(overlay, replace, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	o := options{binary: build(t, "-overlay", overlay), slots: 2000, perEra: 2000, every: 2000}
	if _, err := play(t, o); !errors.Is(err, errDouble) {
		t.Errorf("the race of broken gates ended with: %v", err)
	}
}

// TestBook: what a race must end with ends it, and nothing else.
func TestBook(t *testing.T) {
	us, era := unitstest.New(1, 7), unitstest.Instance("era")
	for name, c := range map[string]struct {
		sent  [2][]byte // votes, 1 for yes
		file  []byte    // of the second node
		fails string
	}{
		"the same everywhere":        {sent: [2][]byte{{1}, {1}}, file: []byte{1}},
		"stored, and the node died":  {sent: [2][]byte{{1}, nil}, file: []byte{1}},
		"sent twice":                 {sent: [2][]byte{{1}, {0}}, fails: "DOUBLE SIGN"},
		"stored otherwise":           {sent: [2][]byte{{1}, nil}, file: []byte{0}, fails: "DOUBLE SIGN"},
		"stored twice":               {sent: [2][]byte{nil, {1}}, file: []byte{1, 1}, fails: "stands twice"},
		"sent, and not stored":       {sent: [2][]byte{nil, {1}}, fails: "is not in"},
		"sent, and stored elsewhere": {sent: [2][]byte{{1}, {1}}, fails: "is not in"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(era, us.Public())
			var err error
			for i, votes := range c.sent {
				for _, v := range votes {
					err = errors.Join(err, b.send(i, us.Vote(era, 1, v == 1)))
				}
			}
			var text []byte
			for _, v := range c.file {
				text = slices.Concat(text, unitstest.Entry(us.Vote(era, 1, v == 1)))
			}
			path := filepath.Join(t.TempDir(), "unit")
			if wrote := os.WriteFile(path, append(text, 9, 9), 0o600); wrote != nil { // torn
				t.Fatal(wrote)
			}
			err = errors.Join(err, b.look(1, path))
			if said := fmt.Sprint(err); (err == nil) != (c.fails == "") || !strings.Contains(said, c.fails) {
				t.Errorf("%v, want %q", err, c.fails)
			}
		})
	}
}
