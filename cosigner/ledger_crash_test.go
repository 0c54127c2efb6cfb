package cosigner

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
)

// history is a ledger whose batches were, in order, of the given sizes; claim i
// is heightSlot(100+i) with digest(i) and lies in record 1+i.
func history(t testing.TB, sizes ...int) (r *rig, claims int) {
	t.Helper()
	r = newRig(t)
	for _, size := range sizes {
		_, err := r.Fill(func(yield func(casper.Slot, casper.Hash) bool) {
			for range size {
				yield(heightSlot(100+uint64(claims)), digest(claims))
				claims++
			}
		})
		r.must(err)
	}
	return r, claims
}

// openOn opens a ledger on data; nil if it was refused as damaged.
func openOn(t testing.TB, r *rig, data []byte) *Ledger {
	t.Helper()
	d := &fakeDisk{}
	d.name = &inode{disk: d, data: bytes.Clone(data), durable: bytes.Clone(data), dirty: map[int]struct{}{}}
	l, err := openLedger(r.config(), d)
	var damaged *DamagedError
	if err != nil && !errors.As(err, &damaged) {
		t.Fatalf("got %v, want a *DamagedError", err)
	}
	if err != nil {
		return nil
	}
	again, err := openLedger(r.config(), d) // what one Open repaired the next must accept
	if err != nil || again.Stats().Torn != 0 || again.Stats().Slots != l.Stats().Slots {
		t.Fatalf("opened with %+v, then with %v", l.Stats(), err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("after a repair: %v", err)
		}
	}
	must(again.Claim(heightSlot(9000), digest(1), 0)) // what was cut off must not be in the way of what comes
	again, err = openLedger(r.config(), d)
	must(err)
	must(again.Claim(heightSlot(9000), digest(1), 0))
	return l
}

// holds counts how many of the claims l holds and fails if they are not a
// prefix, or if one has another digest.
func holds(t testing.TB, l *Ledger, claims int) int {
	t.Helper()
	n := l.index.size
	for i := range claims {
		got, ok := l.index.get(heightSlot(100 + uint64(i)))
		if ok != (i < n) || ok && got != digest(i) {
			t.Fatalf("claim %d of %d: %v, %v", i, n, got, ok)
		}
	}
	return n
}

// TestLedgerCrashMatrix spoils the file from every record boundary and from the
// middle of every record. Earlier batches, 1 + 3 + 1 claims, are durable; the
// last one has 5.
func TestLedgerCrashMatrix(t *testing.T) {
	const durable, all = 5, 10
	r, _ := history(t, 1, 3, 1, 5)
	whole := r.disk.name.data
	garbage := make([]byte, recordSize)
	rand.NewChaCha8([32]byte{1}).Read(garbage)
	for at := 0; at <= (1+all)*recordSize; at += recordSize / 2 {
		record := at / recordSize
		t.Run(fmt.Sprintf("record %d.%d", record, at%recordSize), func(t *testing.T) {
			if l := openOn(t, r, whole[:at]); l != nil {
				t.Error("opened though the file was cut")
			}
			spoiled := bytes.Clone(whole)
			copy(spoiled[at:(record+1)*recordSize], garbage)
			l := openOn(t, r, spoiled)
			if inLast := record > durable; inLast != (l != nil) {
				t.Errorf("garbage in one record: opened %v, want %v", l != nil, inLast)
			}
			if l != nil && record <= all && (holds(t, l, all) < durable || l.Stats().Torn != 1+all-record) {
				t.Errorf("garbage in one record: %+v", l.Stats())
			}
			zeroed := bytes.Clone(whole)
			clear(zeroed[at:])
			if l := openOn(t, r, zeroed); l != nil {
				n, want := holds(t, l, all), min(all, max(0, record-1))
				if n != want || (&rig{Ledger: l}).written() != uint64(1+want) {
					t.Errorf("zeros to the end: %d claims, want %d; %d records", n, want, (&rig{Ledger: l}).written())
				}
			} else if at >= recordSize {
				t.Error("zeros to the end: refused")
			}
		})
	}
}

