package watermark_test

import (
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/watermark"
)

// asked is a request in small numbers.
type asked struct {
	node      string
	kind      casper.Kind
	era       uint64
	height    uint64 // finality only
	round     uint32
	instance  uint16
	chainspec uint16
	value     uint16
}

func (a asked) message() casper.Message {
	value := casper.Hash{byte(a.value), byte(a.value >> 8)}
	round := casper.Round{Chainspec: chainspec(a.chainspec), Era: a.era, ID: a.round,
		KeyBlock: casper.Hash{byte(a.instance), byte(a.instance >> 8)}}
	switch a.kind {
	case casper.KindEcho:
		return casper.Echo{Round: round, Proposal: value}
	case casper.KindVote:
		return casper.Vote{Round: round, Value: a.value != 0}
	}
	return casper.Finality{Block: value, Height: a.height, Era: a.era}
}

// claim has a signature that tells which message and node it belongs to.
func (a asked) claim() watermark.Claim {
	c := watermark.Claim{Message: a.message(), Node: a.node}
	c.Signature = stamp(c)
	return c
}

func (a asked) place() place {
	if a.kind == casper.KindFinality {
		return place{kind: a.kind.String(), at: a.height}
	}
	return place{kind: a.kind.String(), at: a.era, voice: spoken{a.instance, a.chainspec}, round: a.round}
}

func chainspec(n uint16) casper.Hash { return casper.Hash{byte(n), byte(n >> 8)} }

func stamp(c watermark.Claim) [64]byte {
	digest := casper.Digest(c.Message)
	return [64]byte(append(digest[:], append([]byte(c.Node), make([]byte, 32-len(c.Node))...)...))
}

// seenFrom returns what the table holds from a height on, but for the last argument.
func seenFrom(t *watermark.Table, height, but uint64) watermark.Seen {
	from := max(height, t.Pruned().Height)
	return watermark.NewSeen(from, func(yield func(uint64) bool) {
		for s := range t.All() {
			if s.OfHeight() && s.Height != but && !yield(s.Height) {
				return
			}
		}
	})
}

// rebuilt returns the table as a snapshot would bring it back.
func rebuilt(t fataler, from *watermark.Table) *watermark.Table {
	table, err := watermark.Restore(from.Pruned(), from.Floor(), from.Newest())
	if err != nil {
		t.Fatalf("%v", err)
	}
	for era, chainspec := range from.Reruns() {
		if why := table.Rerun(era, chainspec); why != refusal.None {
			t.Fatalf("era %d is not to run again: %v", era, why)
		}
	}
	for _, c := range from.All() {
		if err := table.Put(c); err != nil {
			t.Fatalf("%v", err)
		}
	}
	return table
}

// contents returns what the table holds, in its order.
func contents(t *watermark.Table) []watermark.Claim {
	var all []watermark.Claim
	for _, c := range t.All() {
		all = append(all, c)
	}
	return all
}

// checkSound fails unless the table keeps its promises about itself.
func checkSound(t fataler, table *watermark.Table) {
	pruned, floor, newest := table.Pruned(), table.Floor(), table.Newest()
	if floor.Max(pruned) != floor {
		t.Fatalf("pruned %v, above the floor %v", pruned, floor)
	}
	if newest.Max(pruned) != newest {
		t.Fatalf("pruned %v, above the newest %v", pruned, newest)
	}
	n := 0
	for slot, c := range table.All() {
		n++
		if !pruned.Covers(slot) {
			t.Fatalf("%v is held below pruned %v", slot, pruned)
		}
		if got, ok := casper.SlotOf(c.Message); !ok || got != slot {
			t.Fatalf("%v is listed as %v", got, slot)
		}
		if got, ok := table.Lookup(slot); !ok || got != c {
			t.Fatalf("%v: Lookup and All differ", slot)
		}
		if c.Signature != stamp(c) {
			t.Fatalf("%v: the signature belongs to another claim", slot)
		}
	}
	if n != table.Len() {
		t.Fatalf("%d slots listed, Len is %d", n, table.Len())
	}
}

// fataler is what testing and rapid have in common here.
type fataler interface {
	Fatalf(format string, args ...any)
}

// told is what became of a claim, as the stories and the model have it.
func told(outcome watermark.Outcome, why refusal.Reason) string {
	switch {
	case outcome == watermark.Claimed && why == refusal.None:
		return "claimed"
	case outcome == watermark.Held && why == refusal.None:
		return "held"
	case outcome == watermark.Refused:
		return map[refusal.Reason]string{refusal.BelowFloor: "below the floor",
			refusal.OtherInstance: "other instance in use"}[why]
	}
	return "neither"
}
