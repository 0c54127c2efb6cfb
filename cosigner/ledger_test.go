package cosigner

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

var (
	testDirectory = statedir.ID{0xd1}
	testFirst     = watermark.Mark{Era: 10, Height: 100}
)

// echoSlot and heightSlot make slots at and above testFirst.
func echoSlot(era uint64, round uint32) casper.Slot {
	instance := casper.Hash{1}
	binary.LittleEndian.PutUint64(instance[8:], era)
	return casper.Slot{Kind: casper.KindEcho, Era: era, Instance: instance, Validator: 3, Round: round}
}

func heightSlot(height uint64) casper.Slot {
	return casper.Slot{Kind: casper.KindFinality, Height: height}
}

// digest returns a digest that differs for each n.
func digest(n int) casper.Hash {
	h := casper.Hash{0xd}
	binary.LittleEndian.PutUint64(h[8:], uint64(n))
	return h
}

// rig is a ledger on a fake disk.
type rig struct {
	t     testing.TB
	disk  *fakeDisk
	fatal error // what the Fatal port was told last
	*Ledger
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, disk: &fakeDisk{}}
	if err := writeLedger(r.disk, statedir.Watchdog{}, header{directory: testDirectory, first: testFirst, written: 1,
		floor: testFirst}, none); err != nil {
		t.Fatal(err)
	}
	r.reopen()
	return r
}

// Claim is that of a ledger which made no reset since the claim was judged.
func (r *rig) Claim(slot casper.Slot, digest casper.Hash) error {
	return r.Ledger.Claim(slot, digest, r.Resets())
}

// Reset is one by an operator who has seen all that was signed.
func (r *rig) Reset(height, count uint64) error {
	_, err := r.Ledger.Reset(watermark.Reset{Height: height, Until: math.MaxUint64, Count: count,
		Network: watermark.Version{Major: 2, Patch: uint32(count)}, Seen: watermark.Seen{From: math.MaxUint64}})
	return err
}

// follows must follow the reset, which is for the n-th restart of the network, and tells whether it
// frees anything.
func (r *rig) follows(n uint32, reset watermark.Reset) bool {
	r.t.Helper()
	reset.Network = watermark.Version{Major: 2, Patch: n}
	frees, err := r.Ledger.Reset(reset)
	r.must(err)
	return frees
}

func none(func(record) bool) {}

func (r *rig) config() LedgerConfig {
	return LedgerConfig{Path: "ledger", Directory: testDirectory, Fatal: func(err error) { r.fatal = err }}
}

func (r *rig) reopen() {
	r.t.Helper()
	l, err := openLedger(r.config(), r.disk)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Ledger, r.fatal = l, nil
}

