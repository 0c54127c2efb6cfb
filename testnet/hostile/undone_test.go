package hostile

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
)

// asking is for how long other values are asked for: the agents are heard long before it is over,
// and whoever waits for one that is not has given up.
const asking = 8 * time.Second

// TestAllRemade: all three states are deleted and made again, for a lower era than was signed,
// while one agent lives that saw it signed.
func TestAllRemade(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	signed := r.signSome(6)
	r.remembered(testnet.Main, r.names...)
	r.stop(testnet.Standby)
	r.remake(r.names...)
	r.nothingTwice(signed, asking)
	for _, name := range r.names {
		r.heldBack(name, "shows a statement signed by "+name, "initialised again")
	}
	r.start(testnet.Standby) // which heard it, too
	r.nothingTwice(signed, asking)
}

// TestTwoRemade: two are made again. The third has seen what they were before.
func TestTwoRemade(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	signed := r.signSome(6)
	r.remembered(testnet.Main, r.names...)
	r.remake(r.names[:2]...)
	r.nothingTwice(signed, asking)
	for _, name := range r.names[:2] {
		r.heldBack(name, "a statement signed by "+name, "initialised again")
	}
	r.sound("c3")
}

// TestAllRestored: all three states are put back to what they were some signatures ago, as a
// hypervisor does that restores three virtual machines; and once more, after they were refused.
func TestAllRestored(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	signed, restore := r.undo(r.names...)
	for range 2 {
		restore()
		r.nothingTwice(signed, asking)
		for _, name := range r.names {
			r.heldBack(name, "a statement signed by "+name, "restored")
		}
	}
}

// TestAllRestoredUnheard: all three are put back, and started over and over before an agent is
// heard. Each start makes their logs longer, until they are longer than what was signed.
func TestAllRestoredUnheard(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	signed, restore := r.undo(r.names...)
	had := r.applied(r.names...)
	r.stop(testnet.Main, testnet.Standby)
	restore()
	beyond := func(than map[string]uint64) bool {
		have := r.applied(r.names...)
		return !slices.ContainsFunc(r.names, func(name string) bool { return have[name] <= than[name] })
	}
	for !beyond(had) { // what the agents keep
		since := r.applied(r.names...)
		r.stop(r.names...)
		r.start(r.names...)
		r.await("the logs have grown", func() bool { return beyond(since) })
	}
	r.stop(r.names...)
	r.start(testnet.Main, testnet.Standby)
	r.start(r.names...)
	r.nothingTwice(signed, asking)
	for _, name := range r.names {
		r.heldBack(name, "has lost what it remembered", "a statement signed by "+name, "restored")
	}
}

// TestTwoRestored: two are put back, and the third, which is not, cannot stop them: two are enough.
func TestTwoRestored(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	signed, restore := r.undo(r.names[:2]...)
	restore()
	r.nothingTwice(signed, asking)
	for _, name := range r.names[:2] {
		r.heldBack(name, "a statement signed by "+name, "restored")
	}
	r.sound("c3")
}

// TestOneRestored: the other two go on without it.
func TestOneRestored(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	signed, restore := r.undo("c1")
	restore()
	r.heldBack("c1", "a statement signed by c1", "restored")
	r.nothingTwice(signed, 0)
	r.signSome(6)
	r.sound("c2", "c3")
}

// TestNobodyHeard is what README and docs/recovery.md say of it: when all that are put back hear
// no agent, or only agents that have forgotten, what was signed since the copy is signed again.
// Once an agent comes that remembers, nothing more is.
func TestNobodyHeard(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	signed, restore := r.undo(r.names...)
	r.remembered(testnet.Standby, r.names...)
	r.stop(testnet.Main, testnet.Standby)
	if err := os.Remove(r.kept(testnet.Main)); err != nil {
		t.Fatal(err)
	}
	restore()
	r.start(testnet.Main)
	again := testnet.Other(signed[0])
	r.sign(r.a, again)
	if n := r.values(again); n != 2 {
		t.Fatalf("the slot has %d values: what the docs say is too little", n)
	}
	r.start(testnet.Standby)
	for _, name := range r.names {
		r.heldBack(name, "shows a statement signed by "+name, "restored")
	}
	r.nothingTwice(signed[1:], asking)
}

// TestNobodyUp: one is put back, the other one that saw what it signed is down, and no agent is
// heard. The third was down when it was signed. The two are enough, and sign it again.
func TestNobodyUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	r.signSome(2)
	r.stop("c2", "c3")
	restore := r.copyState("c2")
	r.start("c2")
	signed := r.signSome(2)
	r.stop("c1", "c2", testnet.Standby, testnet.Main)
	if err := os.Remove(r.kept(testnet.Main)); err != nil {
		t.Fatal(err)
	}
	restore()
	r.start("c2", "c3", testnet.Main)
	again := testnet.Other(signed[0])
	r.sign(r.a, again)
	if n := r.values(again); n != 2 {
		t.Fatalf("the slot has %d values: what the docs say is too little", n)
	}
}

