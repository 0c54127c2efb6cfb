package cosigner

import (
	"runtime"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
)

func TestLedgerLargeLoad(t *testing.T) {
	const slots = 100_000
	r := newRig(t)
	_, err := r.Fill(func(yield func(casper.Slot, casper.Hash) bool) {
		for i := range slots {
			slot := heightSlot(100 + uint64(i))
			if i%2 == 0 {
				slot = echoSlot(10+uint64(i/8000), uint32(i%8000))
			}
			if !yield(slot, digest(i)) {
				return
			}
		}
	})
	r.must(err)
	r.Ledger = nil
	before := heap()
	start := time.Now()
	r.reopen()
	t.Logf("loaded %d slots in %v, %d bytes each", slots, time.Since(start), (heap()-before)/slots)
	if n := r.Stats().Slots; n != slots {
		t.Fatalf("%d slots, want %d", n, slots)
	}
	if per := (heap() - before) / slots; per > 70 {
		t.Fatalf("%d bytes per slot", per)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
