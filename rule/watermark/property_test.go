package watermark_test

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/watermark"
)

// entry is one command of the log: a claim, or what an operator says.
type entry struct {
	asked asked
	floor *watermark.Mark
	rerun *rerun
	reset *watermark.Reset
	saw   []uint64 // heights, by it
}

type rerun struct {
	era       uint64
	chainspec uint16
}

func (e entry) claims() bool { return e.floor == nil && e.rerun == nil && e.reset == nil }

// world is a table, the log that made it and the model.
type world struct {
	first watermark.Mark
	log   []entry
	table *watermark.Table
	model *model
}

func (e entry) apply(t *watermark.Table) (watermark.Claim, watermark.Outcome, refusal.Reason) {
	switch {
	case e.floor != nil:
		t.SetFloor(*e.floor)
	case e.rerun != nil:
		return watermark.Claim{}, 0, t.Rerun(e.rerun.era, chainspec(e.rerun.chainspec))
	case e.reset != nil:
		t.ResetHeights(*e.reset)
	default:
		return t.Claim(e.asked.claim())
	}
	return watermark.Claim{}, 0, refusal.None
}

// TestModel drives a table and the model through claims of all nodes in any order, crashes,
// replays, prunings and floors. No slot may ever release two values, nor answer otherwise than
// the model says.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := watermark.Mark{Era: rapid.Uint64Range(0, 3).Draw(t, "era"),
			Height: rapid.Uint64Range(0, 3).Draw(t, "height")}
		w := &world{first: first, table: watermark.New(first), model: newModel(first.Era, first.Height)}
		t.Repeat(map[string]func(*rapid.T){
			"claim": func(t *rapid.T) { w.commit(t, entry{asked: w.draw(t)}) },
			"floor": func(t *rapid.T) {
				newest := w.table.Newest()
				w.commit(t, entry{floor: &watermark.Mark{Era: near(t, newest.Era, 14), Height: near(t, newest.Height, 16390)}})
			},
			"rerun": func(t *rapid.T) {
				w.commit(t, entry{rerun: &rerun{near(t, w.table.Newest().Era, 14), rapid.Uint16Range(0, 4).Draw(t, "chainspec")}})
			},
			"reset": func(t *rapid.T) {
				w.commit(t, w.drawReset(t))
			},
			"replay": func(t *rapid.T) {
				if len(w.log) > 0 {
					w.commit(t, rapid.SampledFrom(w.log).Draw(t, "entry"))
				}
			},
			"crash":    func(t *rapid.T) { w.table = w.replayed(w.table, w.log, false) },
			"snapshot": func(t *rapid.T) { w.restart(t, false) },
			"clone":    func(t *rapid.T) { w.restart(t, true) },
			"lag":      w.askLaggard,
			"":         w.check,
		})
	})
}

// near draws a place around another one, or far above it.
func near(t *rapid.T, from, reach uint64) uint64 {
	switch rapid.IntRange(0, 9).Draw(t, "where") {
	case 0:
		return from + reach*3
	case 1, 2, 3:
		return from + rapid.Uint64Range(0, 2).Draw(t, "above")
	case 4, 5, 6:
		return from - min(from, rapid.Uint64Range(0, 3).Draw(t, "below"))
	case 7:
		return from + rapid.Uint64Range(reach-8, reach).Draw(t, "edge above")
	}
	return from - min(from, rapid.Uint64Range(reach-8, reach).Draw(t, "edge below"))
}

// draw draws a claim: mostly of a slot that was asked for before, with whatever value.
func (w *world) draw(t *rapid.T) asked {
	var a asked
	if len(w.log) > 0 && rapid.IntRange(0, 2).Draw(t, "again") > 0 {
		a = rapid.SampledFrom(w.log).Draw(t, "slot").asked
	}
	if a.kind == 0 {
		newest := w.table.Newest()
		a.kind = rapid.SampledFrom([]casper.Kind{casper.KindEcho, casper.KindVote, casper.KindFinality}).Draw(t, "kind")
		a.era, a.height = near(t, newest.Era, 14), near(t, newest.Height, 16390)
		a.round = rapid.SampledFrom([]uint32{0, 1, 2, 7199, 7200, 1 << 16}).Draw(t, "round")
		a.instance = rapid.Uint16Range(0, 2).Draw(t, "instance")
		a.chainspec = rapid.Uint16Range(0, 3).Draw(t, "chainspec")
	}
	a.node = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "node")
	a.value = rapid.Uint16Range(0, 2).Draw(t, "value")
	return a
}

