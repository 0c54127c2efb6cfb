package hostile

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"casper-cosigner/testnet"
)

// TestOutgrown: all three states are put back and sign on, with agents that know of nothing, until
// they have more entries and records than what was lost; then the notes of their starts are
// deleted. The agent that knows better is heard after that. Each signature takes all three, so that
// each has lost something.
func TestOutgrown(t *testing.T) {
	t.Parallel()
	r := newRig(t, 3, 3)
	signed, restore := r.undo(r.names...)
	had := r.applied(r.names...)
	r.stop(testnet.Main, testnet.Standby)
	knows, err := os.ReadFile(r.kept(testnet.Main))
	err = errors.Join(err, os.Remove(r.kept(testnet.Main)), os.Remove(r.kept(testnet.Standby)))
	if err != nil {
		t.Fatal(err)
	}
	restore()
	r.start(testnet.Main, testnet.Standby)
	r.ready()
	r.signSome(20)
	for name, n := range r.applied(r.names...) {
		if n <= had[name] {
			t.Fatalf("%s has applied %d entries, and had %d", name, n, had[name])
		}
	}
	r.stop(append(r.names, testnet.Main, testnet.Standby)...)
	for _, name := range r.names {
		err = errors.Join(err, os.Remove(filepath.Join(r.StateDir(name), "starts.json")))
	}
	if err = errors.Join(err, os.WriteFile(r.kept(testnet.Main), knows, 0o600)); err != nil {
		t.Fatal(err)
	}
	r.start(testnet.Main, testnet.Standby)
	r.start(r.names...)
	r.nothingTwice(signed, asking)
	for _, name := range r.names {
		r.heldBack(name, "a statement signed by "+name, "of its ledger was another one", "went on otherwise")
	}
}

// TestCopyKeptOut: a copy of one directory is started, which the others refuse for good, and so the
// original with it. Typed on each of them, the original goes on; the copy is still refused, and
// what it would put in its place is not let in.
func TestCopyKeptOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	r.compacted() // the copy knows of the cluster at once
	r.ready()
	r.stop("c3")
	restore := r.copyState("c3")
	r.start("c3")
	r.ready()
	signed := r.signSome(4)
	r.seen("c3", "c1", "c2")
	r.stop("c3")
	original, starts := r.copyState("c3"), r.starts("c3")
	const shorter = "refusing cosigner c3: it shows a shorter log"
	refused := func(by string) bool { return strings.Contains(r.refusal("c3", by), shorter) }
	startCopy := func() {
		t.Helper()
		restore()
		for so := false; !so; { // with numbers that the original had, too
			r.start("c3")
			r.await("c3 is refused by both", func() bool { return r.refusal("c3", "c1") != "" && r.refusal("c3", "c2") != "" })
			so = refused("c1") && refused("c2")
			r.stop("c3")
		}
	}
	startCopy()
	copied := r.starts("c3")
	original()
	r.start("c3")
	r.await("the original is refused", func() bool { return refused("c1") && refused("c2") })
	readmit := func(by, starts string) error {
		return r.Command(t.Context(), "cosigner", "readmit", "c3", "--starts", starts, "--config", r.config(by))
	}
	if err := readmit("c1", starts); err == nil {
		t.Error("a cosigner that runs lets it in")
	}
	for _, by := range []string{"c1", "c2"} {
		r.stop(by)
		if err := readmit(by, copied); err == nil {
			t.Errorf("%s lets the copy in", by)
		}
		if err := readmit(by, starts); err != nil {
			t.Error(err)
		}
		r.start(by)
	}
	r.ready()
	r.nothingTwice(signed, 0)
	r.stop("c1") // so that c3 is needed
	r.signSome(2)
	r.start("c1")
	r.ready()
	r.seen("c3", "c1", "c2")
	r.stop("c3")
	startCopy()
}

// seen waits until others durably know how far a cosigner has come by now.
func (r *rig) seen(name string, by ...string) {
	r.t.Helper()
	had := r.applied(name)[name]
	for _, other := range by {
		r.await(other+" has seen "+name, func() bool {
			var file struct {
				Body map[string]struct {
					Applied uint64 `json:"applied_index"`
				} `json:"body"`
			}
			text, err := os.ReadFile(filepath.Join(r.StateDir(other), "peers.json"))
			return err == nil && json.Unmarshal(text, &file) == nil && file.Body[name].Applied >= had
		})
	}
}

// starts is a copy of what a cosigner's state directory notes of its starts.
func (r *rig) starts(name string) string {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.StateDir(name), "starts.json"))
	to := filepath.Join(r.t.TempDir(), "starts.json")
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return to
}

// refusal is why a cosigner refuses another one now, empty if it does not.
func (r *rig) refusal(of, by string) string {
	r.t.Helper()
	s, err := r.Status(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, p := range s.Problems {
		if strings.HasPrefix(p, "cosigner "+of+" is refused by "+by+":") {
			return p
		}
	}
	return ""
}
