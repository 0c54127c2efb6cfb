package machine_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

func anybody(watermark.Reset) error { return nil }

func nobody(watermark.Reset) error { return errors.New("no operator signed it") }

// TestFurtherLacksNothing: a state that is further in the same log, be it by the log or by a
// snapshot, never lacks anything of one before, whatever became of it in between.
func TestFurtherLacksNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := drawLog(t)
		for i := range uint64(rapid.IntRange(0, 4).Draw(t, "starts")) {
			at := machine.Place{Index: uint64(len(log)) + 1, Version: machine.Version}
			log = append(log, entry{nodeStart("a", i+1, byte(i)), at})
		}
		if rapid.Bool().Draw(t, "far") { // so that eras and heights are forgotten
			at := machine.Place{Index: uint64(len(log)) + 1, Version: machine.Version}
			vote, final := vote("a", 30, true), final("a", 20000, 1)
			vote.AskedAt, final.AskedAt = at.Index, at.Index
			log = append(log, entry{vote, at}, entry{final, at})
		}
		s := machine.New()
		before := []*machine.State{s.Clone()}
		for _, e := range log {
			s.ApplyAt(e.Place, e.Command)
			before = append(before, s.Clone())
		}
		for _, later := range []*machine.State{s, restored(t, snapshot(t, s))} {
			for i, earlier := range before {
				if err := later.Lacks(earlier, anybody); err != nil {
					t.Fatalf("after entry %d of %d: %v", i, len(log), err)
				}
			}
		}
	})
}

// TestLacks: each thing that an entry does for good is missed in a state that lacks it.
func TestLacks(t *testing.T) {
	reset1, reset2 := reset(61, 1), reset(62, 2)
	otherReset := reset(61, 1)
	otherReset.Operator = "mallory"
	base := []machine.Command{vote("a", 7, true), final("a", 60, 1), final("a", 65, 1)}
	with := func(more ...machine.Command) []machine.Command { return append(base[:len(base):len(base)], more...) }
	log := func(more ...machine.Command) []machine.Command { return more }
	v7, v8, h60, h65 := base[0], vote("a", 8, true), base[1], base[2]
	dated := func(c machine.Claim) machine.Claim {
		c.AskedAt = 1
		return c
	}
	suspend := machine.Suspend{Node: "b", Suspended: true, Change: failover.Change{At: 1}}
	for name, c := range map[string]struct {
		has, lacks []machine.Command
		signed     func(watermark.Reset) error
		want       string // empty: nothing is lacked
	}{
		"a vote":          {base, log(v8, h60, h65), anybody, "it lacks"},
		"another vote":    {base, log(vote("a", 7, false), h60, h65), anybody, "another request"},
		"a height":        {base, log(v7, h65), anybody, "it lacks"},
		"another block":   {base, log(v7, final("a", 60, 2), h65), anybody, "another request"},
		"another node":    {base, log(vote("b", 7, true), h60, h65), anybody, "another request"},
		"the newest":      {base, log(v7, h60), anybody, "it ends at"},
		"the newest era":  {base, log(h60, h65), anybody, "it ends at"},
		"what is pruned":  {with(vote("a", 30, true)), with(), anybody, "it would bind"},
		"pruned heights":  {with(final("a", 20000, 1)), with(), anybody, "it would bind"},
		"a change":        {with(suspend), with(), anybody, "changes of roles"},
		"a version":       {with(reset1), base, anybody, "it is of version"},
		"a reset":         {with(reset1), with(rerun(7, 2)), anybody, "resets of the heights"},
		"of two resets":   {with(reset1), with(otherReset), anybody, "another reset"},
		"a rerun":         {with(rerun(7, 2)), with(rerun(8, 2)), anybody, "chainspecs"},
		"a start":         {with(nodeStart("a", 1, 1)), with(rerun(7, 2)), anybody, "it lacks start"},
		"another start":   {with(nodeStart("a", 1, 1)), with(nodeStart("a", 1, 2)), anybody, "it lacks start"},
		"freed":           {base, with(reset1), anybody, ""},
		"freed twice":     {base, with(reset(55, 1), final("a", 65, 3), reset2), anybody, ""},
		"by nobody":       {base, with(reset1), nobody, "frees nothing here: no operator signed it"},
		"below the reset": {base, log(v7, final("a", 60, 2), h65, reset1), anybody, "another request"},
		"above the reset": {with(final("a", 210, 1)), with(reset1, final("a", 210, 2)), anybody, "another request"},
	} {
		has, lacks := started(), started()
		for s, log := range map[*machine.State][]machine.Command{has: c.has, lacks: c.lacks} {
			for i, one := range log {
				version := machine.Oldest
				switch one.(type) {
				case machine.ResetHeights, machine.SetInstance, machine.Start:
					version = machine.Version
				}
				if claim, ok := one.(machine.Claim); ok && s.Version() > machine.Oldest {
					one, version = dated(claim), machine.Version
				}
				place := machine.Place{Index: uint64(i) + 2, Version: version}
				if r := s.ApplyAt(place, one); r.Outcome != machine.Done {
					t.Fatalf("%s: %T: %+v", name, one, r)
				}
			}
		}
		err := lacks.Lacks(has, c.signed)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if err := machine.New().Lacks(started(), anybody); err == nil {
		t.Error("a state that was never founded")
	}
	if err := started().Lacks(machine.New(), anybody); err != nil {
		t.Errorf("before Genesis: %v", err)
	}
}
