package gate

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units/unitstest"
)

// hearer is an agent that is told.
type hearer struct {
	eras  map[casper.Hash]uint64
	waits failover.Waits // without when that was told
	gone  bool
	heard []failover.GateWord
}

func (h *hearer) Era(_ context.Context, instance casper.Hash) (uint64, error) {
	if era, known := h.eras[instance]; known {
		return era, nil
	}
	return 0, errors.New("not known yet")
}

func (h *hearer) Hear(_ context.Context, w failover.GateWord) (failover.Waits, error) {
	if h.gone {
		return failover.Waits{}, errors.New("nobody is there")
	}
	h.heard = append(h.heard, w)
	waits := h.waits
	waits.At = time.Now()
	return waits, nil
}

// last is what was told last.
func (h *hearer) last() failover.GateWord { return h.heard[len(h.heard)-1] }

// TestTell: what a gate grants and refuses is told at once, with the era, and each second; what
// becomes of a self-test is not, and of an era that nobody knows yet not before.
func TestTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, era := unitstest.New(1, 7), unitstest.Instance("era")
		var refuse error
		f := opened(t, func(casper.Ballot) error { return refuse })
		ctx, end := context.WithCancel(t.Context())
		defer end()
		h := &hearer{eras: map[casper.Hash]uint64{era: 7}}
		go f.gate.Tell(ctx, h)
		synctest.Wait()
		if len(h.heard) != 1 || h.last() != (failover.GateWord{}) {
			t.Fatalf("a gate that stands tells %+v", h.heard)
		}
		time.Sleep(300 * time.Millisecond)
		began := time.Now()
		if err := f.handle().write(unitstest.Entry(us.Echo(era, 1, "block"))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		voted := failover.GateWord{Voted: began, VotedEra: 7}
		if len(h.heard) != 2 || h.last() != voted {
			t.Errorf("after a message of ours it tells %+v", h.heard)
		}
		probed, refused := f.handle(), f.handle()
		if err := probed.write(journal.Probe()); err == nil {
			t.Error("a probe is taken")
		}
		time.Sleep(5 * time.Second)
		if synctest.Wait(); len(h.heard) != 7 || h.last() != voted {
			t.Errorf("in five seconds with a self-test it tells %+v", h.heard)
		}
		refuse, began = errors.New("no"), time.Now()
		if err := refused.write(unitstest.Entry(us.Vote(era, 1, true))); err == nil {
			t.Error("what was not granted is taken")
		}
		synctest.Wait()
		out := failover.GateWord{Voted: voted.Voted, VotedEra: 7, Refused: began, RefusedEra: 7}
		if len(h.heard) != 8 || h.last() != out {
			t.Errorf("after a refusal it tells %+v", h.last())
		}

		f.gate.told.refuses(unitstest.Instance("next"))
		if synctest.Wait(); h.last() != out {
			t.Errorf("of an unknown era it tells %+v", h.last())
		}
		h.eras[unitstest.Instance("next")], began = 8, time.Now()
		time.Sleep(time.Second)
		out.Refused, out.RefusedEra = began, 8
		if synctest.Wait(); h.last() != out {
			t.Errorf("once the era is known it tells %+v", h.last())
		}
	})
}

// TestToldWaits: a gate waits as its agent says, by whether the era's file has a message of ours,
// and briefly when the agent said nothing yet, or is gone.
func TestToldWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, era := unitstest.New(1, 7), unitstest.Instance("era")
		f := opened(t, func(casper.Ballot) error { return nil })
		f.gate.settings.Patience = 0
		waits := func(when string, want time.Duration) {
			t.Helper()
			if got := f.gate.patience(f); got != want {
				t.Errorf("%s: %v, want %v", when, got, want)
			}
		}
		waits("nothing is told", 250*time.Millisecond)
		ctx, end := context.WithCancel(t.Context())
		defer end()
		h := &hearer{waits: failover.Waits{First: 8 * time.Second, Later: 4 * time.Second}}
		go f.gate.Tell(ctx, h)
		time.Sleep(500 * time.Millisecond) // so that nothing here happens while it tells
		waits("the era's first message", 8*time.Second)
		if err := f.handle().write(unitstest.Entry(us.Echo(era, 1, "block"))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		waits("its others", 4*time.Second)
		h.waits.Later = 250 * time.Millisecond
		time.Sleep(time.Second)
		synctest.Wait()
		waits("another node is active", 250*time.Millisecond)
		h.waits.Later = 4 * time.Second
		time.Sleep(time.Second)
		synctest.Wait()
		h.gone = true
		time.Sleep(5 * time.Second)
		waits("the agent is started anew", 4*time.Second)
		time.Sleep(10 * time.Second)
		waits("the agent is gone", 250*time.Millisecond)
	})
}