// failOnce makes the next operation of that name fail with err.
func (r *rig) failOnce(op string, err error, stored bool) {
	r.disk.fault = func(got string, _ int64) (error, bool) {
		if got != op {
			return nil, true
		}
		r.disk.fault = nil
		return err, stored
	}
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func wantConflict(t testing.TB, err error, have casper.Hash) {
	t.Helper()
	var conflict *ConflictError
	if !errors.As(err, &conflict) || conflict.Have != have {
		t.Fatalf("got %v, want a conflict with %v", err, have)
	}
}

func wantIs(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

func TestLedgerClaim(t *testing.T) {
	r := newRig(t)
	slots := []casper.Slot{echoSlot(10, 0), echoSlot(10, 1), echoSlot(11, 0), heightSlot(100), heightSlot(11)}
	slots[4].Height = 1 << 63
	vote := slots[0]
	vote.Kind = casper.KindVote
	other := slots[0]
	other.Validator++
	slots = append(slots, vote, other)
	for range 2 { // before and after a restart
		for i, slot := range slots {
			r.must(r.Claim(slot, digest(i)))
			wantConflict(t, r.Claim(slot, digest(i+1)), digest(i))
		}
		r.reopen()
	}
	if n := r.Stats().Slots; n != len(slots) {
		t.Fatalf("%d slots, want %d", n, len(slots))
	}
	for _, slot := range []casper.Slot{echoSlot(9, 5), heightSlot(99)} {
		wantIs(t, r.Claim(slot, digest(0)), ErrBelowFloor)
	}
	for _, slot := range []casper.Slot{{}, {Kind: casper.KindHandshake},
		{Kind: casper.KindFinality, Era: 10, Height: 100}} {
		if err := r.Claim(slot, digest(0)); err == nil {
			t.Fatalf("claimed %+v, which is no slot", slot)
		}
	}
}

// TestLedgerClaimAgainWritesNothing and yet is as good as the first.
func TestLedgerClaimAgainWritesNothing(t *testing.T) {
	r := newRig(t)
	r.must(r.Claim(heightSlot(100), digest(1)))
	r.disk.fault = func(op string, _ int64) (error, bool) { return errFault, false }
	r.must(r.Claim(heightSlot(100), digest(1)))
	wantConflict(t, r.Claim(heightSlot(100), digest(2)), digest(1))
}

// TestLedgerReturnsAfterSync holds the fsync back: nobody who claims the slot
// may get an answer before it ends.
func TestLedgerReturnsAfterSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		disk := &gatedDisk{disk: r.disk, gate: make(chan struct{})}
		l, err := openLedger(r.config(), disk)
		r.must(err)
		disk.shut.Store(true)
		var answered atomic.Int32
		for i := range 20 {
			go func() {
				if err := l.Claim(heightSlot(100+uint64(i%4)), digest(i%4), 0); err != nil {
					t.Error(err)
				}
				answered.Add(1)
			}()
			synctest.Wait()
		}
		if n := answered.Load(); n != 0 {
			t.Fatalf("%d claims answered before the fsync", n)
		}
		if err := l.Claim(heightSlot(100), digest(9), 0); err == nil {
			t.Fatal("another digest for a slot whose claim is being written")
		}
		before := l.Stats().Syncs
		close(disk.gate)
		synctest.Wait()
		if n := answered.Load(); n != 20 {
			t.Fatalf("%d of 20 claims answered", n)
		}
		if n := l.Stats().Syncs - before; n != 1 {
			t.Fatalf("%d further fsyncs for the claims that waited, want 1", n)
		}
	})
}

// gatedDisk holds back every Sync while it is shut.
type gatedDisk struct {
	disk
	shut atomic.Bool
	gate chan struct{}
}

func (d *gatedDisk) open() (file, int64, error) {
	f, size, err := d.disk.open()
	return &gatedFile{f, d}, size, err
}

type gatedFile struct {
	file
	disk *gatedDisk
}

func (f *gatedFile) Sync() error {
	if f.disk.shut.Load() {
		<-f.disk.gate
	}
	return f.file.Sync()
}

func TestLedgerFill(t *testing.T) {
	r := newRig(t)
	r.must(r.Claim(heightSlot(100), digest(0)))
	r.must(r.Claim(heightSlot(101), digest(1)))
	log := map[casper.Slot]casper.Hash{
		heightSlot(100): digest(0),  // agrees
		heightSlot(101): digest(77), // differs
		heightSlot(102): digest(2),  // missing
		heightSlot(99):  digest(3),  // below the floor
	}
	for range 3 { // again, and after a restart: nothing changes
		before := r.disk.syncs
		differing, err := r.Fill(maps.All(log))
		r.must(err)
		if differing != 1 || r.Stats().Differing != 1 || r.Stats().Slots != 3 {
			t.Fatalf("%d differing, %+v; want 1 differing, 3 slots", differing, r.Stats())
		}
		if n := r.disk.syncs - before; n > 1 {
			t.Fatalf("%d fsyncs for one fill", n)
		}
		r.must(r.Claim(heightSlot(100), digest(0)))
		r.must(r.Claim(heightSlot(102), digest(2)))
		wantIs(t, r.Claim(heightSlot(101), digest(1)), ErrDiffers)
		wantIs(t, r.Claim(heightSlot(101), digest(77)), ErrDiffers)
		wantIs(t, r.Claim(heightSlot(99), digest(3)), ErrBelowFloor)
		r.reopen()
		wantIs(t, r.Claim(heightSlot(101), digest(77)), ErrDiffers) // also without a fill
	}
}