// undo has slots signed between two stops of the named cosigners. Restore ends them, puts their
// states back to the first of the two, and starts them.
func (r *rig) undo(names ...string) (since []casper.Message, restore func()) {
	r.t.Helper()
	r.signSome(6)
	r.stop(names...)
	var back []func()
	for _, name := range names {
		back = append(back, r.copyState(name))
	}
	r.start(names...)
	r.ready()
	since = r.signSome(6)
	r.remembered(testnet.Main, names...)
	return since, func() {
		r.t.Helper()
		r.stop(names...)
		for _, f := range back {
			f()
		}
		r.start(names...)
	}
}

// kept is the file in which a node's agent keeps what cosigners stated.
func (r *rig) kept(node string) string { return filepath.Join(r.Dir, node, "state", "witness.json") }

var saysApplied = regexp.MustCompile(`"says": "(\S+) .* applied entry (\d+),`)

// applied is how many entries each of the cosigners has applied now.
func (r *rig) applied(names ...string) map[string]uint64 {
	r.t.Helper()
	s, err := r.Status(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	all := map[string]uint64{}
	for _, c := range s.Cosigners {
		if slices.Contains(names, c.Name) {
			all[c.Name] = c.Applied
		}
	}
	return all
}

// remembered waits until the node's agent keeps, durably, that each of the cosigners applied all
// that it has applied now.
func (r *rig) remembered(node string, names ...string) {
	r.t.Helper()
	wanted := r.applied(names...)
	r.await(node+" remembers what was signed", func() bool {
		text, _ := os.ReadFile(r.kept(node))
		have := map[string]uint64{}
		for _, m := range saysApplied.FindAllSubmatch(text, -1) {
			n, _ := strconv.ParseUint(string(m[2]), 10, 64)
			have[string(m[1])] = max(have[string(m[1])], n) // earlier processes are kept, too
		}
		for _, name := range names {
			if have[name] < wanted[name] || wanted[name] == 0 {
				return false
			}
		}
		return true
	})
}

// heldBack waits until a cosigner says, to an operator, that it gives no share, with all these
// texts.
func (r *rig) heldBack(name string, texts ...string) {
	r.t.Helper()
	said := ""
	ctx, cancel := context.WithTimeout(r.t.Context(), answered)
	defer cancel()
	_, err := r.Await(ctx, func(s testnet.Status) bool {
		for _, c := range s.Cosigners {
			if c.Name == name {
				said = c.HeldBack
			}
		}
		for _, text := range texts {
			if !strings.Contains(said, text) {
				return false
			}
		}
		return true
	})
	if err != nil {
		r.t.Errorf("%s does not say %q, but %q", name, texts, said)
	}
}

// sound fails if one of the cosigners says that something is wrong with its own state.
func (r *rig) sound(names ...string) {
	r.t.Helper()
	s, err := r.Status(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range s.Cosigners {
		if slices.Contains(names, c.Name) && c.HeldBack != "" {
			r.t.Errorf("%s has lost nothing, and says: %s", c.Name, c.HeldBack)
		}
	}
}

// TestRevertedWithMemory: a virtual machine is put back with its memory, so that the same process
// goes on with less than it had. To its peers it is one that shows the same start and session with
// a lower index; a program that does so stands in for it.
func TestRevertedWithMemory(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	r.signSome(2)
	c := r.takeOver("c3")
	before := c.Shown()
	before.LastIndex, before.AppliedIndex = 100_000, 100_000
	after := before
	after.LastIndex, after.AppliedIndex = 10, 10

	c.Show(before)
	if err := c.Serve(); err != nil {
		t.Fatal(err)
	}
	for _, honest := range []string{"c1", "c2"} {
		r.await("c3 is let in by "+honest, func() bool { return r.commitment(c, honest) == nil })
	}
	c.Show(after)
	for _, honest := range []string{"c1", "c2"} { // each finds out as it asks, which it does now and then
		r.await(honest+" refuses c3", func() bool {
			err := r.commitment(c, honest)
			return err != nil && strings.Contains(err.Error(), "refusing cosigner c3: it shows a state that went back")
		})
	}
	c.Show(before) // by then its log may have grown again, by other entries
	if err := r.commitment(c, "c1"); err == nil {
		t.Error("it is let in again once it shows as much as before")
	}
	r.signSome(2) // the others go on
}

// commitment has a compromised cosigner ask another one for a commitment, which is the first thing
// that none must get whose state is not what it was.
func (r *rig) commitment(c *Cosigner, from string) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Second)
	defer cancel()
	_, err := cosignerv1.NewCosignerServiceClient(c.conns[from]).Commit(ctx,
		&cosignerv1.CommitRequest{Count: 1, ShareEpoch: c.epoch})
	return err
}
