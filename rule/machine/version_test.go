package machine_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
)

// TestVersionOnlyRises: once an entry of a version was applied, one of an earlier version changes
// nothing, whatever it says, on a copy that was restored as well.
func TestVersionOnlyRises(t *testing.T) {
	older, newer := machine.Place{Version: machine.Oldest}, machine.Place{Version: machine.Version}
	s := started()
	if r := s.ApplyAt(older, final("a", 51, 1)); r.Outcome != machine.Done || s.Version() != machine.Oldest {
		t.Fatalf("before it rises: %+v, version %d", r, s.Version())
	}
	if r := s.ApplyAt(newer, machine.SetFloor{}); r != refused(refusal.BelowPruned) || s.Version() != machine.Version {
		t.Fatalf("what is refused raises it too: %+v, version %d", r, s.Version())
	}
	for name, s := range map[string]*machine.State{"": s, "restored": restored(t, snapshot(t, s)), "copied": s.Clone()} {
		was := snapshot(t, s)
		for _, c := range append(everyCommand(), final("a", 51, 1)) {
			if r := s.ApplyAt(older, c); r != refused(refusal.OldVersion) || !bytes.Equal(snapshot(t, s), was) {
				t.Errorf("%s %T: %+v", name, c, r)
			}
		}
	}
}

// TestSnapshotOfOldest: until an entry of a later version was applied, a snapshot has the bytes
// that the release before wrote, which reads no others.
func TestSnapshotOfOldest(t *testing.T) {
	s := someState()
	const want = "b17489cd1cf1aa8d418ce406ea2789fc658f1bb9d45f91e9607a0643d6ca8049"
	sum := func() string {
		h := sha256.Sum256(snapshot(t, s))
		return hex.EncodeToString(h[:])
	}
	if got := sum(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s.ApplyAt(machine.Place{Version: machine.Version}, machine.SetFloor{})
	if sum() == want {
		t.Error("that the version has risen is not in the snapshot")
	}
}

// TestInForce: nobody is written for what a member may not be able to read, but for what the log
// holds already.
func TestInForce(t *testing.T) {
	for _, tt := range []struct {
		log   uint32
		shown []uint32
		want  uint32
	}{
		{2, []uint32{3, 3, 3}, 3},
		{2, []uint32{3, 3, 0}, 2},
		{2, []uint32{0, 3, 3}, 2},
		{2, []uint32{3, 2, 5}, 2},
		{2, []uint32{5, 5, 5}, 4},
		{3, []uint32{4, 3, 4}, 3},
		{2, []uint32{1, 1, 1}, 2},
		{3, []uint32{3, 0, 3}, 3},
	} {
		if got := machine.InForce(tt.log, tt.shown...); got != tt.want {
			t.Errorf("log %d, shown %v: %d, want %d", tt.log, tt.shown, got, tt.want)
		}
	}
}
