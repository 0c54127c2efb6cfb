package cosigner

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/held"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// TestReset frees heights and nothing else, once, and for good.
func TestReset(t *testing.T) {
	r := newRig(t)
	for i, slot := range []casper.Slot{heightSlot(119), heightSlot(120), heightSlot(130), echoSlot(12, 3)} {
		r.must(r.Claim(slot, digest(i)))
	}
	_, err := r.Fill(maps.All(map[casper.Slot]casper.Hash{heightSlot(130): digest(9), heightSlot(119): digest(9)}))
	r.must(err)
	r.must(r.Prune(watermark.Mark{Era: 11, Height: 110}))
	r.must(r.Reset(120, 1))
	for range 2 {
		if s := r.Stats(); s.Resets != 1 || s.Slots != 2 || s.Differing != 1 {
			t.Errorf("%+v", s)
		}
		wantIs(t, r.Claim(heightSlot(119), digest(0)), ErrDiffers)
		wantIs(t, r.Claim(heightSlot(109), digest(0)), ErrBelowFloor)
		wantIs(t, r.Claim(echoSlot(10, 0), digest(0)), ErrBelowFloor)
		wantConflict(t, r.Claim(echoSlot(12, 3), digest(0)), digest(3))
		r.reopen()
	}
	r.must(r.Claim(heightSlot(120), digest(20)))
	r.must(r.Claim(heightSlot(130), digest(21)))
	r.must(r.Reset(120, 1)) // the log shows it again
	wantConflict(t, r.Claim(heightSlot(120), digest(1)), digest(20))
	r.must(r.Reset(50, 2)) // below what was pruned, and below the first height
	r.must(r.Claim(heightSlot(50), digest(5)))
	wantIs(t, r.Claim(heightSlot(49), digest(5)), ErrBelowFloor)
	r.reopen()
	wantConflict(t, r.Claim(heightSlot(50), digest(6)), digest(5))
	r.compactAbove = 0
	for i := range uint64(100) {
		r.must(r.Claim(heightSlot(200+i), digest(1)))
		r.must(r.Prune(watermark.Mark{Height: 200 + i}))
	}
	r.reopen()
	slots := r.Stats().Slots
	r.follows(9, watermark.Reset{Height: 50, Until: 400, Seen: watermark.Seen{From: 400}, Count: 2}) // an old one
	if s := r.Stats(); s.Resets != 2 || s.Slots != slots {
		t.Errorf("a file that was rewritten: %+v", s)
	}
}

// TestResetFails: after a disk that is full everything is as before; after any other failure the
// process ends.
func TestResetFails(t *testing.T) {
	for _, op := range []string{"replace", "open"} {
		for _, stored := range []bool{false, true} {
			r := newRig(t)
			r.must(r.Claim(heightSlot(120), digest(1)))
			r.failOnce(op, errFault, stored)
			if err := r.Reset(110, 1); err == nil || r.fatal == nil {
				t.Errorf("%s, stored %v: %v, fatal %v", op, stored, err, r.fatal)
			}
			if err := r.Claim(heightSlot(120), digest(2)); err == nil {
				t.Errorf("%s, stored %v: a claim after it", op, stored)
			}
			r.reopen()
			r.must(r.Reset(110, 1))
			r.must(r.Claim(heightSlot(120), digest(2)))
		}
	}
}

