package raftstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"

	"casper-cosigner/rule/machine"
)

// cachedEntries is how many of the last log entries are kept in memory for the followers.
const cachedEntries = 512

// Store is one member's copy of the log and of the state that it amounts to. Open makes one; Run
// leads when elected; Close ends it. Its methods may be called concurrently.
type Store struct {
	cfg  Config
	log  zerolog.Logger
	halt *halt
	disk *disk
	fsm  *fsm
	raft *raft.Raft
	net  lines

	timing atomic.Pointer[Timing] // that holds now

	wake     chan struct{} // something about the leadership may have changed
	observer *raft.Observer
	ready    atomic.Uint64 // term in which this member led and its barrier passed
	handing  atomic.Bool   // a hand-over is going on

	mu         sync.Mutex             // guards all below
	standBack  time.Time              // until when to hand over again if elected
	stoodBack  time.Time              // when that was last done
	previous   raft.ServerID          // who led last, this member aside
	failing    map[raft.ServerID]bool // peers whose last heartbeat failed
	closing    bool
	proposals  sync.WaitGroup // added to with mu held and closing unset
	held       bool           // a command, when the log was opened
	closeOnce  sync.Once
	closeError error
}

// Open opens the log, starts it on the first run of the state directory, and takes part in
// elections from then on. It returns a *LostStateError for a directory that has run before and
// has no sound log.
func Open(c Config) (*Store, error) {
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("opening the Raft store: %w", err)
	}
	if c.compaction == (compaction{}) {
		c.compaction = defaultCompaction()
	}
	if c.pipelineFrom == 0 {
		c.pipelineFrom = pipelineFrom
	}
	s := &Store{
		cfg: c, log: c.Log, halt: newHalt(c.Fatal), wake: make(chan struct{}, 1),
		failing: map[raft.ServerID]bool{},
	}
	s.timing.Store(&c.Timing)
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("opening the Raft store: %w", err)
	}
	return s, nil
}

func (s *Store) open() error {
	l := newHCLogger(s.cfg.Log, s.cfg.Now)
	var err error
	if s.disk, err = openDisk(s.cfg, s.halt, l); err != nil {
		return err
	}
	if s.held, err = s.disk.holdsCommands(); err != nil {
		return errors.Join(err, s.disk.log.Close())
	}
	if s.cfg.FirstRun {
		if err := s.cfg.EndFirstRun(); err != nil {
			return errors.Join(fmt.Errorf("ending the first run: %w", err), s.disk.log.Close())
		}
	}
	if s.cfg.NoteStart != nil {
		if err := s.cfg.NoteStart(s.disk.last); err != nil {
			return errors.Join(err, s.disk.log.Close())
		}
	}
	s.fsm = newFSM(s.cfg, s.halt, s.disk.last)
	if err := s.fsm.follow(s.disk.log); err != nil {
		return errors.Join(err, s.disk.log.Close())
	}
	cache, err := raft.NewLogCache(cachedEntries, s.disk.log)
	if err != nil {
		return errors.Join(err, s.disk.log.Close())
	}
	stream := newStream(s.cfg, s.Indexes, s.founded)
	s.net = newLines(stream, s.cfg, l, hearing{leader: s.fsm.sender, refusals: s.disk.log.refusals})
	s.raft, err = raft.NewRaft(s.cfg.raft(l), s.fsm, cache, s.disk.log, s.disk.snapshots, s.net)
	if err != nil {
		return errors.Join(err, s.net.Close(), s.disk.log.Close())
	}
	s.fsm.own.raft.Store(s.raft)
	if err := s.cfg.Voters.check(s.raft.GetConfiguration().Configuration()); err != nil {
		return errors.Join(err, s.Close())
	}
	s.observer = raft.NewObserver(nil, false, s.observe)
	s.raft.RegisterObserver(s.observer)
	stream.start()
	return nil
}

// Timing returns how long this member waits for others now.
func (s *Store) Timing() Timing { return *s.timing.Load() }

// Retime changes the timers of this member while it runs, whether it leads or follows: heartbeat
// and election, which must be no shorter than the lease. Members need not do so together: one with
// shorter timers only stands for election sooner, and the others refuse it while they hear a
// leader.
func (s *Store) Retime(to time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	reload := s.raft.ReloadableConfig()
	reload.HeartbeatTimeout, reload.ElectionTimeout = to, to
	if err := s.raft.ReloadConfig(reload); err != nil {
		return fmt.Errorf("changing the timers: %w", err)
	}
	t := s.Timing()
	t.Heartbeat, t.Election = to, to
	s.timing.Store(&t)
	return nil
}

// View calls f with the state as it is applied here; on a leader of which Leader says Self it holds
// everything committed before its term. f must neither change the state nor keep it, and be quick:
// entries wait meanwhile.
func (s *Store) View(f func(*machine.State)) {
	s.fsm.mu.RLock()
	defer s.fsm.mu.RUnlock()
	f(s.fsm.state)
}

// founded reports whether the log has its Genesis.
func (s *Store) founded() (ok bool) {
	s.View(func(m *machine.State) { ok = m.Started() })
	return ok
}

// Indexes returns the index of the last log entry and of the last one that was handed over to be
// applied. Both are on this member's disk.
func (s *Store) Indexes() (last, applied uint64) {
	applied = s.raft.AppliedIndex()
	return s.raft.LastIndex(), applied
}

// AdvancedAt returns when, by this member's clock, the newest era and the newest height were last
// raised. What was already on disk at Open or came with a snapshot counts from its leader's stamp,
// or from when it was read if that is earlier. Both are zero before Genesis.
func (s *Store) AdvancedAt() (era, height time.Time) {
	s.fsm.mu.RLock()
	defer s.fsm.mu.RUnlock()
	return s.fsm.era, s.fsm.height
}

// Writes returns how many durable writes of the log and the votes were made since Open; each is at
// least one fsync.
func (s *Store) Writes() uint64 { return s.disk.log.writes.Load() }

// Close hands over if this member leads, lets what was proposed finish, and ends the store. Run may
// have ended before or not. A second call does nothing.
func (s *Store) Close() error {
	s.closeOnce.Do(func() { s.closeError = s.close() })
	return s.closeError
}

func (s *Store) close() error {
	if err := s.HandOver(); err != nil && !errors.Is(err, ErrNotLeader) {
		s.log.Warn().Err(err).Msg("stopping without a hand-over")
	}
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	// The library forgets what is still queued when it stops, so it is given the time to answer: at
	// most two elections, by which a leader without a majority has stepped down.
	ctx, cancel := context.WithTimeout(context.Background(), 2*s.Timing().Election)
	defer cancel()
	go func() {
		s.proposals.Wait()
		cancel()
	}()
	<-ctx.Done()

	stopped := s.raft.Shutdown()
	// The connections go first, or the library would wait for answers on them.
	err := s.net.Close()
	return errors.Join(err, stopped.Error(), s.disk.log.Close())
}