// TestLedgerCutFile has two whole steps; the cut takes the end of the second.
func TestLedgerCutFile(t *testing.T) {
	r, _ := history(t, 2500)
	for i := range 2 {
		r.must(r.Claim(heightSlot(8000+uint64(i)), digest(i)))
	}
	whole := r.disk.name.data
	for _, record := range []int{2100, 2502, 2503} { // the last claim is in record 2502
		l := openOn(t, r, whole[:record*recordSize])
		if l != nil {
			t.Errorf("opened with %d slots though it was cut at record %d", l.Stats().Slots, record)
		}
	}
}

// TestLedgerEveryByte with one bit flipped in a durable record refuses.
func TestLedgerEveryByte(t *testing.T) {
	r, _ := history(t, 1, 1, 1)
	whole := r.disk.name.data
	for at := range 3 * recordSize { // header and two durable records
		spoiled := bytes.Clone(whole)
		spoiled[at] ^= 1 << (at % 8)
		if openOn(t, r, spoiled) != nil {
			t.Fatalf("opened with byte %d spoiled", at)
		}
	}
}

func TestLedgerMisplacedRecordsRefuse(t *testing.T) {
	r, _ := history(t, 1, 1, 1, 1)
	whole := r.disk.name.data
	at := func(b []byte, n int) []byte { return b[n*recordSize : (n+1)*recordSize] }
	for name, spoil := range map[string]func(b []byte){
		"swapped":        func(b []byte) { copy(at(b, 1), at(whole, 2)); copy(at(b, 2), at(whole, 1)) },
		"repeated":       func(b []byte) { copy(at(b, 2), at(whole, 1)) },
		"hole":           func(b []byte) { clear(at(b, 2)) },
		"far garbage":    func(b []byte) { b[1000*recordSize] = 1 },
		"cut and zeroed": func(b []byte) { clear(at(b, 1)); clear(at(b, 2)) },
	} {
		spoiled := bytes.Clone(whole)
		spoil(spoiled)
		if openOn(t, r, spoiled) != nil {
			t.Errorf("%s: opened", name)
		}
	}
}

// TestLedgerSectorsInAnyOrder loses power while a batch of 23 records, six
// sectors, is being written: any subset of them may have reached the disk.
func TestLedgerSectorsInAnyOrder(t *testing.T) {
	const durable, last = 6, 23
	for subset := range 1 << 7 {
		r, n := history(t, 2, 4)
		var dirty []int
		r.disk.fault = func(op string, _ int64) (error, bool) {
			if op != "sync" {
				return nil, true
			}
			for s := range r.disk.name.dirty {
				dirty = append(dirty, s)
			}
			return errFault, false
		}
		inode := r.disk.name
		_, err := r.Fill(func(yield func(casper.Slot, casper.Hash) bool) {
			for i := range last {
				yield(heightSlot(100+uint64(n+i)), digest(n+i))
			}
		})
		wantIs(t, err, errFault)
		r.disk.fault = nil
		for _, s := range dirty { // the sync failed, so undo its "clean"
			inode.dirty[s] = struct{}{}
		}
		base := durable * recordSize / sectorSize
		r.disk.powerCut(func(s int) bool { return subset>>(s-base)&1 == 1 })
		l := openOn(t, r, r.disk.name.data)
		if l == nil {
			t.Fatalf("subset %07b: refused", subset)
		}
		if holds(t, l, durable+last) < durable {
			t.Fatalf("subset %07b: a durable claim is lost", subset)
		}
	}
}

// pruned is a ledger whose next compact rewrites the file: 6 of 41 claims live,
// one slot differing.
func pruned(t *testing.T) *rig {
	t.Helper()
	r, _ := history(t, 20, 20)
	r.must(r.Claim(heightSlot(140), digest(40)))
	_, err := r.Fill(func(yield func(casper.Slot, casper.Hash) bool) { yield(heightSlot(140), digest(77)) })
	r.must(err)
	return r
}