// drawReset draws a reset, by whoever saw some of what is bound.
func (w *world) drawReset(t *rapid.T) entry {
	newest := w.table.Newest().Height
	r := watermark.Reset{Height: near(t, newest, 16390), Until: near(t, newest, 16390)}
	e := entry{reset: &r}
	for s := range w.table.All() {
		if s.OfHeight() && s.Height >= r.Height && rapid.IntRange(0, 3).Draw(t, "seen") > 0 {
			e.saw = append(e.saw, s.Height)
		}
	}
	from := max(r.Height, w.table.Pruned().Height)
	if rapid.IntRange(0, 3).Draw(t, "looked") == 0 {
		from = near(t, from, 16390)
	}
	r.Seen = watermark.NewSeen(from, slices.Values(e.saw))
	e.saw = slices.Collect(r.All())
	return e
}

// commit applies one entry to the table and holds the answer against the model.
func (w *world) commit(t *rapid.T, e entry) {
	w.log = append(w.log, e)
	held, outcome, why := e.apply(w.table)
	switch {
	case e.rerun != nil:
		if want := w.model.rerun(e.rerun.era, e.rerun.chainspec); why != want {
			t.Fatalf("%+v: %v, want %v", *e.rerun, why, want)
		}
		return
	case e.reset != nil:
		w.model.reset(*e.reset, e.saw)
		return
	case e.floor != nil:
		if e.floor.Era >= w.model.pruned(false) && e.floor.Height >= w.model.pruned(true) {
			w.model.floor[false], w.model.floor[true] = e.floor.Era, e.floor.Height
		}
		return
	}
	want := w.model.claim(e.asked.node, e.asked.place(), string(e.asked.message().SignBytes()))
	if got := told(outcome, why); got != want {
		t.Fatalf("%+v: %s, want %s", e.asked, got, want)
	}
	if outcome == watermark.Claimed || outcome == watermark.Held {
		w.release(t, e.asked.place(), held)
	}
}

// release is a signature that leaves.
func (w *world) release(t *rapid.T, p place, c watermark.Claim) {
	values := w.model.released[p]
	values[string(c.Message.SignBytes())] = true
	if len(values) != 1 {
		t.Fatalf("%+v: two values were released", p)
	}
}

// replayed returns the table after applying the entries, of which some may have been applied
// before, to base or, unless onto, to an empty one.
func (w *world) replayed(base *watermark.Table, log []entry, onto bool) *watermark.Table {
	if !onto {
		base = watermark.New(w.first)
	}
	for _, e := range log {
		e.apply(base)
	}
	return base
}

// restart brings the table back from a snapshot or clone taken at some entry, and the entries
// since. The table that was cloned goes on by itself, to no effect on its clone.
func (w *world) restart(t *rapid.T, clone bool) {
	cut := rapid.IntRange(0, len(w.log)).Draw(t, "cut")
	then := w.replayed(nil, w.log[:cut], false)
	if !clone {
		w.table = w.replayed(rebuilt(t, then), w.log[cut:], true)
		return
	}
	copied := then.Clone()
	for range 5 {
		then.Claim(w.draw(t).claim())
	}
	w.table = w.replayed(copied, w.log[cut:], true)
}

// askLaggard asks a copy that has applied only part of the log what it holds, as a
// follower answers Bound.
func (w *world) askLaggard(t *rapid.T) {
	cut := rapid.IntRange(0, len(w.log)).Draw(t, "cut")
	late := w.replayed(nil, w.log[:cut], false)
	reset := slices.ContainsFunc(w.log[cut:], func(e entry) bool { return e.reset != nil })
	for _, e := range w.log {
		if !e.claims() || reset && e.asked.kind.OfHeight() {
			continue
		}
		slot, _ := casper.SlotOf(e.asked.message())
		if held, ok := late.Lookup(slot); ok {
			w.release(t, e.asked.place(), held)
		}
	}
}

