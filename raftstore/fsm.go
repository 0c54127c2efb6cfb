package raftstore

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"casper-cosigner/rule/held"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// fsm lets the Raft library drive a machine.State. It decides nothing; it adds the index of the
// last entry it saw and the local time of the last advances, neither of which the state depends on.
type fsm struct {
	halt   *halt
	now    func() time.Time
	first  watermark.Mark // first era and height that this member may sign
	signed func(watermark.Reset) error
	onDisk uint64 // entries up to here were on disk when the store was opened

	mu      sync.RWMutex // guards all below
	state   *machine.State
	index   uint64 // last command or configuration seen
	era     time.Time
	height  time.Time
	waiting map[*waiter]struct{}
	own     own
}

// waiter waits until the entry with its index was seen.
type waiter struct {
	index uint64
	done  chan struct{}
}

func newFSM(c Config, h *halt, onDisk uint64) *fsm {
	return &fsm{
		halt: h, now: c.Now, onDisk: onDisk, signed: c.VerifyReset,
		state: machine.New(), waiting: map[*waiter]struct{}{},
		own: own{log: held.New(c.Name), asking: map[*asking]struct{}{}},
	}
}

// Apply applies one entry.
func (f *fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch applies entries in order. Their results are machine.Results; an entry that is not a
// command, or comes after one that cannot be decoded, has none.
func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	results := make([]any, len(logs))
	// Before anybody can see what is applied: a start after a crash must know of it.
	err := f.own.applies(logs[len(logs)-1].Index)
	if err == nil {
		err = f.apply(logs, results)
	}
	if err != nil {
		f.halt.stop(err)
	}
	return results
}

func (f *fsm) apply(logs []*raft.Log, results []any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.wake()
	defer f.rerun()
	for i, l := range logs {
		// After a failure the state is that of some prefix of the log; to apply what follows would make
		// it a state that no log has.
		if f.halt.stopped() {
			return nil
		}
		if l.Type == raft.LogCommand {
			e, err := f.own.fresh.take(l)
			if err != nil {
				return fmt.Errorf("applying log entry %d: %w", l.Index, err)
			}
			if g, ok := e.Command.(machine.Genesis); ok && !f.state.Started() {
				if err := mayBegin(g.First, f.first); err != nil {
					return err
				}
			}
			results[i] = f.step(machine.Place{Index: l.Index, Version: e.Version}, e.Command)
		}
		f.index = l.Index
	}
	return nil
}

// step applies one command and notes when it moved a mark.
func (f *fsm) step(p machine.Place, c machine.Command) machine.Result {
	era, height := f.state.Advances()
	result := f.state.ApplyAt(p, c)
	newEra, newHeight := f.state.Advances()
	if newEra != era {
		f.era = f.stamp(p.Index, newEra)
	}
	if newHeight != height {
		f.height = f.stamp(p.Index, newHeight)
	}
	return result
}

// stamp tells when an advance happened by the local clock.
func (f *fsm) stamp(index uint64, a machine.Advance) time.Time {
	now := f.now()
	return a.SeenAt(now, now, index <= f.onDisk)
}

// wake releases those who wait for an index that has been reached, or for an answer that has come.
func (f *fsm) wake() {
	for w := range f.waiting {
		if w.index <= f.index {
			close(w.done)
			delete(f.waiting, w)
		}
	}
	f.answer()
}

// wait returns when the entry with the index has been seen.
func (f *fsm) wait(ctx context.Context, index uint64) error {
	w := &waiter{index: index, done: make(chan struct{})}
	f.mu.Lock()
	f.waiting[w] = struct{}{}
	f.wake()
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.waiting, w)
		f.mu.Unlock()
	}()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for log entry %d: %w", index, ctx.Err())
	case <-f.halt.done:
		return fmt.Errorf("waiting for log entry %d: %w", index, f.halt.err)
	}
}

func (f *fsm) seen() uint64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.index
}

// founded reports whether Genesis is applied.
func (f *fsm) founded() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.state.Started()
}

// sameFounding returns an error for a state of another founding than the own one's: a log has one
// Genesis, and every copy keeps what that was for, or none does.
func (f *fsm) sameFounding(other *machine.State) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if own := f.state.Founded(); f.state.Started() && own != other.Founded() {
		return fmt.Errorf("it is of a cluster that was founded for %+v, and this one was founded for %+v", other.Founded(),
			own)
	}
	return nil
}

// Restore replaces the state by a snapshot's, or fails and changes nothing. The library takes one
// that was under way for long, and is older than what was applied since; others would take this
// process for one that was put back with its memory, for good. A snapshot whose
// checksum held and that still cannot be read was written by a program that knows more than this
// one: the process must end.
func (f *fsm) Restore(r io.ReadCloser) error {
	defer r.Close()
	index, state, err := readSnapshot(bufio.NewReader(r))
	if err != nil {
		f.halt.stop(err)
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if index < f.index {
		return fmt.Errorf("restoring a snapshot of entry %d: entry %d is applied here", index, f.index)
	}
	if err := f.own.applies(index); err != nil {
		f.halt.stop(err)
		return err
	}
	defer f.wake()
	f.index, f.state = index, state
	f.own.log.Lose()
	f.own.replaced()
	if state.Started() {
		era, height := state.Advances()
		f.onDisk = max(f.onDisk, index)
		f.era, f.height = f.stamp(index, era), f.stamp(index, height)
	}
	return nil
}
