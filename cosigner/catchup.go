package cosigner

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

const (
	pruneEvery   = time.Second            // how often the ledger follows the log's pruned mark
	catchUpRetry = 100 * time.Millisecond // between two attempts to catch up
	catchUpLimit = 5 * time.Second        // for one of them
)

// Log is the replicated log as a cosigner catches up with it.
type Log interface {
	// Barrier must return an index up to which the log holds every claim made so far, whoever leads.
	Barrier(ctx context.Context) (uint64, error)
	// WaitApplied must return nil only once the entry with the index is applied here.
	WaitApplied(ctx context.Context, index uint64) error
	// View must call f with the state as it is applied here. f neither changes nor keeps it,
	// and is quick.
	View(f func(*machine.State))
}

// Run catches up with the log and then opens the gate; all the while it lets the ledger
// forget what the log has forgotten, also on a cosigner that is never asked for a share. It
// returns when ctx ends.
func (s *Server) Run(ctx context.Context) error {
	var g errgroup.Group
	g.Go(func() error { s.becomeReady(ctx); return nil })
	g.Go(func() error { s.followPruned(ctx); return nil })
	return g.Wait()
}

// becomeReady lets shares out once this cosigner knows every claim that was ever made: it passes
// a barrier, then fills its ledger from the log. Until then its own ledger may lack what the
// others saw it sign.
func (s *Server) becomeReady(ctx context.Context) {
	tick := time.NewTicker(catchUpRetry)
	defer tick.Stop()
	for {
		err := s.catchUp(ctx)
		if err == nil {
			s.openGate()
			s.config.Logger.Info().Msg("ready to give shares")
			return
		}
		s.config.Logger.Debug().Err(err).Msg("not ready to give shares yet")
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpLimit)
	defer cancel()
	index, err := s.config.Log.Barrier(ctx)
	if err != nil {
		return err
	}
	if err := s.config.Log.WaitApplied(ctx, index); err != nil {
		return err
	}
	s.following.Lock()
	defer s.following.Unlock()
	log := look(s.config.Log, true)
	if !log.started {
		return errors.New("the cluster has not started: all cosigners must meet once")
	}
	if err := s.follow(log); err != nil {
		return err
	}
	differing, err := s.config.Ledger.Fill(log.all())
	if differing > 0 {
		s.config.Logger.Error().Int("slots", differing).
			Msg("ALARM: ledger and log hold different values; this cosigner gives no share for those slots")
	}
	return err
}

// logged is what the log holds and how far it has come.
type logged struct {
	started bool
	pruned  watermark.Mark
	reset   watermark.Reset
	slots   []slotDigest
}

type slotDigest struct {
	slot   casper.Slot
	digest casper.Hash
}

// look reads the log's marks, and its slots if they are wanted.
func look(log Log, slots bool) (l logged) {
	log.View(func(m *machine.State) {
		if l.started = m.Started(); !l.started {
			return
		}
		l.pruned, l.reset = m.Table().Pruned(), m.LastReset()
		if !slots {
			return
		}
		l.slots = make([]slotDigest, 0, m.Table().Len())
		for slot, c := range m.Table().All() {
			l.slots = append(l.slots, slotDigest{slot, casper.Digest(c.Message)})
		}
	})
	return l
}

// all yields the slots.
func (l logged) all() iter.Seq2[casper.Slot, casper.Hash] {
	return func(yield func(casper.Slot, casper.Hash) bool) {
		for _, s := range l.slots {
			if !yield(s.slot, s.digest) {
				return
			}
		}
	}
}

// heights yields the slots of heights from that one on.
func (l logged) heights(from uint64) iter.Seq2[casper.Slot, casper.Hash] {
	return func(yield func(casper.Slot, casper.Hash) bool) {
		for slot, digest := range l.all() {
			if slot.OfHeight() && slot.Height >= from && !yield(slot, digest) {
				return
			}
		}
	}
}

// errReadBack says that the log shows marks of before a reset that the ledger has made.
var errReadBack = errors.New("the log has not come to the last reset of the heights yet")

// follow brings the ledger's floor after the log's marks. following is held since before the log
// was read: an older look would raise the floor again that a reset has lowered.
func (s *Server) follow(log logged) error {
	ledger := s.config.Ledger
	switch have := ledger.Resets(); {
	case log.reset.Count < have:
		return errReadBack
	case log.reset.Count > have:
		// The log alone may not lower anything here: one hostile leader writes it.
		if err := s.config.VerifyReset(log.reset); err != nil {
			s.tellReset(log.reset, err)
			return ledger.Prune(watermark.Mark{Era: log.pruned.Era})
		}
		frees, err := ledger.Reset(log.reset.Of(s.config.Name))
		if err != nil {
			return err
		}
		s.tellMade(log.reset, frees)
	}
	return ledger.Prune(log.pruned)
}

// tellMade tells of a reset that the ledger has followed, and that it has kept all if it does not
// free what it may.
func (s *Server) tellMade(r watermark.Reset, frees bool) {
	level, told := zerolog.WarnLevel,
		"the heights were reset by an operator: what this ledger held in this range when he looked may be signed again"
	if !frees {
		level, told = zerolog.ErrorLevel, "ALARM: the log resets the heights for a restart of the network that is not after "+
			"that of the last reset here: this ledger keeps all that it holds. No log takes a second one, so a cosigner that "+
			"led made a log up: find out which, and why an operator signed twice"
	}
	s.config.Logger.WithLevel(level).Uint64("height", r.Height).Uint64("until", r.Until).Stringer("network", r.Network).
		Uint64("resets", r.Count).Str("operator", r.Operator).Str("reason", r.Reason).Msg(told)
}

// tellReset tells once of a reset that is not followed.
func (s *Server) tellReset(r watermark.Reset, err error) {
	if s.told < r.Count {
		s.told = r.Count
		s.config.Logger.Error().Err(err).Uint64("height", r.Height).Uint64("resets", r.Count).Str("operator", r.Operator).
			Msg("ALARM: the log resets the heights, and no operator of this cluster file signed that for this founding: this " +
				"ledger keeps them, and no height is signed here")
	}
}

// Holds returns which heights the ledger holds from that one on, once it was brought after the log:
// a ledger holds what it was asked a share for, and an operator is to see all that is bound. If it
// cannot follow the log it says what it has.
func (s *Server) Holds(from uint64) watermark.Seen {
	s.following.Lock()
	defer s.following.Unlock()
	log := look(s.config.Log, true)
	if log.started {
		err := s.follow(log)
		if err == nil {
			_, err = s.config.Ledger.Fill(log.heights(from))
		}
		if err != nil && !errors.Is(err, errReadBack) {
			s.config.Logger.Error().Err(err).Msg("bringing the ledger after the log, for an operator who asks what it holds")
		}
	}
	return s.config.Ledger.SeenFrom(from)
}

func (s *Server) followPruned(ctx context.Context) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		s.following.Lock()
		log := look(s.config.Log, false)
		var err error
		if log.started {
			err = s.follow(log)
		}
		s.following.Unlock()
		if err != nil && !errors.Is(err, errReadBack) {
			s.config.Logger.Error().Err(err).Msg("bringing the ledger after the log's marks")
		}
	}
}
