package cosigner

import (
	"context"
	"errors"
	"iter"
	"time"

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
	slots, pruned, started := contents(s.config.Log)
	if !started {
		return errors.New("the cluster has not started: all cosigners must meet once")
	}
	if err := s.config.Ledger.Prune(pruned); err != nil {
		return err
	}
	differing, err := s.config.Ledger.Fill(slots)
	if differing > 0 {
		s.config.Logger.Error().Int("slots", differing).
			Msg("ALARM: ledger and log hold different values; this cosigner gives no share for those slots")
	}
	return err
}

// contents returns what the log holds.
func contents(log Log) (slots iter.Seq2[casper.Slot, casper.Hash], pruned watermark.Mark, started bool) {
	type entry struct {
		slot   casper.Slot
		digest casper.Hash
	}
	var all []entry
	log.View(func(m *machine.State) {
		if started = m.Started(); !started {
			return
		}
		pruned = m.Table().Pruned()
		all = make([]entry, 0, m.Table().Len())
		for slot, c := range m.Table().All() {
			all = append(all, entry{slot, casper.Digest(c.Message)})
		}
	})
	return func(yield func(casper.Slot, casper.Hash) bool) {
		for _, a := range all {
			if !yield(a.slot, a.digest) {
				return
			}
		}
	}, pruned, started
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
		var pruned watermark.Mark
		s.config.Log.View(func(m *machine.State) {
			if m.Started() {
				pruned = m.Table().Pruned()
			}
		})
		if err := s.config.Ledger.Prune(pruned); err != nil {
			s.config.Logger.Error().Err(err).Msg("pruning the ledger")
		}
	}
}