func (w *world) check(t *rapid.T) {
	checkSound(t, w.table)
	mark := func(m map[bool]uint64) watermark.Mark { return watermark.Mark{Era: m[false], Height: m[true]} }
	pruned := watermark.Mark{Era: w.model.pruned(false), Height: w.model.pruned(true)}
	if w.table.Pruned() != pruned || w.table.Floor() != mark(w.model.floor) || w.table.Newest() != mark(w.model.newest) {
		t.Fatalf("marks %v %v %v, want %v %v %v", w.table.Pruned(), w.table.Floor(), w.table.Newest(),
			pruned, mark(w.model.floor), mark(w.model.newest))
	}
}

// TestCloneStands: what happens to the original after Clone, or to the clone, never shows
// in the other.
func TestCloneStands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{table: watermark.New(watermark.Mark{})}
		change := func(table *watermark.Table, label string) {
			for range rapid.IntRange(1, 20).Draw(t, label) {
				e := entry{asked: w.draw(t)}
				if rapid.IntRange(0, 5).Draw(t, "rerun") == 0 {
					e = entry{rerun: &rerun{e.asked.era, e.asked.chainspec}}
				}
				w.log = append(w.log, e)
				e.apply(table)
			}
			table.SetFloor(table.Newest())
		}
		change(w.table, "before")
		copied := w.table.Clone()
		second := copied.Clone()
		for _, pair := range [][2]*watermark.Table{{w.table, copied}, {copied, w.table}, {second, copied}} {
			was, reruns := contents(pair[1]), maps.Collect(pair[1].Reruns())
			pruned, floor, newest := pair[1].Pruned(), pair[1].Floor(), pair[1].Newest()
			round, ok := pair[1].NewestRound()
			change(pair[0], "after")
			if !slices.Equal(contents(pair[1]), was) {
				t.Fatal("the slots changed")
			}
			if !maps.Equal(maps.Collect(pair[1].Reruns()), reruns) {
				t.Fatal("the reruns changed")
			}
			if pair[1].Pruned() != pruned || pair[1].Floor() != floor || pair[1].Newest() != newest {
				t.Fatal("the marks changed")
			}
			if r, k := pair[1].NewestRound(); r != round || k != ok {
				t.Fatal("the newest round changed")
			}
		}
	})
}

// TestCloneSharesNoEra: original and clone each go on with a fourth voice, a node's first use and a
// new round of one era, and neither learns of the other's.
func TestCloneSharesNoEra(t *testing.T) {
	vote := func(node string, instance uint16, round uint32) asked {
		return asked{node: node, kind: casper.KindVote, era: 3, instance: instance, round: round, value: 1}
	}
	original := watermark.New(watermark.Mark{})
	for i, node := range []string{"a", "b", "c"} {
		original.Claim(vote(node, uint16(i), 5).claim())
	}
	copied := original.Clone()
	for _, step := range []struct {
		table    *watermark.Table
		instance uint16
		round    uint32
	}{{original, 10, 6}, {copied, 11, 7}} {
		if _, outcome, _ := step.table.Claim(vote("d", step.instance, step.round).claim()); outcome != watermark.Claimed {
			t.Errorf("instance %d: %v", step.instance, outcome)
		}
		if round, _ := step.table.NewestRound(); round != step.round {
			t.Errorf("newest round %d, want %d", round, step.round)
		}
	}
	for table, want := range map[*watermark.Table]asked{original: vote("d", 10, 6), copied: vote("d", 11, 7)} {
		checkSound(t, table)
		if held, ok := table.Lookup(slotOf(want)); !ok || held != want.claim() || table.Len() != 4 {
			t.Errorf("%v, %v of %d slots; want %v", held, ok, table.Len(), want)
		}
	}
	if _, outcome, _ := original.Claim(vote("a", 0, 2).claim()); outcome != watermark.Claimed {
		t.Fatal(outcome)
	}
	late := copied.Clone()
	late.Claim(vote("a", 0, 1).claim())
	if round, _ := late.NewestRound(); round != 7 {
		t.Errorf("an early round of a copied era made %d the newest", round)
	}
}
