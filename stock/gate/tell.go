package gate

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

const (
	tellEvery = time.Second
	tellIn    = time.Second // longer than that no agent is waited for
	mostMarks = 8           // instances: casper-node has the files of a few eras

	mostUntold = 4096 // messages: what more an agent missed that was away for so long it is not told
	toldAtOnce = 256
)

// Hearer is who is told how the gate is: the node's agent.
type Hearer interface {
	// Era must return the era that an instance is of, or an error if that is not known now.
	Era(ctx context.Context, instance casper.Hash) (uint64, error)
	// Hear must tell what the gate knows, and return how long it may wait for grants.
	Hear(ctx context.Context, w failover.GateWord) (failover.Waits, error)
	// Keep must tell what was granted to the node and is stored.
	Keep(ctx context.Context, own []casper.Ballot) error
}

// marks is what a gate knows of an instance's file. A zero time means never.
type marks struct {
	instance casper.Hash
	era      *uint64 // nil while it is not known
	refused  time.Time
	voted    time.Time
}

// told is what an agent is told, and what it told. Its lock is never held while another one is
// taken.
type told struct {
	news chan struct{} // that there is something to tell at once

	mu     sync.Mutex // guards what follows
	marks  []marks
	waits  failover.Waits
	stored []casper.Ballot // of which the agent was not told
}

// mark changes what is known of an instance, and has it told at once if that is news.
func (t *told) mark(instance casper.Hash, change func(*marks) (news bool)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.marks, func(m marks) bool { return m.instance == instance })
	if i < 0 {
		t.marks = append(t.marks, marks{instance: instance})
		t.marks = t.marks[max(0, len(t.marks)-mostMarks):]
		i = len(t.marks) - 1
	}
	if change(&t.marks[i]) {
		select {
		case t.news <- struct{}{}:
		default: // it will be told
		}
	}
}

// stores notes messages of ours, of one file, that are granted and stored. No signature is told
// before: an agent that has one of a message which was refused could send it.
func (t *told) stores(own []casper.Ballot) {
	t.mu.Lock()
	t.untold(append(t.stored, own...))
	t.mu.Unlock()
	t.mark(own[0].Instance, func(m *marks) bool {
		m.voted = time.Now()
		return true
	})
}

// untold keeps the newest of what is still to be told. The caller holds the lock.
func (t *told) untold(all []casper.Ballot) { t.stored = all[max(0, len(all)-mostUntold):] }

// pass tells what was stored since. What could not be told is told the next time; only Tell does.
func (t *told) pass(ctx context.Context, to Hearer) error {
	for {
		t.mu.Lock()
		some := slices.Clone(t.stored[:min(toldAtOnce, len(t.stored))])
		t.stored = t.stored[len(some):]
		t.mu.Unlock()
		if len(some) == 0 {
			return nil
		}
		if err := to.Keep(ctx, some); err != nil {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.untold(append(some, t.stored...))
			return err
		}
	}
}

// refuses notes that a node's write failed: it casts no vote in that era any more.
func (t *told) refuses(instance casper.Hash) {
	t.mark(instance, func(m *marks) bool {
		m.refused = time.Now()
		return true
	})
}

// saw notes that the file has a message of ours, since then.
func (t *told) saw(instance casper.Hash, at time.Time) {
	t.mark(instance, func(m *marks) (first bool) {
		first, m.voted = m.voted.IsZero(), at
		return first
	})
}

// again has what was stored told once more, before what was stored since.
func (t *told) again(own []casper.Ballot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	own = slices.DeleteFunc(own, func(b casper.Ballot) bool { return slices.Contains(t.stored, b) })
	t.untold(append(own, t.stored...))
}

// Tell tells what the gate knows, each second and when something happens, and heeds how long it may
// wait, until ctx ends. The gate waits for none of it.
func (g *Gate) Tell(ctx context.Context, to Hearer) {
	t := &g.told
	again(ctx, t.news, g.settings.Log, func(ctx context.Context) error {
		waits, err := to.Hear(ctx, t.word(ctx, to))
		if err == nil && t.anew(waits) {
			t.again(g.stored())
		}
		if err == nil && t.heeds(waits) {
			g.settings.Log.Info().Dur("first", waits.First).Dur("later", waits.Later).
				Msg("so long messages wait to be granted")
		}
		if err != nil {
			return err
		}
		return t.pass(ctx, to)
	})
}

// anew reports whether that is the first word of an agent, or of one that was started anew.
func (t *told) anew(w failover.Waits) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waits.At.IsZero() || w.Boot != t.waits.Boot
}

// heeds keeps how long messages may wait, and reports whether that is another time than before.
func (t *told) heeds(w failover.Waits) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed = w.First != t.waits.First || w.Later != t.waits.Later
	t.waits = w
	return changed
}

// word is what the gate tells: of each kind what is of the newest era. What is of an era that
// nobody knows yet is told once it is known.
func (t *told) word(ctx context.Context, to Hearer) (w failover.GateWord) {
	t.mu.Lock()
	known := slices.Clone(t.marks)
	t.mu.Unlock()
	for _, m := range known {
		if m.era == nil {
			era, err := to.Era(ctx, m.instance)
			if err != nil {
				continue
			}
			m.era = &era
			t.mark(m.instance, func(m *marks) bool { m.era = &era; return false })
		}
		if !m.refused.IsZero() && (w.Refused.IsZero() || *m.era >= w.RefusedEra) {
			w.Refused, w.RefusedEra = m.refused, *m.era
		}
		if !m.voted.IsZero() && (w.Voted.IsZero() || *m.era >= w.VotedEra) {
			w.Voted, w.VotedEra = m.voted, *m.era
		}
	}
	return w
}

// patience is how long a message may wait to be granted.
func (g *Gate) patience(f *file) time.Duration {
	if g.settings.Patience > 0 {
		return g.settings.Patience
	}
	f.mu.Lock()
	granted := f.held.Own() > 0
	f.mu.Unlock()
	g.told.mu.Lock()
	defer g.told.mu.Unlock()
	return g.told.waits.For(granted, time.Now())
}

// again tells each second and when there are news, until ctx ends, and logs when that begins or
// ends to fail.
func again(ctx context.Context, news <-chan struct{}, log zerolog.Logger, tell func(context.Context) error) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for failed := false; ; {
		once, cancel := context.WithTimeout(ctx, tellIn)
		err := tell(once)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errNothing):
		case err != nil && !failed:
			log.Warn().Err(err).Msg("the agent is not told how the gate is")
		case err == nil && failed:
			log.Info().Msg("the agent is told how the gate is again")
		}
		failed = err != nil && !errors.Is(err, errNothing)
		select {
		case <-tick.C:
		case <-news:
		case <-ctx.Done():
			return
		}
	}
}

// errNothing says that there is nothing to tell yet.
var errNothing = errors.New("nothing is known yet")
