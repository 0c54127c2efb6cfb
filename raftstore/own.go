package raftstore

import (
	"context"
	"fmt"

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
// What is stored comes from the library's main loop alone (hashicorp/raft 1.7.3, raft.go):
// appendEntries on a follower and dispatchLogs on a leader call StoreLogs, which is durable when it
// returns; an entry that conflicts, and all after it, goes by DeleteRange before what the leader
// has in its place is stored; the term is on disk before the first entry is taken that a leader
// sends in it (appendEntries: setCurrentTerm comes first), and the own vote before this member
// stands (electSelf). Entries keep the term of the leader that made them. What is applied comes
// from another goroutine of the library (fsm.go, runFSM), always after it was stored.
type own struct {
	log    held.Log
	disk   *logStore // nil in tests of the fsm alone
	others Voters    // all but this member
	asking map[*asking]struct{}
}

// asking is a claim that is judged anew whenever something changes.
type asking struct {
	claim  held.Claim
	answer held.Answer
	done   chan struct{} // closed once the answer will not change any more
}

// follow takes up what is on disk when the store is opened. What it amounts to is known once the
// library has applied the first of it.
func (f *fsm) follow(disk *logStore, c Config) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.own.disk = disk
	for _, v := range c.Voters {
		if v.Name != c.Name {
			f.own.others = append(f.own.others, v)
		}
	}
	term, _, err := disk.terms()
	if err != nil {
		return err
	}
	f.own.log.Enter(term)
	if voted, candidate, err := disk.vote(); err == nil {
		f.own.vote(voted, candidate)
	} else if !absent(err) {
		return err
	}
	last, err := disk.LastIndex()
	if err != nil || last == 0 {
		disk.fsm = f
		return err
	}
	var l raft.Log
	if err := disk.GetLog(last, &l); err != nil {
		return err
	}
	f.own.log.Store(held.Entry{Index: l.Index, Term: l.Term})
	f.own.log.Lose()
	disk.fsm = f
	return nil
}

// vote notes a vote. Whatever does not name another member is taken for the own name: who takes
// itself for a follower that has led gives shares for what nobody else holds.
func (o *own) vote(term uint64, candidate []byte) {
	for _, v := range o.others {
		if v.Name == string(candidate) {
			return
		}
	}
	o.log.Stand(term)
}

// voted is told of a vote before this member leads by it.
func (f *fsm) voted(term uint64, candidate []byte) {
	f.note(func(o *own) { o.vote(term, candidate) })
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
	entries, sound := make([]held.Entry, len(logs)), true
	for i, l := range logs { // not with the mutex held
		var err error
		entries[i], err = read(l)
		sound = sound && err == nil
	}
	f.note(func(o *own) {
		for _, e := range entries {
			o.log.Store(e)
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
	e.Command, err = machine.Decode(l.Data)
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
