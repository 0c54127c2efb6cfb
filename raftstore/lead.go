package raftstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

// Leadership is who leads, as far as this member knows.
type Leadership struct {
	Name string // empty if nobody is known to lead
	Term uint64
	// Self is set when this member leads, the log has its Genesis, and everything committed before
	// this term is applied here. It is not set while it hands over, nor once its memory is lost.
	Self bool
}

// Leader returns who leads.
func (s *Store) Leader() Leadership {
	leading, term, name := s.role()
	return Leadership{
		Name: name, Term: term,
		Self: leading && s.ready.Load() == term && !s.handing.Load() && !s.halt.stopped() && s.lost() == nil,
	}
}

// lost returns why this member's memory is lost.
func (s *Store) lost() error {
	if s.cfg.Lost == nil {
		return nil
	}
	return s.cfg.Lost()
}

// role returns whether this member leads, in which term, and who leads, all of one moment: a member
// that was deposed leaves its state before it takes the new term, so an unchanged term belongs to
// the state between.
func (s *Store) role() (leading bool, term uint64, leader string) {
	for {
		term = s.raft.CurrentTerm()
		leading = s.raft.State() == raft.Leader
		_, id := s.raft.LeaderWithID()
		if s.raft.CurrentTerm() == term {
			return leading, term, string(id)
		}
	}
}

// observe is called by the library with what happens to it. It must not block.
func (s *Store) observe(o *raft.Observation) bool {
	switch e := o.Data.(type) {
	case raft.FailedHeartbeatObservation:
		s.setFailing(e.PeerID, true)
	case raft.ResumedHeartbeatObservation:
		s.setFailing(e.PeerID, false)
	case raft.RaftState:
		s.poke()
	case raft.LeaderObservation:
		s.setPrevious(e.LeaderID)
		s.poke()
	}
	return false
}

func (s *Store) setPrevious(leader raft.ServerID) {
	if leader == "" || leader == raft.ServerID(s.cfg.Name) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.previous = leader
}

func (s *Store) setFailing(peer raft.ServerID, failing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing[peer] = failing
}

func (s *Store) poke() {
	select {
	case s.wake <- struct{}{}:
	default: // one is pending, and whoever takes it reads everything anew
	}
}

// Run makes this member fit to lead whenever it is elected, and returns when ctx ends, or with the
// error that was fatal. It must be called once.
func (s *Store) Run(ctx context.Context) error {
	var leading uint64 // the term that lead runs for, 0 for none
	stop := func() {}
	defer func() { stop() }()
	for {
		elected, term, _ := s.role()
		if !elected {
			term = 0
		}
		if term != leading {
			stop()
			leading, stop = term, func() {}
			if elected {
				stop = s.start(ctx, term)
			}
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil
		case <-s.halt.done:
			return s.halt.err
		}
	}
}

// start runs lead until it ends by itself or is stopped.
func (s *Store) start(ctx context.Context, term uint64) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.lead(ctx, term)
	}()
	return func() {
		cancel()
		<-done
	}
}

// lead makes this member fit to lead in the term, or gives the term away again if it stands back.
func (s *Store) lead(ctx context.Context, term uint64) {
	if s.standsBack() {
		err := s.HandOver()
		if err == nil {
			return
		}
		s.log.Warn().Err(err).Uint64("term", term).Msg("leading although standing back: no other cosigner takes over")
	}
	for ctx.Err() == nil {
		err := s.prepare(ctx)
		if err == nil {
			s.ready.Store(term)
			s.log.Info().Uint64("term", term).Msg("leading")
			s.poke()
			return
		}
		s.log.Debug().Err(err).Uint64("term", term).Msg("not fit to lead yet")
		select {
		case <-time.After(s.Timing().Heartbeat / 10):
		case <-ctx.Done():
		}
	}
}