// TestUnknownRecord: a whole record of a kind that a later release wrote is refused, not cut like a
// torn one; so is a file of a later version. Nothing is written then.
func TestUnknownRecord(t *testing.T) {
	r := newRig(t)
	r.must(r.Claim(heightSlot(120), digest(1)))
	for name, edit := range map[string]func(b []byte){
		"kind":    func(b []byte) { b[recordSize+4] = 77; seal(b[recordSize : 2*recordSize]) },
		"version": func(b []byte) { b[5] = 5; seal(b[:recordSize]) },
	} {
		data := append([]byte{}, r.disk.name.data...)
		edit(data)
		d := &fakeDisk{}
		d.name = &inode{disk: d, data: data, durable: append([]byte{}, data...), dirty: map[int]struct{}{}}
		_, err := openLedger(r.config(), d)
		if err == nil || !strings.Contains(err.Error(), "later") {
			t.Errorf("%s: %v", name, err)
		}
		if string(d.name.data) != string(data) {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

// signedReset is what the committee takes for signed, by an operator who saw all signed up to 130.
func signedReset(height, count uint64) machine.ResetHeights {
	all := watermark.Seen{From: 131, Bits: "\x00"}
	return machine.ResetHeights{Reset: watermark.Reset{Height: height, Until: 130, SeenAt: 1, Count: count,
		Network: watermark.Version{Major: 2, Patch: uint32(count)}, Seen: all,
		Ledgers:  watermark.NewLedgers(map[string]watermark.Seen{"c1": all, "c2": all, "c3": all}),
		Operator: "ops", Signature: testSignature}}
}

// started3 is a log of the version that has resets, in which heights were claimed.
func started3(heights ...uint64) *copyOfLog {
	log := newCopyOfLog()
	log.state.ApplyAt(machine.Place{Index: 1, Version: machine.Version},
		machine.Genesis{First: watermark.Mark{Era: 1, Height: 100}, Active: "A"})
	for _, h := range heights {
		log.ahead = append(log.ahead, claimOf(finality(h)))
	}
	log.elect()
	log.apply()
	return log
}

// append applies more, each of which must be done.
func (l *copyOfLog) append(t *testing.T, commands ...machine.Command) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range commands {
		if r := applyDated(l.state, c); r.Outcome != machine.Done {
			t.Fatalf("%+v: %+v", c, r)
		}
	}
}

// TestFollowReset: the ledger follows a reset of the log only if an operator signed it. Until then
// it keeps its heights, and everything else goes on.
func TestFollowReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := started3(120, 130)
		c, s := besideLog(t, log)
		ledger := c.hosts[0].ledger
		run(t, s)
		time.Sleep(2 * time.Second)
		claimed := func(height uint64, n int) error { return ledger.Claim(heightSlot(height), digest(n)) }
		var conflict *ConflictError
		if err := claimed(120, 7); !errors.As(err, &conflict) {
			t.Fatal(err)
		}
		forged := signedReset(110, 1)
		forged.Signature = [64]byte{1}
		log.append(t, forged)
		time.Sleep(3 * time.Second)
		if err := claimed(120, 7); !errors.As(err, &conflict) || ledger.Resets() != 0 || s.Ready() != nil {
			t.Errorf("a reset that nobody signed: %v, %d resets, %v", err, ledger.Resets(), s.Ready())
		}
		log.append(t, claimOf(finality(115)), signedReset(110, 2))
		time.Sleep(2 * time.Second)
		if err := claimed(120, 7); err != nil || ledger.Resets() != 2 {
			t.Errorf("a signed one: %v, %d resets", err, ledger.Resets())
		}
	})
}

// TestResetOfOthers: a ledger forgets only what it held itself when the operator looked. What
// enough others held then it may have bound since, to something else: whoever leads can have it
// come to know of the reset when it likes. One that did not answer forgets nothing.
func TestResetOfOthers(t *testing.T) {
	for name, own := range map[string]watermark.Seen{
		"held nothing":   {From: 110, Bits: "\x00"},
		"held others":    {From: 110, Bits: "\x00\x80"},
		"did not answer": {},
		"pruned less":    {From: 105, Bits: "\x00"},
	} {
		synctest.Test(t, func(t *testing.T) {
			log := started3(120)
			c, s := besideLog(t, log)
			run(t, s)
			time.Sleep(2 * time.Second)
			reset := signedReset(110, 1)
			by := map[string]watermark.Seen{}
			for cosigner, seen := range reset.Ledgers.All() {
				by[cosigner] = seen
			}
			if by["c1"] = own; own == (watermark.Seen{}) {
				delete(by, "c1")
			}
			reset.Ledgers = watermark.NewLedgers(by)
			log.append(t, reset)
			time.Sleep(2 * time.Second)
			var conflict *ConflictError
			err := c.hosts[0].ledger.Claim(heightSlot(120), digest(7))
			if !errors.As(err, &conflict) || c.hosts[0].ledger.Resets() != 1 {
				t.Errorf("%s: %v, %d resets", name, err, c.hosts[0].ledger.Resets())
			}
		})
	}
}

// TestHolds: what an operator is told that a ledger holds is all that its log has applied, for it
// holds what it gave a share for, and others gave one for more. What it holds itself is told, too.
func TestHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := started3(120)
		c, s := besideLog(t, log)
		run(t, s)
		time.Sleep(2 * time.Second)
		log.append(t, claimOf(finality(125)), claimOf(finality(109)))
		if err := c.hosts[0].ledger.Claim(heightSlot(127), digest(7)); err != nil {
			t.Fatal(err)
		}
		want := []uint64{120, 125, 127}
		if has := slices.Sorted(s.Holds(110).All()); !slices.Equal(has, want) {
			t.Errorf("it holds %v, want %v", has, want)
		}
		var conflict *ConflictError
		if err := c.hosts[0].ledger.Claim(heightSlot(125), digest(7)); !errors.As(err, &conflict) {
			t.Errorf("what is told is not bound: %v", err)
		}
	})
}

