package gate

import (
	"context"
	"errors"
	"slices"
	"sync"
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
	mu    sync.Mutex
	eras  map[casper.Hash]uint64
	waits failover.Waits // without when that was told
	gone  bool
	heard []failover.GateWord
	kept  []casper.Ballot
}

func (h *hearer) Era(_ context.Context, instance casper.Hash) (uint64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if era, known := h.eras[instance]; known {
		return era, nil
	}
	return 0, errors.New("not known yet")
}

func (h *hearer) Hear(_ context.Context, w failover.GateWord) (failover.Waits, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gone {
		return failover.Waits{}, errors.New("nobody is there")
	}
	h.heard = append(h.heard, w)
	waits := h.waits
	waits.At = time.Now()
	return waits, nil
}

func (h *hearer) Keep(_ context.Context, own []casper.Ballot) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gone {
		return errors.New("nobody is there")
	}
	h.kept = append(h.kept, own...)
	return nil
}

// told is how often it was told something, and what last.
func (h *hearer) told() (times int, last failover.GateWord) {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.heard), h.heard[len(h.heard)-1]
}

func (h *hearer) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

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
		tells := func(when string, times int, want failover.GateWord) {
			t.Helper()
			if got, last := h.told(); got != times || last != want {
				t.Errorf("%s: told %d times, last %+v; want %d times, %+v", when, got, last, times, want)
			}
		}
		synctest.Wait()
		tells("a gate that stands", 1, failover.GateWord{})
		time.Sleep(300 * time.Millisecond)
		began := time.Now()
		if err := f.handle().write(unitstest.Entry(us.Echo(era, 1, "block"))); err != nil {
			t.Fatal(err)
		}
		voted := failover.GateWord{Voted: began, VotedEra: 7}
		tells("a message of ours", 2, voted)
		probed, refused := f.handle(), f.handle()
		if err := probed.write(journal.Probe()); err == nil {
			t.Error("a probe is taken")
		}
		time.Sleep(5 * time.Second)
		tells("five seconds with a self-test", 7, voted)
		refuse, began = errors.New("no"), time.Now()
		if err := refused.write(unitstest.Entry(us.Vote(era, 1, true))); err == nil {
			t.Error("what was not granted is taken")
		}
		out := failover.GateWord{Voted: voted.Voted, VotedEra: 7, Refused: began, RefusedEra: 7}
		tells("a refusal", 8, out)
		next := unitstest.Instance("next")
		f.gate.told.refuses(next)
		tells("a refusal in an era that nobody knows", 9, out)
		h.set(func() { h.eras[next] = 8 })
		out.Refused, out.RefusedEra = time.Now(), 8
		time.Sleep(time.Second)
		tells("once that is known", 10, out)
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
		h.set(func() { h.waits.Later = 250 * time.Millisecond })
		time.Sleep(time.Second)
		synctest.Wait()
		waits("another node is active", 250*time.Millisecond)
		h.set(func() { h.waits.Later = 4 * time.Second })
		time.Sleep(time.Second)
		synctest.Wait()
		h.set(func() { h.gone = true })
		time.Sleep(5 * time.Second)
		waits("the agent is started anew", 4*time.Second)
		time.Sleep(10 * time.Second)
		waits("the agent is gone", 250*time.Millisecond)
	})
}

