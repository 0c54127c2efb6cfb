package machine_test

import (
	"slices"
	"strings"
	"testing"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// TestMarkChanges: why an operator moved a mark is kept, also in a snapshot; not for ever, nor at
// any length, nor where a cosigner of the release before has to read it.
func TestMarkChanges(t *testing.T) {
	s := started()
	floor := func(height uint64, reason string) machine.SetFloor {
		return machine.SetFloor{Floor: watermark.Mark{Era: 6, Height: height}, Reason: reason, At: 9000}
	}
	if s.Apply(floor(60, "ops: a PEM")); len(s.MarkChanges()) != 0 {
		t.Errorf("in version 2: %+v", s.MarkChanges())
	}
	later(s, floor(61, "ops: a PEM"))
	later(s, final("a", 70, 1))
	later(s, reset(65, 1))
	later(s, rerun(7, 2))
	later(s, reset(65, 1)) // refused
	want := []machine.MarkChange{
		{At: 9000, What: "floor", Subject: "era 6 height 61", Reason: "ops: a PEM"},
		{At: 9000, What: "reset-heights", Subject: "height 65 to 70, for protocol version 2.0.1", Reason: "ops: hard reset"},
		{At: 9500, What: "instance", Subject: "era 7 chainspec 02" + strings.Repeat("00", 31), Reason: "restart"},
	}
	before := s.Clone()
	for _, s := range []*machine.State{s, before, restored(t, snapshot(t, s))} {
		if got := s.MarkChanges(); !slices.Equal(got, want) {
			t.Errorf("%+v", got)
		}
	}
	long := strings.Repeat("x", 999) + "\u00e9\u00e9"
	for i := range uint64(machine.KeptMarkChanges) {
		later(s, floor(70+i, long))
	}
	got := restored(t, snapshot(t, s)).MarkChanges()
	if len(got) != machine.KeptMarkChanges || got[0].Subject != "era 6 height 70" || got[0].Reason != long[:999] {
		t.Errorf("%d, %+v", len(got), got[0])
	}
	if !slices.Equal(before.MarkChanges(), want) {
		t.Errorf("a copy of before: %+v", before.MarkChanges())
	}
}

// TestSnapshotOfMarkChanges: a header that no state writes is refused.
func TestSnapshotOfMarkChanges(t *testing.T) {
	s := started()
	later(s, machine.SetFloor{Floor: watermark.Mark{Era: 6, Height: 60}, Reason: "x"})
	for name, edit := range map[string]func(*header){
		"version 2":       func(h *header) { h.Version = 2 },
		"an epoch":        func(h *header) { h.Marks[0].Epoch = 1 },
		"a cause":         func(h *header) { h.Marks[0].Cause = "operator" },
		"another kind":    func(h *header) { h.Marks[0].What = "mode" },
		"a long reason":   func(h *header) { h.Marks[0].Reason = strings.Repeat("x", 1001) },
		"more than there": func(h *header) { h.Marks = slices.Repeat(h.Marks, machine.KeptMarkChanges+1) },
		"not one":         func(h *header) { h.Marks = append(h.Marks, &cosignerv1.RoleChange{}) },
	} {
		if _, err := machine.ReadState(strings.NewReader(string(edited(t, snapshot(t, s), edit)))); err == nil {
			t.Errorf("%s: was read", name)
		}
	}
}