func TestLedgerPrune(t *testing.T) {
	r := newRig(t)
	for i := range 10 {
		r.must(r.Claim(echoSlot(10+uint64(i), 0), digest(i)))
		r.must(r.Claim(heightSlot(100+uint64(i)), digest(i)))
	}
	r.must(r.Prune(watermark.Mark{Era: 13, Height: 50})) // the height must not fall to 50
	r.must(r.Prune(watermark.Mark{Era: 5, Height: 104}))
	before := r.Stats().Syncs
	r.must(r.Prune(watermark.Mark{Era: 13, Height: 100}))
	if n := r.Stats().Syncs; n != before {
		t.Fatal("a lower mark was written")
	}
	for range 2 {
		if got, want := r.Floor(), (watermark.Mark{Era: 13, Height: 104}); got != want {
			t.Fatalf("floor %v, want %v", got, want)
		}
		if n := r.Stats().Slots; n != 13 {
			t.Fatalf("%d slots left, want 13", n)
		}
		for i := range 10 {
			wantPruned(t, r.Claim(echoSlot(10+uint64(i), 0), digest(i)), i < 3)
			wantPruned(t, r.Claim(heightSlot(100+uint64(i)), digest(i)), i < 4)
		}
		r.reopen()
	}
}

// TestLedgerPruneConcurrently puts two marks into one batch, neither of which is
// at or above the other.
func TestLedgerPruneConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		disk := &gatedDisk{disk: r.disk, gate: make(chan struct{})}
		l, err := openLedger(r.config(), disk)
		r.must(err)
		disk.shut.Store(true)
		go l.Claim(heightSlot(500), digest(1), 0)
		synctest.Wait()
		go l.Prune(watermark.Mark{Era: 50})
		synctest.Wait()
		go l.Prune(watermark.Mark{Height: 400})
		synctest.Wait()
		close(disk.gate)
		synctest.Wait()
		if got, want := l.Floor(), (watermark.Mark{Era: 50, Height: 400}); got != want {
			t.Fatalf("floor %v, want %v", got, want)
		}
	})
}

func wantPruned(t *testing.T, err error, pruned bool) {
	t.Helper()
	if pruned {
		wantIs(t, err, ErrBelowFloor)
	} else if err != nil {
		t.Fatal(err)
	}
}

func TestLedgerGroupCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	if err := CreateLedger(path, testDirectory, testFirst); err != nil {
		t.Fatal(err)
	}
	l, err := OpenLedger(LedgerConfig{Path: path, Directory: testDirectory, Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	const workers, slots = 16, 60
	won := make([][slots]bool, workers)
	var wg sync.WaitGroup
	for w := range workers { // all want every slot, each with its own digest
		wg.Go(func() {
			for i := range slots {
				err := l.Claim(heightSlot(100+uint64(i)), digest(w), 0)
				var conflict *ConflictError
				if won[w][i] = err == nil; err != nil && !errors.As(err, &conflict) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	l.Close()
	if l, err = OpenLedger(LedgerConfig{Path: path, Directory: testDirectory}); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i := range slots {
		winners := 0
		for w := range workers {
			if won[w][i] {
				winners++
				if err := l.Claim(heightSlot(100+uint64(i)), digest(w), 0); err != nil {
					t.Fatal(err)
				}
			}
		}
		if winners != 1 {
			t.Fatalf("slot %d: %d digests were claimed", i, winners)
		}
	}
}

func TestCreateLedgerNeverOverwrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	if err := CreateLedger(path, testDirectory, testFirst); err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(path)
	wantIs(t, CreateLedger(path, statedir.ID{9}, watermark.Mark{}), fs.ErrExist)
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Fatal("the ledger was overwritten")
	}
	for name, config := range map[string]LedgerConfig{
		"other directory": {Path: path, Directory: statedir.ID{9}},
		"missing":         {Path: path + ".gone", Directory: testDirectory},
	} {
		_, err := OpenLedger(config)
		var damaged *DamagedError
		if !errors.As(err, &damaged) || !strings.Contains(err.Error(), "do not delete") {
			t.Errorf("%s: got %v, want a refusal that says what not to do", name, err)
		}
	}
}
