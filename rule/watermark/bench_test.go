package watermark_test

import (
	"runtime"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
)

// hundredThousand returns the Zug claims of seven full eras: 100,800.
func hundredThousand() []watermark.Claim {
	var all []watermark.Claim
	for era := range uint64(7) {
		for round := range uint32(watermark.MaxRounds) {
			for _, kind := range []casper.Kind{casper.KindEcho, casper.KindVote} {
				all = append(all, asked{node: "main", kind: kind, era: era, round: round, value: uint16(round)}.claim())
			}
		}
	}
	return all
}

func BenchmarkClaim(b *testing.B) {
	claims := hundredThousand()
	table := watermark.New(watermark.Mark{})
	for i := 0; b.Loop(); i++ {
		if i%len(claims) == 0 {
			table = watermark.New(watermark.Mark{})
		}
		if _, outcome, why := table.Claim(claims[i%len(claims)]); outcome != watermark.Claimed {
			b.Fatal(outcome, why)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	claims := hundredThousand()
	table := watermark.New(watermark.Mark{})
	slots := make([]casper.Slot, len(claims))
	for i, c := range claims {
		table.Claim(c)
		slots[i], _ = casper.SlotOf(c.Message)
	}
	for i := 0; b.Loop(); i++ {
		if _, ok := table.Lookup(slots[i%len(slots)]); !ok {
			b.Fatal("a slot is lost")
		}
	}
}

// BenchmarkMemory reports the live bytes of each slot held.
func BenchmarkMemory(b *testing.B) {
	claims := hundredThousand()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		table := watermark.New(watermark.Mark{})
		for _, c := range claims {
			table.Claim(c)
		}
		b.ReportMetric(float64(heap()-before)/float64(table.Len()), "B/slot")
		runtime.KeepAlive(table)
	}
	runtime.KeepAlive(claims)
}
