package cosigner

import (
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

func TestLedgerFullDiskGoesOn(t *testing.T) {
	r := newRig(t)
	places := growBy/recordSize - 1
	for i := range places { // until the file has to grow
		r.must(r.Claim(heightSlot(100+uint64(i)), digest(i)))
	}
	slot := heightSlot(1 << 20)
	r.failOnce("write", unix.ENOSPC, false)
	wantIs(t, r.Claim(slot, digest(1)), unix.ENOSPC)
	if r.fatal != nil {
		t.Fatalf("a full disk ended the process: %v", r.fatal)
	}
	r.must(r.Claim(heightSlot(100), digest(0)))
	r.must(r.Claim(slot, digest(2))) // nothing was written, so the slot is free
	r.reopen()
	wantConflict(t, r.Claim(slot, digest(1)), digest(2))
}

func TestLedgerUnknownOutcomeIsFatal(t *testing.T) {
	for _, op := range []string{"write", "sync"} {
		for _, stored := range []bool{false, true} {
			for _, cause := range []error{errFault, unix.ENOSPC, unix.EIO} {
				t.Run(fmt.Sprintf("%s stored=%v %v", op, stored, cause), func(t *testing.T) {
					r := newRig(t)
					r.must(r.Claim(heightSlot(100), digest(0)))
					r.failOnce(op, cause, stored)
					wantIs(t, r.Claim(heightSlot(101), digest(1)), cause)
					wantIs(t, r.fatal, cause)
					for _, slot := range []casper.Slot{heightSlot(100), heightSlot(101), heightSlot(102)} {
						if err := r.Claim(slot, digest(0)); err == nil {
							t.Fatalf("%v claimed after an unknown outcome", slot)
						}
					}
					if _, err := r.Fill(maps.All(map[casper.Slot]casper.Hash{heightSlot(103): digest(3)})); err == nil {
						t.Fatal("filled after an unknown outcome")
					}
					if err := r.Prune(watermark.Mark{Era: 20, Height: 200}); err == nil {
						t.Fatal("pruned after an unknown outcome")
					}
					r.reopen()
					r.must(r.Claim(heightSlot(100), digest(0)))
				})
			}
		}
	}
}

// TestLedgerReopenMakesDurable: a claim whose fsync failed is seen after a mere
// restart of the process, since memory still has it. It must not count as
// durable before it was written anew.
func TestLedgerReopenMakesDurable(t *testing.T) {
	r := newRig(t)
	r.failOnce("sync", unix.EIO, false)
	wantIs(t, r.Claim(heightSlot(100), digest(0)), unix.EIO)
	r.reopen()
	r.must(r.Claim(heightSlot(100), digest(0)))
	r.disk.powerCut(func(int) bool { return false })
	r.reopen()
	wantConflict(t, r.Claim(heightSlot(100), digest(1)), digest(0))
}

func TestLedgerWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		disk := &gatedDisk{disk: r.disk, gate: make(chan struct{})}
		config := r.config()
		stalled := make(chan string, 1)
		config.Watchdog = statedir.Watchdog{Limit: time.Second, Stalled: func(what string) { stalled <- what }}
		l, err := openLedger(config, disk)
		r.must(err)
		disk.shut.Store(true)
		go l.Claim(heightSlot(100), digest(0), 0)
		start := time.Now()
		<-stalled
		if took := time.Since(start); took != time.Second {
			t.Fatalf("barked after %v, want 1 s", took)
		}
		close(disk.gate)
	})
}

// heights yields the claims of n heights, from 100 on.
func heights(n int) iter.Seq2[casper.Slot, casper.Hash] {
	return func(yield func(casper.Slot, casper.Hash) bool) {
		for i := range n {
			if !yield(heightSlot(100+uint64(i)), digest(i)) {
				return
			}
		}
	}
}

// TestLedgerFillInParts: a long fill is many writes, each with a watchdog of its
// own, and what a crash leaves of it is filled up by the next.
func TestLedgerFillInParts(t *testing.T) {
	const n = 3*fillSlots + 100
	r := newRig(t)
	var sizes []int
	claims := 0
	r.disk.fault = func(op string, _ int64) (error, bool) {
		if op != "sync" {
			return nil, true
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if b := r.busy; b != nil && (len(sizes) == 0 || r.index.size > claims) {
			sizes, claims = append(sizes, len(b.records)), r.index.size
		}
		if len(sizes) == 3 {
			return unix.EIO, false
		}
		return nil, true
	}
	_, err := r.Fill(heights(n))
	wantIs(t, err, unix.EIO)
	if !slices.Equal(sizes, []int{fillSlots, fillSlots, fillSlots}) {
		t.Fatalf("batches of %v records, want at most %d", sizes, fillSlots)
	}
	r.disk.fault = nil
	r.disk.powerCut(func(int) bool { return false })
	r.reopen()
	if got := holds(t, r.Ledger, n); got != 2*fillSlots {
		t.Fatalf("%d slots after a crash in the third batch, want %d", got, 2*fillSlots)
	}
	_, err = r.Fill(heights(n))
	r.must(err)
	r.reopen()
	if got := holds(t, r.Ledger, n); got != n {
		t.Fatalf("%d slots, want %d", got, n)
	}
}

// slowDisk takes its time for each write of a new file.
type slowDisk struct {
	disk
	write time.Duration
}

func (d slowDisk) replace(fill func(io.Writer) error) error {
	return d.disk.replace(func(to io.Writer) error { return fill(slowWriter{to, d.write}) })
}

type slowWriter struct {
	io.Writer
	write time.Duration
}

func (w slowWriter) Write(b []byte) (int, error) {
	time.Sleep(w.write)
	return w.Writer.Write(b)
}

// TestLedgerCompactionWatchdog: a rewrite may take long, but none of its writes.
func TestLedgerCompactionWatchdog(t *testing.T) {
	for write, want := range map[time.Duration]bool{400 * time.Millisecond: false, 1100 * time.Millisecond: true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			_, err := r.Fill(heights(5 * chunkRecords))
			r.must(err)
			var barked atomic.Bool
			r.Ledger.config.Watchdog = statedir.Watchdog{Limit: time.Second, Stalled: func(string) { barked.Store(true) }}
			r.Ledger.disk = slowDisk{r.disk, write}
			start := time.Now()
			r.compactAbove = 0
			r.must(r.Prune(watermark.Mark{Era: 10, Height: 100 + 4*chunkRecords}))
			synctest.Wait()
			if took := time.Since(start); took < 2*write || barked.Load() != want {
				t.Errorf("%v per write, %v in all: barked %v, want %v", write, took, barked.Load(), want)
			}
		})
	}
}

// countingFile counts the bytes that the next Sync has to make durable.
type countingFile struct{ unsynced, most, syncs int }

func (f *countingFile) Write(b []byte) (int, error) {
	f.unsynced += len(b)
	f.most = max(f.most, f.unsynced)
	return len(b), nil
}

func (f *countingFile) Sync() error {
	f.unsynced = 0
	f.syncs++
	return nil
}

func TestSyncingWriter(t *testing.T) {
	var f countingFile
	w := &syncingWriter{to: &f}
	const chunk = chunkRecords * recordSize
	for range 10 * syncEvery / chunk {
		if n, err := w.Write(make([]byte, chunk)); n != chunk || err != nil {
			t.Fatal(n, err)
		}
	}
	if f.syncs != 10 || f.most >= syncEvery+chunk {
		t.Errorf("%d syncs, up to %d bytes each; want 10, %d", f.syncs, f.most, syncEvery)
	}
}
