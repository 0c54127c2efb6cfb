package testimony

import (
	"strings"
	"testing"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/witness"
	"casper-cosigner/statedir"
)

// TestFollowing: who is led into a founding holds against it what it would hold against its own,
// until as many members as are obeyed state that their log bound something.
func TestFollowing(t *testing.T) {
	r := newRig(t, func(r *rig) { r.held.Started, r.held.Newest, r.held.Applied = false, watermark.Mark{}, 0 })
	r.HeardAgent("a", nil)
	if r.MayFollow() == nil {
		t.Error("agent b was not heard")
	}
	r.HeardAgent("b", []*cosignerv1.SignedStatement{stranger(9, 50)})
	if err := r.MayFollow(); err == nil || !strings.Contains(err.Error(), "agent b shows that") {
		t.Errorf("another cluster signed above: %v", err)
	}
	for _, n := range []byte{2, 3} {
		r.HeardCosigner("c"+string('0'+rune(n)), []*cosignerv1.SignedStatement{says(n, 80, func(s *witness.Statement) {
			s.Boot, s.Newest, s.Pruned = 4, watermark.Mark{Era: 39, Height: 399}, watermark.Mark{Era: 30, Height: 1}
		})})
	}
	if r.MayFollow() == nil {
		t.Error("what was bound before this founding")
	}
	r.HeardCosigner("c2", []*cosignerv1.SignedStatement{says(2, 90, nil)})
	if r.MayFollow() == nil {
		t.Error("the word of one member")
	}
	r.HeardCosigner("c3", []*cosignerv1.SignedStatement{says(3, 90, func(s *witness.Statement) {
		s.Newest = watermark.Mark{}
	})})
	if r.MayFollow() == nil {
		t.Error("the other one's log bound nothing")
	}
	r.HeardCosigner("c3", []*cosignerv1.SignedStatement{says(3, 91, nil)})
	if err := r.MayFollow(); err != nil {
		t.Error("two members signed in this cluster:", err)
	}
	if r.MayFound() == nil {
		t.Error("that does not let it found one itself")
	}
}

// TestAbsentAgent: an agent that was said not to be there yet keeps nobody waiting. Should it come
// all the same, what it shows counts; only of one that is left out at the founding it does not.
func TestAbsentAgent(t *testing.T) {
	r := newRig(t, func(r *rig) {
		r.held.Started, r.held.Newest, r.held.Applied = false, watermark.Mark{}, 0
		r.words = statedir.Words{Absent: []string{"a", "b"}}
	})
	r.HeardAgent("a", nil)
	if err := r.MayFound(); err == nil || !strings.Contains(err.Error(), "agent b may yet be heard") {
		t.Errorf("at once: %v", err)
	}
	r.pass(30 * time.Second)
	if err := r.MayFound(); err != nil {
		t.Error("it is not there:", err)
	}
	r.HeardAgent("b", []*cosignerv1.SignedStatement{stranger(9, 50)})
	if err := r.MayFound(); err == nil || !strings.Contains(err.Error(), "agent b shows that") {
		t.Errorf("it came, and shows that later eras were signed: %v", err)
	}
	r.words.Without = []string{"b"}
	r.reread()
	if err := r.MayFound(); err != nil {
		t.Error("left out by name:", err)
	}
}

// TestChainPassed: once the chain is where the cluster signs from, whoever holds the whole key may
// have signed there, if anybody started it again after `cosigner init`. Only an operator's word
// tells that nobody did.
func TestChainPassed(t *testing.T) {
	r := newRig(t, func(r *rig) { r.held.Started, r.held.Newest, r.held.Applied = false, watermark.Mark{}, 0 })
	for _, node := range []string{"a", "b"} {
		r.HeardChain(node, watermark.Mark{Era: 39, Height: 399})
		r.HeardAgent(node, nil)
	}
	if err := r.MayFound(); err != nil {
		t.Error("the chain has not come that far:", err)
	}
	for _, last := range []watermark.Mark{{Era: 40, Height: 399}, {Era: 39, Height: 400}} {
		r.HeardChain("b", last)
		if err := r.MayFound(); err == nil || !strings.Contains(err.Error(), "the node b is at era ") {
			t.Errorf("the chain is at %v: %v", last, err)
		}
		if r.MayFollow() == nil {
			t.Errorf("another one founds while the chain is at %v", last)
		}
	}
	r.words.Stopped = r.now.Unix()
	r.reread()
	if err := r.MayFound(); err != nil {
		t.Error("an operator said that nobody signed there:", err)
	}
	r.pass(2 * time.Hour)
	if r.MayFound() == nil {
		t.Error("that was two hours ago")
	}
}

// TestChainUntold: an agent is up before its node is. It is given as long as any start waits to say
// how far the chain is.
func TestChainUntold(t *testing.T) {
	r := newRig(t, func(r *rig) { r.held.Started, r.held.Newest, r.held.Applied = false, watermark.Mark{}, 0 })
	r.HeardChain("a", watermark.Mark{})
	r.HeardAgent("a", nil)
	r.HeardAgent("b", nil)
	if err := r.MayFound(); err == nil || !strings.Contains(err.Error(), "no node has said yet how far the chain is") {
		t.Errorf("at once: %v", err)
	}
	r.pass(29 * time.Second)
	r.HeardChain("b", watermark.Mark{Era: 40, Height: 410})
	r.pass(time.Minute)
	if err := r.MayFound(); err == nil || !strings.Contains(err.Error(), "the node b is at era 40") {
		t.Errorf("it said so in time: %v", err)
	}
	r.HeardChain("b", watermark.Mark{})
	if err := r.MayFound(); err != nil {
		t.Error("nobody says it:", err)
	}
}

// TestFounded: a log that is being read back was founded, whatever it has come to so far: who is
// refused must not be told to make all anew.
func TestFounded(t *testing.T) {
	r := newRig(t, func(r *rig) { r.held.Started = false })
	if _ = r.Status(); r.Founded() {
		t.Error("a log that holds nothing was founded")
	}
	r.held.Started = true
	if _ = r.Status(); !r.Founded() {
		t.Error("the log has its Genesis")
	}
	r = newRig(t, func(r *rig) { r.held.Started, r.held.Stored = false, true })
	if !r.Founded() {
		t.Error("a log that is read back was never founded")
	}
}