// TestTellsWhatIsStored: the agent gets a message of ours with its signature once that is granted
// and stored, at once or when it is back, and never what was refused, or waits.
func TestTellsWhatIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, era := unitstest.New(1, 7), unitstest.Instance("era")
		answer := make(chan error)
		f := opened(t, func(casper.Ballot) error { return <-answer })
		ctx, end := context.WithCancel(t.Context())
		defer end()
		h := &hearer{eras: map[casper.Hash]uint64{era: 7}}
		go f.gate.Tell(ctx, h)
		var want []casper.Ballot
		has := func(when string) {
			t.Helper()
			synctest.Wait()
			h.mu.Lock()
			defer h.mu.Unlock()
			if !slices.Equal(h.kept, want) {
				t.Errorf("%s: told were %v, want %v", when, h.kept, want)
			}
		}
		write := func(b casper.Ballot, says error) {
			t.Helper()
			done := make(chan error)
			go func() { done <- f.handle().write(unitstest.Entry(b)) }()
			time.Sleep(5 * time.Second)
			has("before an answer")
			answer <- says
			if err := <-done; !errors.Is(err, says) {
				t.Errorf("writing %v: %v", b, err)
			}
			if says == nil {
				want = append(want, b)
			}
		}
		write(us.Echo(era, 1, "block"), nil)
		has("a message that is granted")
		write(us.Vote(era, 1, true), errors.New("no"))
		time.Sleep(5 * time.Second)
		has("one that is refused")
		h.set(func() { h.gone = true })
		missed := us.Vote(era, 2, true)
		write(us.Vote(era, 1, false), errors.New("no"))
		go func() { answer <- nil }()
		if err := f.handle().write(unitstest.Entry(missed)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		has("while the agent is gone")
		h.set(func() { h.gone = false })
		want = append(want, missed)
		time.Sleep(5 * time.Second)
		has("once it is back")
	})
}

// TestToldAnew: an agent that was started anew is told again what is stored, and so is the agent of
// a gate that was, in order and each message once.
func TestToldAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, era := unitstest.New(1, 7), unitstest.Instance("era")
		f := opened(t, func(casper.Ballot) error { return nil })
		h := &hearer{eras: map[casper.Hash]uint64{era: 7}, waits: failover.Waits{Boot: 5}}
		var want []casper.Ballot
		write := func(b casper.Ballot) {
			if err := f.handle().write(unitstest.Entry(b)); err != nil {
				t.Fatal(err)
			}
			want = append(want, b)
		}
		told := func(when string, want ...casper.Ballot) {
			t.Helper()
			time.Sleep(5 * time.Second)
			synctest.Wait()
			h.set(func() {
				if !slices.Equal(h.kept, want) {
					t.Errorf("%s: told were %v, want %v", when, h.kept, want)
				}
				h.kept = nil
			})
		}
		write(us.Echo(era, 1, "block"))
		if err := f.handle().write(unitstest.Entry(unitstest.New(2, 3).Vote(era, 1, true))); err != nil {
			t.Fatal(err)
		}
		write(us.Vote(era, 1, true))
		f.gate.told.stored = f.gate.told.stored[1:] // it was told, or the gate died before
		ctx, end := context.WithCancel(t.Context())
		defer end()
		go f.gate.Tell(ctx, h)
		told("a gate that was started", want...)
		h.set(func() { h.gone = true })
		write(us.Vote(era, 2, true))
		time.Sleep(5 * time.Second)
		h.set(func() { h.gone = false })
		told("the same agent", want[2:]...)
		h.set(func() { h.waits.Boot = 6 })
		told("another agent", want...)
	})
}

// TestUntoldIsBounded: an agent that is gone for long is told the newest, in order.
func TestUntoldIsBounded(t *testing.T) {
	us, era := unitstest.New(1, 7), unitstest.Instance("era")
	vote := us.Vote(era, 0, true)
	told, h := told{news: make(chan struct{}, 1)}, &hearer{gone: true}
	for vote.Round = range uint32(mostUntold + 10) {
		told.stores([]casper.Ballot{vote})
		if vote.Round == mostUntold && told.pass(t.Context(), h) == nil {
			t.Error("told to nobody")
		}
	}
	h.gone = false
	if err := told.pass(t.Context(), h); err != nil || len(h.kept) != mostUntold || h.kept[0].Round != 10 ||
		h.kept[mostUntold-1] != vote {
		t.Errorf("%d are told: %v", len(h.kept), err)
	}
}