// TestMarks: a ledger tells how far it goes, and a reset that nobody signed lowers none of it.
func TestMarks(t *testing.T) {
	r := newRig(t)
	if m := r.Marks(); !m.Empty || m.Newest != (failover.Place{}) {
		t.Errorf("it holds nothing: %+v", m)
	}
	for _, slot := range []casper.Slot{heightSlot(130), heightSlot(110), echoSlot(12, 4), echoSlot(11, 9),
		echoSlot(12, 7)} {
		r.must(r.Claim(slot, digest(1)))
	}
	want := machine.Ledger{Floor: r.Floor(), Newest: failover.Place{Era: 12, Round: 7, Height: 130}}
	if m := r.Marks(); m != want {
		t.Errorf("%+v, want %+v", m, want)
	}
	r.reopen()
	r.must(r.Reset(111, 1))
	want.Resets, want.Newest.Height = 1, 110
	if m := r.Marks(); m != want {
		t.Errorf("after a reset: %+v, want %+v", m, want)
	}
}

// TestSignedAbove: a ledger that holds more than the operator saw, as by a log that only this
// cosigner was shown, keeps that, follows all the same, and gives shares for what was freed.
func TestSignedAbove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := started3(120)
		c, s := besideLog(t, log)
		ledger := c.hosts[0].ledger
		run(t, s)
		time.Sleep(2500 * time.Millisecond) // from here on between two looks at the log
		for _, height := range []uint64{125, 131} {
			if err := ledger.Claim(heightSlot(height), digest(1)); err != nil {
				t.Fatal(err)
			}
		}
		reset := signedReset(110, 1)
		reset.Seen = watermark.Seen{From: 120, Bits: "\x01"}
		reset.Ledgers = watermark.NewLedgers(map[string]watermark.Seen{"c1": reset.Seen})
		log.append(t, reset)
		time.Sleep(2 * time.Second)
		for _, height := range []uint64{125, 131} {
			wantConflict(t, ledger.Claim(heightSlot(height), digest(7)), digest(1))
		}
		if err := ledger.Claim(heightSlot(120), digest(7)); err != nil || ledger.Resets() != 1 || s.Ready() != nil {
			t.Errorf("%v, %d resets, %v", err, ledger.Resets(), s.Ready())
		}
		log.append(t, claimOf(finality(140)))
		if answer := judge(log, ledger, finality(140)); answer == held.Waits {
			t.Error("the own log waits for a reset that the ledger has followed")
		}
	})
}

// TestSignedLate: a ledger forgets exactly what the operator saw bound up to the last height of the
// old chain, and what could not be bound any more when he looked. All else keeps its digest, also
// after a start: what is bound above, and what was bound late, in a gap.
func TestSignedLate(t *testing.T) {
	free := map[uint64]bool{104: false, 105: true, 107: true, 110: true, 117: false, 130: true, 131: false, 140: false}
	r := newRig(t)
	for height := range free {
		r.must(r.Claim(heightSlot(height), digest(1)))
	}
	seen := watermark.NewSeen(110, slices.Values([]uint64{110, 111, 130, 140})) // 111 is not bound here
	if got := r.SeenFrom(105); got != watermark.NewSeen(105, slices.Values([]uint64{105, 107, 110, 117, 130, 131, 140})) {
		t.Errorf("it says that it holds %v", slices.Collect(got.All()))
	}
	r.follows(1, watermark.Reset{Height: 105, Until: 130, Seen: seen, Count: 1})
	for range 2 {
		if s := r.Stats(); s.Slots != 4 || s.Resets != 1 || r.Marks().Newest.Height != 140 {
			t.Errorf("%+v, %+v", s, r.Marks())
		}
		for height, free := range free {
			if _, held := r.index.get(heightSlot(height)); held == free {
				t.Errorf("height %d is held: %v", height, held)
			}
		}
		r.reopen()
	}
	wantConflict(t, r.Claim(heightSlot(117), digest(2)), digest(1))
	r.must(r.Claim(heightSlot(117), digest(1)))
	r.must(r.Claim(heightSlot(130), digest(2)))
	if got := r.SeenFrom(50); got.From != testFirst.Height {
		t.Errorf("it says that it holds some from %d on", got.From)
	}
}

