package cosigner

import (
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"casper-cosigner/signer/casper"
	"casper-cosigner/signer/watermark"
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
		go l.Claim(heightSlot(100), digest(0))
		start := time.Now()
		<-stalled
		if took := time.Since(start); took != time.Second {
			t.Fatalf("barked after %v, want 1 s", took)
		}
		close(disk.gate)
	})
}
