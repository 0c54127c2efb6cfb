package cosigner

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
)

// released is the model: which digests Claim ever let through, per slot. There
// must never be two, and one that was let through must not be refused with a
// conflict, nor be free for another.
type released map[casper.Slot]casper.Hash

func TestLedgerModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &modelRun{rig: newRig(t), released: released{}}
		slot := rapid.Custom(func(t *rapid.T) casper.Slot {
			n := rapid.Uint64Range(0, 7).Draw(t, "n")
			if rapid.Bool().Draw(t, "zug") {
				return echoSlot(10+n/2, uint32(n%2))
			}
			return heightSlot(100 + n)
		})
		value := rapid.Custom(func(t *rapid.T) casper.Hash { return digest(rapid.IntRange(0, 2).Draw(t, "value")) })
		rt.Repeat(map[string]func(*rapid.T){
			"claim": func(t *rapid.T) { m.claim(t, slot.Draw(t, "slot"), value.Draw(t, "digest")) },
			"fill":  func(t *rapid.T) { m.fill(t, rapid.MapOfN(slot, value, 0, 12).Draw(t, "log")) },
			"prune": func(t *rapid.T) {
				m.compactAbove = 0
				m.prune(t, watermark.Mark{Era: rapid.Uint64Range(0, 14).Draw(t, "era"),
					Height: rapid.Uint64Range(0, 108).Draw(t, "height")})
			},
			"reset": func(t *rapid.T) {
				height := rapid.Uint64Range(95, 110).Draw(t, "height")
				saw := rapid.SliceOfN(rapid.Uint64Range(100, 107), 0, 8).Draw(t, "saw")
				m.reset(t, watermark.Reset{Height: height, Until: rapid.Uint64Range(height, 112).Draw(t, "until"),
					Network: watermark.Version{Patch: m.network + rapid.Uint32Range(0, 2).Draw(t, "restart")},
					Seen:    watermark.NewSeen(rapid.Uint64Range(height, 112).Draw(t, "from"), slices.Values(saw))})
			},
			"fault": func(t *rapid.T) {
				m.failOnce(rapid.SampledFrom([]string{"write", "sync", "replace", "open"}).Draw(t, "op"),
					rapid.SampledFrom([]error{errFault, unix.ENOSPC}).Draw(t, "error"), rapid.Bool().Draw(t, "stored"))
			},
			"restart": func(t *rapid.T) { m.restart() },
			"power cut": func(t *rapid.T) {
				survivors := rapid.Uint64().Draw(t, "surviving sectors")
				m.disk.powerCut(func(s int) bool { return survivors>>(s%64)&1 == 1 })
				m.restart()
			},
			"": m.check,
		})
	})
}

type modelRun struct {
	*rig
	released released
	floor    watermark.Mark // acknowledged
	resets   uint64
	network  uint32 // restart of it for which the last reset that frees was
	written  uint64 // records, as was read last
}

// restart is also what the Fatal port does.
func (m *modelRun) restart() {
	m.disk.fault = nil
	m.reopen()
}

func (m *modelRun) claim(t *rapid.T, slot casper.Slot, d casper.Hash) {
	before, had := m.rig.written(), m.holds(slot)
	err := m.Claim(slot, d)
	if err == nil && !had && m.rig.written() != before+1 {
		t.Fatalf("%v: claimed, and %d records after %d", slot, m.rig.written(), before)
	}
	old, was := m.released[slot]
	var conflict *ConflictError
	switch {
	case err == nil && was && old != d:
		t.Fatalf("%v: released %v and then %v", slot, old, d)
	case err == nil && !m.floor.Covers(slot):
		t.Fatalf("%v: released below the floor %v", slot, m.floor)
	case err == nil:
		m.released[slot] = d
	case was && errors.As(err, &conflict) && conflict.Have != old:
		t.Fatalf("%v: released %v, but the ledger holds %v", slot, old, conflict.Have)
	}
	m.restartIfFatal()
}

func (m *modelRun) fill(t *rapid.T, log map[casper.Slot]casper.Hash) {
	_, err := m.Fill(maps.All(log))
	for slot, d := range log {
		if old, was := m.released[slot]; err == nil && was && old != d && m.Claim(slot, old) == nil {
			t.Fatalf("%v: served although the log differs", slot)
		}
	}
	m.restartIfFatal()
}

func (m *modelRun) prune(t *rapid.T, mark watermark.Mark) {
	if err := m.Prune(mark); err == nil {
		m.floor = m.floor.Max(mark)
	}
	m.restartIfFatal()
}

// reset is one that an operator signed. After one of unknown outcome the ledger says on its next
// start which it is; nothing was released for it in between.
func (m *modelRun) reset(t *rapid.T, r watermark.Reset) {
	saw, want := slices.Collect(r.All()), m.Floor().Height
	if frees := r.Network.Patch > m.network; frees && want <= max(r.From, r.Height) && want <= r.Until+1 {
		want = min(want, r.Height)
	}
	r.Count = m.resets + 1
	_, err := m.Ledger.Reset(r)
	m.restartIfFatal()
	if err != nil && m.Resets() == m.resets {
		return
	}
	m.resets++
	if got := m.Floor().Height; got != want {
		t.Fatalf("floor %d after a reset, want %d", got, want)
	}
	if r.Network.Patch <= m.network {
		return
	}
	m.network, m.floor.Height = r.Network.Patch, min(m.floor.Height, want)
	maps.DeleteFunc(m.released, func(s casper.Slot, _ casper.Hash) bool {
		return s.OfHeight() && s.Height >= r.Height && s.Height <= r.Until &&
			(s.Height < r.From || slices.Contains(saw, s.Height))
	})
}

func (m *modelRun) holds(slot casper.Slot) bool {
	_, ok := m.index.get(slot)
	return ok
}

func (m *modelRun) restartIfFatal() {
	if m.fatal != nil {
		m.restart()
	}
}

// check compares the ledger with all that was released.
func (m *modelRun) check(t *rapid.T) {
	if n := m.rig.written(); n < m.written {
		t.Fatalf("%d records after %d", n, m.written)
	}
	m.written = m.rig.written()
	if m.Resets() != m.resets {
		t.Fatalf("%d resets, want %d", m.Resets(), m.resets)
	}
	if f := m.Floor(); f.Max(m.floor) != f {
		t.Fatalf("floor fell from %v to %v", m.floor, f)
	}
	for slot, d := range m.released {
		if held, ok := m.index.get(slot); m.Floor().Covers(slot) && (!ok || held != d) {
			t.Fatalf("%v: released %v, the ledger has %v (%v)", slot, d, held, ok)
		}
	}
}