// TestPrunedSince: a leader has the ledgers prune what was bound after the operator looked, by a
// log that it made up, and then makes the reset. Nothing tells any more what was bound there, so
// the floor stays; so it does above the old chain. What the operator saw is freed all the same, and
// the ledger has followed.
func TestPrunedSince(t *testing.T) {
	for _, tt := range []struct {
		below, from, until, floor uint64
	}{
		{105, 110, 120, 105}, {110, 110, 120, 105}, {111, 110, 120, 111}, {121, 125, 120, 105}, {122, 125, 120, 122},
		{131, 110, 120, 131},
	} {
		r := newRig(t)
		for _, height := range []uint64{110, 119, 130} {
			r.must(r.Claim(heightSlot(height), digest(1)))
		}
		r.must(r.Prune(watermark.Mark{Height: tt.below}))
		seen := watermark.NewSeen(tt.from, slices.Values([]uint64{110, 119}))
		r.follows(1, watermark.Reset{Height: 105, Until: tt.until, Seen: seen, Count: 1})
		for range 2 {
			if f := r.Floor(); f.Height != tt.floor || r.Resets() != 1 {
				t.Errorf("%+v: floor %d, %d resets", tt, f.Height, r.Resets())
			}
			r.reopen()
		}
		if err := r.Claim(heightSlot(tt.floor-1), digest(2)); !errors.Is(err, ErrBelowFloor) {
			t.Errorf("%+v: below its floor: %v", tt, err)
		}
		if tt.floor <= 119 {
			r.must(r.Claim(heightSlot(119), digest(2)))
		}
		if tt.floor <= 130 {
			wantConflict(t, r.Claim(heightSlot(130), digest(2)), digest(1))
		}
	}
}

// judge is what the own log says to a share of the message.
func judge(log *copyOfLog, ledger *rig, m casper.Message) held.Answer {
	slot, _ := casper.SlotOf(m)
	log.mu.Lock()
	defer log.mu.Unlock()
	return held.New("c1").Judge(log.state, held.Claim{Slot: slot, Message: m, Resets: ledger.Resets()})
}

// TestClaimBesideReset: a claim that was judged before a reset and comes after it binds nothing,
// nor does one that was judged after it and comes before; one that is being written comes before.
func TestClaimBesideReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		writes := make(chan struct{})
		r.disk.fault = func(op string, _ int64) (error, bool) {
			if op == "sync" {
				<-writes
			}
			return nil, true
		}
		ended := make(chan error, 4)
		go func() { ended <- r.Claim(heightSlot(110), digest(1)) }()
		synctest.Wait() // it is being written
		r.mu.Lock()
		b, _, err := r.join(heightSlot(111), digest(1)) // and this one is in hand
		r.mu.Unlock()
		r.must(err)
		go func() { ended <- r.Reset(105, 1) }()
		synctest.Wait()
		for _, resets := range []uint64{0, 1} {
			if err := r.Ledger.Claim(heightSlot(112), digest(1), resets); !errors.Is(err, errReset) {
				t.Errorf("judged after %d resets: %v", resets, err)
			}
		}
		close(writes)
		synctest.Wait()
		r.commit(b)
		r.must(b.err)
		for range 2 {
			r.must(<-ended)
		}
		if s := r.Stats(); s.Slots != 0 || s.Resets != 1 {
			t.Errorf("%+v", s)
		}
		wantIs(t, r.Ledger.Claim(heightSlot(110), digest(1), 0), errReset)
		r.must(r.Ledger.Claim(echoSlot(12, 1), digest(1), 0)) // rounds are none of its business
		r.must(r.Claim(heightSlot(110), digest(2)))
	})
}

// TestReplayAfterReset: a log that is read back shows the marks of before a reset first. The
// ledger, which has made the reset, does not follow those.
func TestReplayAfterReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newCopyOfLog()
		// Of the version before, which does not keep for what a cluster was founded.
		first := watermark.Mark{Era: 1, Height: 5000}
		log.state.Apply(machine.Genesis{First: first, Active: "A"})
		log.state.ApplyAt(machine.Place{Version: machine.Version}, machine.SetFloor{Floor: first})
		reset := signedReset(110, 1)
		reset.Until, reset.Seen = 5001, watermark.Seen{From: 5000, Bits: "\x02"}
		reset.Ledgers = watermark.NewLedgers(map[string]watermark.Seen{"c1": reset.Seen})
		log.ahead = []machine.Command{claimOf(finality(5001)), reset, claimOf(finality(120))}
		log.elect()
		c, s := besideLog(t, log)
		ledger := c.hosts[0].ledger
		if err := ledger.Reset(110, 1); err != nil {
			t.Fatal(err)
		}
		run(t, s)
		time.Sleep(3 * time.Second)
		if f := ledger.Floor(); f.Height != 100 {
			t.Errorf("while the log is read back the floor became %v", f)
		}
		log.apply()
		time.Sleep(2 * time.Second)
		if err := s.Ready(); err != nil || ledger.Floor().Height > 110 {
			t.Errorf("%v, floor %v", err, ledger.Floor())
		}
		if err := ledger.Claim(heightSlot(115), digest(1)); err != nil {
			t.Error(err)
		}
	})
}