func (r *rig) pruneAndCompact() error {
	r.compactAbove = 0
	return r.Prune(watermark.Mark{Era: 10, Height: 135})
}

func (r *rig) checkPruned() {
	r.t.Helper()
	for i := range 40 {
		err := r.Claim(heightSlot(100+uint64(i)), digest(i+1000))
		if i < 35 {
			wantIs(r.t, err, ErrBelowFloor)
		} else {
			wantConflict(r.t, err, digest(i))
		}
	}
	wantIs(r.t, r.Claim(heightSlot(140), digest(77)), ErrDiffers)
	r.must(r.Claim(heightSlot(500), digest(500)))
}

func TestLedgerCompaction(t *testing.T) {
	r := pruned(t)
	old := r.disk.name
	r.must(r.pruneAndCompact())
	if r.disk.name == old {
		t.Fatal("the file was not rewritten")
	}
	r.checkPruned()
	r.disk.powerCut(func(int) bool { return false })
	r.reopen()
	r.checkPruned()
	for record := range 6 { // what compaction wrote cannot be torn, not even at the end
		spoiled := bytes.Clone(r.disk.name.data)
		clear(spoiled[(7-record)*recordSize:]) // with the claim made since
		if l := openOn(t, r, spoiled); l != nil {
			t.Fatalf("opened without record %d of a compacted file", 7-record)
		}
	}
}

func TestLedgerCompactionFaults(t *testing.T) {
	tests := []struct {
		op     string
		err    error
		stored bool
	}{
		{"replace", errFault, false},
		{"replace", errFault, true}, // renamed, but the directory was not synced
		{"replace", unix.ENOSPC, true},
		{"open", errFault, false},
	}
	for _, tt := range tests {
		r := pruned(t)
		r.failOnce(tt.op, tt.err, tt.stored)
		wantIs(t, r.pruneAndCompact(), tt.err)
		wantIs(t, r.fatal, tt.err) // else a claim could go into a file without a name
		if err := r.Claim(heightSlot(135), digest(35)); err == nil {
			t.Fatal("claimed after a failed compaction")
		}
		r.disk.powerCut(func(int) bool { return false })
		r.reopen()
		r.checkPruned()
	}
}

// fullDisk has no room for a second file.
type fullDisk struct{ disk }

func (d fullDisk) replace(fill func(io.Writer) error) error { return fill(fullWriter{}) }

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, unix.ENOSPC }

func TestLedgerCompactionOnFullDiskGoesOn(t *testing.T) {
	r := pruned(t)
	r.Ledger.disk = fullDisk{r.disk}
	wantIs(t, r.pruneAndCompact(), unix.ENOSPC)
	if r.fatal != nil {
		t.Fatalf("a full disk ended the process: %v", r.fatal)
	}
	r.checkPruned()
	r.reopen()
	r.checkPruned()
}

// TestLedgerStopsGrowing runs a long history with the constants as shipped.
func TestLedgerStopsGrowing(t *testing.T) {
	r := newRig(t)
	const step, kept = 4096, 8192
	for i := range 60 {
		_, err := r.Fill(func(yield func(casper.Slot, casper.Hash) bool) {
			for j := range step {
				yield(heightSlot(uint64(100+i*step+j)), digest(j))
			}
		})
		r.must(err)
		r.must(r.Prune(watermark.Mark{Era: 10, Height: uint64(max(100, 100+(i+1)*step-kept))}))
		if bytes := r.Stats().Bytes; bytes > compactAbove+(compactRatio+1)*(kept+step)*recordSize {
			t.Fatalf("%d bytes after %d claims", bytes, (i+1)*step)
		}
	}
	if n := r.Stats().Slots; n != kept {
		t.Fatalf("%d slots, want %d", n, kept)
	}
	r.reopen()
	if n := r.Stats().Slots; n != kept {
		t.Fatalf("%d slots after a restart, want %d", n, kept)
	}
}
