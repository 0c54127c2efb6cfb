package machine_test

import (
	"math"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
)

func TestStale(t *testing.T) {
	const last = machine.MaxAge
	for _, tt := range []struct {
		at      uint64
		version uint32
		asked   uint64
		want    bool
	}{
		{last + 100, 3, 100, false},
		{last + 100, 3, 99, true},
		{last + 100, 3, last + 99, false},
		{last + 100, 3, last + 100, true},
		{last + 100, 3, math.MaxUint64, true},
		{5, 3, 1, false},
		{5, 3, 0, true}, // it does not say, and nothing was signed before the first entry
		{5, 3, 6, true},
		{math.MaxUint64, 3, 1, true},
		{last + 100, 2, 0, false},
	} {
		if got := (machine.Place{Index: tt.at, Version: tt.version}).Stale(tt.asked); got != tt.want {
			t.Errorf("asked at %d, entry %d of version %d: %v", tt.asked, tt.at, tt.version, got)
		}
	}
}

// TestClaimAge: what is asked long before its entry binds nothing; what a slot holds is finished
// whatever the age of who asks for it, and of what it holds.
func TestClaimAge(t *testing.T) {
	s := started()
	old := vote("a", 5, true) // bound before there were dates
	if r := s.ApplyAt(machine.Place{Index: 2, Version: machine.Oldest}, old); r.Outcome != machine.Done {
		t.Fatalf("%+v", r)
	}
	at := func(i uint64) machine.Place { return machine.Place{Index: i, Version: machine.Version} }
	held := datedVote(6, 3)
	for _, step := range []struct {
		name    string
		at      uint64
		claim   machine.Claim
		outcome machine.Outcome
		why     refusal.Reason
	}{
		{"too old", 3 + machine.MaxAge + 1, datedVote(6, 3), machine.Refused, refusal.Stale},
		{"without a date", 4, vote("a", 6, true), machine.Refused, refusal.Stale},
		{"of its own index", 4, datedVote(6, 4), machine.Refused, refusal.Stale},
		{"just in time", 3 + machine.MaxAge, held, machine.Done, refusal.None},
		{"again, much later", 9 * machine.MaxAge, held, machine.Held, refusal.None},
		{"of a slot that was bound before there were dates", 9 * machine.MaxAge, datedVote(5, 3), machine.Held, refusal.None},
	} {
		checked := s.Check(at(step.at), step.claim.Claim)
		if r := s.ApplyAt(at(step.at), step.claim); r != checked || r.Outcome != step.outcome || r.Why != step.why {
			t.Errorf("%s: %+v, checked %+v", step.name, r, checked)
		}
	}
	for _, s := range []*machine.State{s, restored(t, snapshot(t, s))} {
		for _, want := range []machine.Claim{old, held} {
			slot, _ := casper.SlotOf(want.Message)
			if got, ok := s.Table().Lookup(slot); !ok || got != want.Claim {
				t.Errorf("%v holds %+v, want the very claim %+v", slot, got, want.Claim)
			}
		}
	}
}
