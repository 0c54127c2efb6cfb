package raftstore

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/hashicorp/raft"

	"casper-cosigner/rule/held"
	"casper-cosigner/rule/machine"
)

// rerunAtMost is how many entries may stand after the applied ones when the rule's own state is
// made anew, on which the library's loops wait. With more, a moment later there are fewer.
const rerunAtMost = 512

// own is what this member's own log holds, by the rule of package held: applied, or only stored.
// The fsm's mutex guards it, so that both are of one moment.
//
// What is stored comes from the library's main loop alone (hashicorp/raft 1.7.3, raft.go): on a
// follower appendEntries calls StoreLogs, on a leader dispatchLogs, and it is durable when that
// returns. Before it, appendEntries has put the leader's term on disk (setCurrentTerm) and noted
// who sent it (setLeader); runCandidate has noted the own name. Entries keep the term of the leader
// that made them. An entry that conflicts goes by DeleteRange, with all after it, before what the
// leader has in its place is stored. What is applied comes from another goroutine of the library
// (fsm.go, runFSM), always after it was stored.
type own struct {
	log    *held.Log
	fresh  fresh
	asking map[*asking]struct{}
	disk   *logStore                 // nil in tests of the fsm alone
	raft   atomic.Pointer[raft.Raft] // nil until it runs; not guarded
}

// asking is a claim that is judged anew whenever something changes.
type asking struct {
	claim  held.Claim
	answer held.Answer
	done   chan struct{} // closed once the answer will not change any more
}

// follow takes up what is on disk when the store is opened, and from then on all that is written.
// What the log amounts to is known once the library has applied the first of it.
func (f *fsm) follow(disk *logStore) error {
	term, _, err := disk.terms()
	if err != nil {
		return err
	}
	last, err := disk.LastIndex()
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.own.log.Begin(term, last)
	f.own.disk, disk.fsm, f.first = disk, f, disk.first
	return nil
}

// sender returns whom the library has noted as the leader, before it calls StoreLogs.
func (o *own) sender() string {
	r := o.raft.Load()
	if r == nil {
		return ""
	}
	_, id := r.LeaderWithID()
	return string(id)
}

// applies notes on disk that entries up to index are about to be applied.
func (o *own) applies(index uint64) error {
	if o.disk == nil {
		return nil
	}
	return o.disk.applies(index)
}

// replaced notes that a snapshot took the place of the whole log. One that is read when the store
// is opened does not.
func (o *own) replaced() {
	if o.disk != nil && o.raft.Load() != nil {
		o.disk.replaced.Store(true)
	}
}

// entered is told of a term that is on disk.
func (f *fsm) entered(term uint64) {
	f.note(func(o *own) { o.log.Enter(term) })
}

// stored is told of entries that are on disk.
func (f *fsm) stored(logs []*raft.Log) {
	if f == nil {
		return
	}
	entries, sound, from := make([]held.Entry, len(logs)), true, f.own.sender()
	for i, l := range logs { // not with the mutex held
		var err error
		entries[i], err = read(l)
		entries[i].From = from
		sound = sound && err == nil
	}
	f.note(func(o *own) {
		for i, e := range entries {
			o.log.Store(e)
			o.fresh.keep(logs[i].Data, e)
		}
		if !sound { // the store ends when it comes to be applied
			o.log.Lose()
		}
		f.rerun()
	})
}

// deletes is told of entries that are about to be deleted. Those that a snapshot stands for change
// nothing.
func (f *fsm) deletes(first, last uint64) {
	f.note(func(o *own) {
		if last >= o.log.Last() {
			o.log.Cut(first)
		}
	})
}

// note changes what is known of the log, and answers whom that concerns.
func (f *fsm) note(change func(*own)) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.own)
	f.answer()
}

func read(l *raft.Log) (held.Entry, error) {
	e := held.Entry{Index: l.Index, Term: l.Term}
	if l.Type != raft.LogCommand {
		return e, nil
	}
	var err error
	e.Command, e.Version, err = machine.Decode(l.Data)
	return e, err
}

// rerun makes the rule's own state anew if it is not known, and as soon as that is little work. mu
// is held: nothing is applied or deleted meanwhile.
func (f *fsm) rerun() {
	last := f.own.log.Last()
	if f.own.log.Known() || f.own.disk == nil || last > f.index+rerunAtMost || f.halt.stopped() {
		return
	}
	tail, err := f.own.tail(f.index+1, last)
	if err != nil {
		return // an entry that cannot be read or understood ends the store when it is applied
	}
	f.own.log.Rerun(f.state, tail)
}

// tail reads entries from the disk.
func (o *own) tail(from, to uint64) (tail []held.Entry, err error) {
	// After a snapshot the first entries may be missing that are no commands: the fsm is not told
	// of them, so it counts as if they were yet to come.
	first, err := o.disk.FirstIndex()
	if err != nil {
		return nil, err
	}
	for i := max(from, first); i <= to; i++ {
		var l raft.Log
		if err := o.disk.GetLog(i, &l); err != nil {
			return nil, err
		}
		e, err := read(&l)
		if err != nil {
			return nil, err
		}
		tail = append(tail, e)
	}
	return tail, nil
}

// answer judges what is being asked. mu is held.
func (f *fsm) answer() {
	for a := range f.own.asking {
		if a.answer = f.own.log.Judge(f.state, a.claim); a.answer != held.Waits {
			close(a.done)
			delete(f.own.asking, a)
		}
	}
}

// await returns what the own log says to a claim, once that is settled.
func (f *fsm) await(ctx context.Context, c held.Claim) (held.Answer, error) {
	a := &asking{claim: c, done: make(chan struct{})}
	f.mu.Lock()
	if a.answer = f.own.log.Judge(f.state, c); a.answer != held.Waits {
		f.mu.Unlock()
		return a.answer, nil
	}
	f.own.asking[a] = struct{}{}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.own.asking, a)
		f.mu.Unlock()
	}()
	select {
	case <-a.done:
		return a.answer, nil
	case <-ctx.Done():
		return held.Waits, fmt.Errorf("waiting for the log: %w", ctx.Err())
	case <-f.halt.done:
		return held.Waits, fmt.Errorf("waiting for the log: %w", f.halt.err)
	}
}

// Await returns what this member's own log says to a claim, by the rule of package held: at once if
// that is settled, else when it is; with an error if ctx or the store ends before.
func (s *Store) Await(ctx context.Context, c held.Claim) (held.Answer, error) {
	return s.fsm.await(ctx, c)
}

// Applied returns the index of the last command that is applied here.
func (s *Store) Applied() uint64 { return s.fsm.seen() }
