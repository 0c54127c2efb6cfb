package watermark_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/watermark"
)

// TestStories runs testdata/*.txt. Each line is a step and, behind an arrow, what must come of it;
// the first line says which incident or attack the story stands for.
//
//	first era=0 height=0                                      an empty table; without it, the first era and height are 0
//	claim NODE echo|vote|finality FIELD=VALUE ... -> OUTCOME  one field may be a range, lo..hi: one claim each
//	floor era=E height=H -> moved|refused
//	rerun era=E chainspec=C -> done|why not
//	reset height=H until=N [but=U] -> reset|why not            all that is held was seen, but U
//	crash                                                     the same log once more, from the start
//	restore                                                   through All and Put, as by a snapshot
//	marks -> pruned=E/H floor=E/H newest=E/H
//	slots -> N
//
// An outcome is as told has it; for a held slot "held VALUE by NODE", which a new claim
// must have bound.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d stories, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			s := story{table: watermark.New(watermark.Mark{})}
			in := bufio.NewScanner(f)
			for n := 1; in.Scan(); n++ {
				if n == 1 && !strings.HasPrefix(in.Text(), "# ") {
					t.Error("the story does not say what it stands for")
				}
				if line, _, _ := strings.Cut(in.Text(), "#"); strings.TrimSpace(line) != "" {
					s.step(t, fmt.Sprintf("%s:%d", name, n), line)
				}
				checkSound(t, s.table)
			}
		})
	}
}

type story struct {
	first watermark.Mark
	log   []entry
	table *watermark.Table
}

func (s *story) step(t *testing.T, where, line string) {
	step, want, _ := strings.Cut(line, "->")
	words, want := strings.Fields(step), strings.TrimSpace(want)
	switch words[0] {
	case "first":
		s.first = watermark.Mark{Era: numbers(t, words)["era"], Height: numbers(t, words)["height"]}
		s.table = watermark.New(s.first)
	case "claim":
		for _, w := range spread(t, words) {
			if got := s.claim(t, w); got != want {
				t.Fatalf("%s: %s: %s, want %s", where, strings.Join(w, " "), got, want)
			}
		}
		return
	case "floor":
		to := watermark.Mark{Era: numbers(t, words)["era"], Height: numbers(t, words)["height"]}
		s.log = append(s.log, entry{floor: &to})
		if got := map[bool]string{true: "moved", false: "refused"}[s.table.SetFloor(to)]; got != want {
			t.Fatalf("%s: %s, want %s", where, got, want)
		}
	case "rerun":
		again := rerun{numbers(t, words)["era"], uint16(numbers(t, words)["chainspec"])}
		s.log = append(s.log, entry{rerun: &again})
		got := map[refusal.Reason]string{refusal.None: "done", refusal.BelowPruned: "below pruned",
			refusal.EraUnknown: "era unknown", refusal.TooManyReruns: "too many",
		}[s.table.Rerun(again.era, chainspec(again.chainspec))]
		if got != want {
			t.Fatalf("%s: %s, want %s", where, got, want)
		}
	case "reset":
		n := numbers(t, words)
		r := watermark.Reset{Height: n["height"], Until: n["until"], Seen: seenFrom(s.table, n["height"], n["but"])}
		s.log = append(s.log, entry{reset: &r})
		if got := map[refusal.Reason]string{refusal.None: "reset", refusal.NothingAbove: "nothing above",
			refusal.FloorAbove: "floor above"}[s.table.ResetHeights(r)]; got != want {
			t.Fatalf("%s: %s, want %s", where, got, want)
		}
	case "crash":
		s.table = watermark.New(s.first)
		for _, e := range s.log {
			e.apply(s.table)
		}
	case "restore":
		s.table = rebuilt(t, s.table)
	case "marks":
		mark := func(m watermark.Mark) string { return fmt.Sprintf("%d/%d", m.Era, m.Height) }
		got := fmt.Sprintf("pruned=%s floor=%s newest=%s",
			mark(s.table.Pruned()), mark(s.table.Floor()), mark(s.table.Newest()))
		if got != want {
			t.Fatalf("%s: %s, want %s", where, got, want)
		}
	case "slots":
		if got := strconv.Itoa(s.table.Len()); got != want {
			t.Fatalf("%s: %s slots, want %s", where, got, want)
		}
	default:
		t.Fatalf("%s: unknown step %q", where, words[0])
	}
}

// claim carries out a claim without ranges and says what came of it.
func (s *story) claim(t *testing.T, words []string) string {
	n := numbers(t, words)
	kind := map[string]casper.Kind{"echo": casper.KindEcho, "vote": casper.KindVote,
		"finality": casper.KindFinality}[words[2]]
	if kind == 0 {
		t.Fatalf("unknown kind %q", words[2])
	}
	a := asked{node: words[1], kind: kind, era: n["era"], height: n["height"], round: uint32(n["round"]),
		instance: uint16(n["instance"]), chainspec: uint16(n["chainspec"]), value: uint16(n["value"])}
	s.log = append(s.log, entry{asked: a})
	held, outcome, why := s.table.Claim(a.claim())
	if outcome != watermark.Held {
		if outcome == watermark.Claimed && held != a.claim() {
			return "claimed, but another claim"
		}
		return told(outcome, why)
	}
	if heldSlot, _ := casper.SlotOf(held.Message); heldSlot != slotOf(a) || held.Signature != stamp(held) {
		return fmt.Sprintf("held, but %+v", held)
	}
	return fmt.Sprintf("held %d by %s", value(held.Message), held.Node)
}

func slotOf(a asked) casper.Slot {
	slot, _ := casper.SlotOf(a.message())
	return slot
}

// value is the inverse of asked.message as to the value.
func value(m casper.Message) int {
	switch m := m.(type) {
	case casper.Echo:
		return int(m.Proposal[0]) + int(m.Proposal[1])<<8
	case casper.Finality:
		return int(m.Block[0]) + int(m.Block[1])<<8
	case casper.Vote:
		if m.Value {
			return 1
		}
	}
	return 0
}

// spread returns the words once for each number of the one range among them.
func spread(t *testing.T, words []string) [][]string {
	for i, w := range words {
		field, limits, _ := strings.Cut(w, "=")
		from, to, ok := strings.Cut(limits, "..")
		if !ok {
			continue
		}
		all := [][]string{}
		for n := number(t, from); n <= number(t, to); n++ {
			one := append([]string{}, words...)
			one[i] = fmt.Sprintf("%s=%d", field, n)
			all = append(all, one)
		}
		return all
	}
	return [][]string{words}
}

// numbers returns the fields among the words.
func numbers(t *testing.T, words []string) map[string]uint64 {
	n := map[string]uint64{}
	for _, w := range words {
		if field, digits, ok := strings.Cut(w, "="); ok {
			n[field] = number(t, digits)
		}
	}
	return n
}

func number(t *testing.T, digits string) uint64 {
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
