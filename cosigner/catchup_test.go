package cosigner

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// copyOfLog is a cosigner's copy of the log, as a test lets it grow.
type copyOfLog struct {
	mu      sync.Mutex
	state   *machine.State
	ahead   []machine.Command // committed, and not applied here yet
	leader  bool              // somebody leads
	asked   int               // barriers
	applied chan struct{}     // closed once what is ahead is applied
}

func newCopyOfLog() *copyOfLog {
	return &copyOfLog{state: machine.New(), applied: make(chan struct{})}
}

func (l *copyOfLog) Barrier(context.Context) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	if !l.leader {
		return 0, errors.New("no leader")
	}
	return 42, nil
}

func (l *copyOfLog) barriers() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked
}

func (l *copyOfLog) WaitApplied(ctx context.Context, index uint64) error {
	if index != 42 {
		return errors.New("that is not what the barrier returned")
	}
	select {
	case <-l.applied:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *copyOfLog) View(f func(*machine.State)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.state)
}

// apply applies what is ahead.
func (l *copyOfLog) apply() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.ahead {
		applyDated(l.state, c)
	}
	l.ahead = nil
	close(l.applied)
}

// applyDated applies the command as an entry that was asked for just before.
func applyDated(s *machine.State, c machine.Command) machine.Result {
	if claim, ok := c.(machine.Claim); ok && (machine.Place{Version: s.Version()}).Dates() {
		claim.AskedAt = 1
		c = claim
	}
	return s.ApplyAt(machine.Place{Index: 2, Version: s.Version()}, c)
}

func (l *copyOfLog) elect() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leader = true
}

func claimOf(m casper.Message) machine.Claim {
	return machine.Claim{Claim: watermark.Claim{Message: m, Node: "A", Signature: testSignature}}
}

// besideLog returns a committee whose first host has that copy of the log, and a gate that is shut.
func besideLog(t *testing.T, log *copyOfLog) (*committee, *Server) {
	t.Helper()
	c := newCommittee(t, 2, 3)
	c.hosts[0].log = log
	c.restart(0)
	s := c.hosts[0].server
	s.gate.Store(false)
	return c, s
}

// run runs the server until the test ends.
func run(t *testing.T, s *Server) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
}

// TestCatchUpAfterRestart: a log that began long ago opens no gate before the barrier is applied:
// it may lack what this cosigner released before it went down.
func TestCatchUpAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newCopyOfLog()
		log.state.Apply(machine.Genesis{First: watermark.Mark{Era: 1}, Active: "A"})
		log.ahead = []machine.Command{claimOf(echo(7, 1))}
		log.elect()
		c, s := besideLog(t, log)
		run(t, s)
		time.Sleep(time.Second)
		if s.Ready() == nil {
			t.Fatal("the gate is open, and the barrier has not been applied")
		}
		log.apply()
		time.Sleep(time.Second)
		if err := s.Ready(); err != nil {
			t.Fatal(err)
		}
		slot, _ := casper.SlotOf(echo(7, 1))
		var conflict *ConflictError
		if err := c.hosts[0].ledger.Claim(slot, digest(9)); !errors.As(err, &conflict) {
			t.Errorf("the ledger took another value than the log's: %v", err)
		}
	})
}

// TestLedgerNotFilled: the gate stays shut while the ledger cannot be filled.
func TestLedgerNotFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newCopyOfLog()
		log.state.Apply(machine.Genesis{Active: "A"})
		log.state.Apply(claimOf(echo(7, 1)))
		log.elect()
		log.apply()
		c, s := besideLog(t, log)
		c.hosts[0].ledger.Close()
		run(t, s)
		time.Sleep(time.Second)
		if s.Ready() == nil {
			t.Error("the gate is open, and the ledger was not filled")
		}
	})
}

// TestCatchUp: no share leaves before somebody leads, its barrier is applied here and the ledger
// holds what the log does.
func TestCatchUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newCopyOfLog()
		log.ahead = []machine.Command{machine.Genesis{First: watermark.Mark{Era: 1}, Active: "A"}, claimOf(echo(7, 1))}
		c, s := besideLog(t, log)
		run(t, s)
		stays := func(why string) {
			t.Helper()
			time.Sleep(time.Second)
			if s.Ready() == nil {
				t.Fatal("the gate is open " + why)
			}
		}
		stays("and nobody leads")
		if n := log.barriers(); n < 5 {
			t.Errorf("asked for a barrier %d times in a second", n)
		}
		log.elect()
		stays("and the barrier has not been applied")
		log.apply()
		time.Sleep(time.Second)
		if err := s.Ready(); err != nil {
			t.Fatal(err)
		}
		slot, _ := casper.SlotOf(echo(7, 1))
		var conflict *ConflictError
		if err := c.hosts[0].ledger.Claim(slot, digest(9)); !errors.As(err, &conflict) {
			t.Errorf("another value for a slot of the log: %v, want a conflict", err)
		}
	})
}

// TestCatchUpBeforeGenesis: a log that has not begun opens no gate.
func TestCatchUpBeforeGenesis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCommittee(t, 2, 3)
		log := newCopyOfLog()
		log.elect()
		log.apply()
		c.hosts[0].log = log
		c.restart(0)
		c.hosts[0].server.gate.Store(false)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := c.hosts[0].server.Run(ctx); err != nil {
			t.Error(err)
		}
		if c.hosts[0].server.Ready() == nil {
			t.Error("the gate is open, and nothing says what may be signed")
		}
	})
}

// TestLedgerOnFirstRun: a ledger is made on a directory's first run and never again.
func TestLedgerOnFirstRun(t *testing.T) {
	config := LedgerConfig{Path: t.TempDir() + "/ledger", First: watermark.Mark{Height: 100}, Fatal: func(err error) {
		t.Error(err)
	}}
	var damaged *DamagedError
	if _, err := OpenLedger(config); !errors.As(err, &damaged) {
		t.Fatalf("a directory that has run and has no ledger: %v, want damaged", err)
	}
	config.FirstRun = true
	for range 2 { // the second time as after a crash before the first run ended
		l, err := OpenLedger(config)
		if err != nil {
			t.Fatal(err)
		}
		slot, _ := casper.SlotOf(finality(99))
		if err := l.Claim(slot, digest(1), 0); !errors.Is(err, ErrBelowFloor) {
			t.Errorf("below the first height: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
