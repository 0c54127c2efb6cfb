package machine_test

import (
	"bytes"
	"testing"

	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/watermark"
)

var founding = machine.Genesis{First: watermark.Mark{Era: 5, Height: 50}, Active: "a", At: 1000}

// founded returns a state whose Genesis was written in the newest version.
func founded() *machine.State {
	s := machine.New()
	later(s, founding)
	return s
}

// TestFounded: what the cluster was founded for stays, also in a snapshot, and no log that is
// written in the version before tells it.
func TestFounded(t *testing.T) {
	s := founded()
	later(s, final("a", 50+3*watermark.KeptHeights, 1))
	for _, s := range []*machine.State{s, s.Clone(), restored(t, snapshot(t, s))} {
		if got := s.Founded(); got != founding.First {
			t.Errorf("%+v", got)
		}
	}
	old := machine.New()
	old.Apply(founding)
	later(old, final("a", 60, 1))
	if got := old.Founded(); got != (watermark.Mark{}) {
		t.Errorf("of version 2: %+v", got)
	}
	for name, edit := range map[string]func(*header){
		"of version 2":        func(h *header) { h.Version = 2 },
		"above what it signs": func(h *header) { h.Founded.Era = 6 },
		"of nothing":          func(h *header) { h.Founded.Era, h.Founded.Height = 0, 0 },
	} {
		if _, err := machine.ReadState(bytes.NewReader(edited(t, snapshot(t, founded()), edit))); err == nil {
			t.Errorf("%s: was read", name)
		}
	}
}

// TestEmptied: a state that holds nothing and begins above where its cluster was founded does not
// say that nothing was ever bound.
func TestEmptied(t *testing.T) {
	s := founded()
	if m := s.Remembered(machine.Ledger{Empty: true}); m.Newest != (failover.Place{}) {
		t.Errorf("nothing was ever bound: %+v", m)
	}
	s = restored(t, edited(t, snapshot(t, s), func(h *header) {
		h.Pruned.Era, h.Floor.Era, h.Newest.Era = 90, 90, 90
	}))
	if m := s.Remembered(machine.Ledger{Empty: true}); m.Newest != (failover.Place{Era: 90, Height: 50}) {
		t.Errorf("emptied: %+v", m)
	}
}

// TestResetBelowFounded: heights below those that the cluster was founded for are freed by no log,
// and every ledger says so, whatever its host was made for.
func TestResetBelowFounded(t *testing.T) {
	s := founded()
	later(s, final("a", 70, 1))
	signed := func(height, first uint64) watermark.Reset {
		r := reset(height, 1).Reset
		r.Seen, r.First = watermark.Seen{From: height, Bits: "\xff"}, watermark.Mark{Era: s.First(watermark.Mark{}).Era, Height: first}
		return r
	}
	for _, made := range []uint64{1, 50, 60} {
		for height, ok := range map[uint64]bool{49: false, 50: true, 59: true, 60: true} {
			if err := s.MayReset(signed(height, 50), watermark.Mark{Height: made}); (err == nil) != ok {
				t.Errorf("made for %d, to %d: %v", made, height, err)
			}
		}
	}
	if s.MayReset(signed(60, 60), watermark.Mark{Height: 60}) == nil {
		t.Error("signed for another founding, which this host was made for")
	}
	if got := later(s, reset(49, 1)); got != refused(refusal.BelowFounded) {
		t.Errorf("below: %+v", got)
	}
	if got := later(s, reset(50, 1)); got.Outcome != machine.Done {
		t.Errorf("from the first on: %+v", got)
	}
	old := started()
	of := signed(20, 20)
	of.First.Era = 0
	if old.MayReset(of, watermark.Mark{Height: 21}) == nil || old.MayReset(of, watermark.Mark{Height: 20}) != nil {
		t.Error("where the log does not say, its host does not")
	}
}