// prepare returns once all that was committed before is applied and the log has its Genesis.
func (s *Store) prepare(ctx context.Context) error {
	if _, err := s.barrier(ctx); err != nil {
		return err
	}
	if s.founded() {
		return nil
	}
	genesis, err := s.genesis(ctx)
	if err != nil {
		return fmt.Errorf("preparing the first entry: %w", err)
	}
	result, err := s.propose(ctx, genesis)
	if err != nil {
		return err
	}
	s.log.Info().Uint64("era", genesis.First.Era).Uint64("height", genesis.First.Height).Stringer("outcome",
		result.Outcome).
		Msg("Genesis")
	return nil
}

// HandOver makes another member lead and returns once this one does not. It takes about one round
// trip, or for each member that does not take over up to an election timeout; commands are answered
// ErrNotLeader meanwhile.
func (s *Store) HandOver() error { return s.handOver(s.successors) }

// HandOverTo does the same with the named member alone. It does not try one whose heartbeat failed:
// that would only keep commands waiting.
func (s *Store) HandOverTo(name string) error {
	if !slices.Contains(s.cfg.Voters.but(s.cfg.Name), name) {
		return fmt.Errorf("handing over: there is no other member %q", name)
	}
	peer := raft.ServerID(name)
	s.mu.Lock()
	failing := s.failing[peer]
	s.mu.Unlock()
	if failing {
		return fmt.Errorf("handing over: %s does not answer heartbeats", name)
	}
	return s.handOver(func() []raft.ServerID { return []raft.ServerID{peer} })
}

func (s *Store) handOver(successors func() []raft.ServerID) error {
	if leading, _, _ := s.role(); !leading {
		return ErrNotLeader
	}
	if !s.handing.CompareAndSwap(false, true) {
		return errors.New("handing over: it is being done already")
	}
	defer s.poke()
	defer s.handing.Store(false)
	var failed error
	for _, peer := range successors() {
		err := s.transfer(peer)
		if leading, _, _ := s.role(); !leading {
			return nil
		}
		failed = errors.Join(failed, fmt.Errorf("to %s: %w", peer, err))
	}
	return fmt.Errorf("handing over: %w", failed)
}

// transfer hands over to one member. The library answers before it is ready for the next attempt.
func (s *Store) transfer(peer raft.ServerID) error {
	tooLong := time.After(s.Timing().Election + s.cfg.Timing.Network)
	for {
		err := s.raft.LeadershipTransferToServer(peer, raft.ServerAddress(peer)).Error()
		if !errors.Is(err, raft.ErrLeadershipTransferInProgress) {
			return err
		}
		select {
		case <-tooLong:
			return err
		case <-time.After(s.Timing().Heartbeat / 10):
		}
	}
}

// successors returns the other members, best first: the one that led before may have had its reason
// to hand over, and one whose heartbeat failed may not be there. The library's own choice knows
// neither; given one that is not there, it refuses commands until the call to it times out.
func (s *Store) successors() []raft.ServerID {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []raft.ServerID
	for _, name := range s.cfg.Voters.but(s.cfg.Name) {
		ids = append(ids, raft.ServerID(name))
	}
	demerits := func(id raft.ServerID) int {
		n := 0
		if id == s.previous {
			n++
		}
		if s.failing[id] {
			n += 2
		}
		return n
	}
	slices.SortStableFunc(ids, func(a, b raft.ServerID) int { return demerits(a) - demerits(b) })
	return ids
}

// StandBack makes this member hand over again whenever it is elected within d, unless no other
// takes over or it did so only a moment ago: two that stand back must not pass the lead to and fro.
func (s *Store) StandBack(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.standBack = s.cfg.Now().Add(d)
}

// standsBack reports whether to hand over at this election, and counts it as done.
func (s *Store) standsBack() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	if !now.Before(s.standBack) || now.Sub(s.stoodBack) < 10*s.Timing().Election {
		return false
	}
	s.stoodBack = now
	return true
}
