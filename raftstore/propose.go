package raftstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/raft"

	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
)

// ErrNotLeader is returned where only a leader can serve: this member does not lead, or not yet, or
// hands over or stops. Nothing was proposed.
var ErrNotLeader = errors.New("this cosigner does not lead")

// ErrUnknown is returned by Apply when the command was proposed and it is not known whether it is,
// or will be, in the log. It may be proposed again: that is what the state machine is made for.
var ErrUnknown = errors.New("it is not known whether the command was committed")

// Apply proposes a command and returns what it did once it is committed and applied here. The error
// is ErrNotLeader or, if ctx had already ended or the command cannot be encoded, another that is
// not ErrUnknown: nothing was proposed. Or it is ErrUnknown: leadership was lost, ctx ended or the
// store stopped after it was proposed.
func (s *Store) Apply(ctx context.Context, c machine.Command) (machine.Result, error) {
	if !s.Leader().Self {
		return machine.Result{}, ErrNotLeader
	}
	return s.propose(ctx, c)
}

// ApplyWithout is Apply of an entry that the named members need not be able to read, since an
// operator knows that they are lost or hostile. One of them that runs an older release ends at the
// entry, and at each start after it.
func (s *Store) ApplyWithout(ctx context.Context, c machine.Command, names []string) (machine.Result, error) {
	if !s.Leader().Self {
		return machine.Result{}, ErrNotLeader
	}
	return s.propose(ctx, c, names...)
}

// Unshown returns the other members that did not show, lately or since they were started, that they
// can read the newest version.
func (s *Store) Unshown() (names []string) {
	for _, name := range s.cfg.Voters.but(s.cfg.Name) {
		if p, _ := s.cfg.Network.Presences.Seen(name); p.Version < machine.Version {
			names = append(names, name)
		}
	}
	return names
}

// Version returns the version of the state machine in which this member writes entries now: the
// highest that all have shown, lately or since they were started, that they can read. Once an entry
// of it is in the log it does not go back.
func (s *Store) Version() uint32 { return s.version(nil) }

// version is Version, whatever some have shown.
func (s *Store) version(without []string) (version uint32) {
	s.View(func(m *machine.State) { version = m.Version() })
	own := s.cfg.Network.Presences.Presence(s.Indexes()).Version
	shown := []uint32{own}
	for _, name := range s.cfg.Voters.but(s.cfg.Name) {
		if p, _ := s.cfg.Network.Presences.Seen(name); !slices.Contains(without, name) {
			shown = append(shown, p.Version)
		}
	}
	return machine.InForce(version, shown...)
}

// Next returns where an entry that is proposed now would stand at the earliest. On a leader nothing
// is committed that is not below it.
func (s *Store) Next() machine.Place {
	return machine.Place{Index: s.raft.LastIndex() + 1, Version: s.Version()}
}

func (s *Store) propose(ctx context.Context, c machine.Command, without ...string) (machine.Result, error) {
	result, err := s.proposeIn(ctx, s.version(without), c)
	if err == nil && result.Why == refusal.OldVersion {
		// Another one overtook it, which was the first of the next version.
		result, err = s.proposeIn(ctx, s.version(without), c)
	}
	return result, err
}

func (s *Store) proposeIn(ctx context.Context, version uint32, c machine.Command) (machine.Result, error) {
	b, err := machine.Encode(c, version)
	if err == nil {
		// An entry that cannot be decoded would stop every member, for good.
		_, _, err = machine.Decode(b)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return machine.Result{}, fmt.Errorf("proposing %T: %w", c, err)
	}
	response, err := s.enqueue(ctx, func() raft.ApplyFuture { return s.raft.Apply(b, 0) })
	if err != nil {
		return machine.Result{}, err
	}
	result, ok := response.(machine.Result)
	if !ok {
		return machine.Result{}, fmt.Errorf("%w: the store has stopped", ErrUnknown)
	}
	return result, nil
}

// enqueue gives the library something to commit and waits for it. Errors are ErrNotLeader
// and ErrUnknown.
func (s *Store) enqueue(ctx context.Context, propose func() raft.ApplyFuture) (any, error) {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return nil, ErrNotLeader
	}
	s.proposals.Add(1)
	s.mu.Unlock()

	type answer struct {
		response any
		err      error
	}
	answered := make(chan answer, 1)
	go func() {
		defer s.proposals.Done()
		f := propose()
		err := f.Error()
		answered <- answer{response: f.Response(), err: err}
	}()
	select {
	case a := <-answered:
		return a.response, outcome(a.err)
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnknown, context.Cause(ctx))
	case <-s.halt.done:
		return nil, fmt.Errorf("%w: %w", ErrUnknown, s.halt.err)
	}
}

// outcome names the library's errors. The two that mean "not proposed" are returned only before an
// entry is written (hashicorp/raft raft.go, runFollower, runCandidate, leaderLoop); about any other
// nothing can be said.
func outcome(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return ErrNotLeader
	}
	return fmt.Errorf("%w: %w", ErrUnknown, err)
}

// Barrier returns an index such that who has waited for it with WaitApplied has applied every
// command that was committed before the call. It commits an entry of its own; the library's cheaper
// check of leadership counts answers to earlier messages. Only the leader can tell: others get
// ErrNotLeader, and ErrUnknown means to ask again.
func (s *Store) Barrier(ctx context.Context) (uint64, error) {
	if !s.Leader().Self {
		return 0, ErrNotLeader
	}
	return s.barrier(ctx)
}

func (s *Store) barrier(ctx context.Context) (uint64, error) {
	_, err := s.enqueue(ctx, func() raft.ApplyFuture { return barrierFuture{s.raft.Barrier(0)} })
	if err != nil {
		return 0, err
	}
	// Not the barrier's own index: a member's state machine is not told of barriers.
	return s.fsm.seen(), nil
}

// barrierFuture is a raft.ApplyFuture without a response or an index.
type barrierFuture struct{ raft.Future }

func (barrierFuture) Index() uint64 { return 0 }
func (barrierFuture) Response() any { return nil }

// WaitApplied returns once the entry with the index is applied here.
func (s *Store) WaitApplied(ctx context.Context, index uint64) error { return s.fsm.wait(ctx, index) }
