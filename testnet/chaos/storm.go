package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/history"
)

const (
	lookWithin = 500 * time.Millisecond // for who leads
	operateIn  = 3 * time.Second        // for an operator's command
)

// storm carries out the faults of a plan.
type storm struct {
	*run
	begin time.Time

	mu   sync.Mutex
	busy map[string]bool // processes that a fault has in its hands
	done map[string]int  // faults, by kind
	err  error           // of what should always work
}

// storm has clients ask while faults of all kinds come and go.
func (r *run) storm(ctx context.Context, length time.Duration) error {
	if _, err := r.cluster.Ready(ctx, readyWithin); err != nil {
		return err
	}
	calm, cancel := context.WithCancel(ctx)
	defer cancel()
	var loading sync.WaitGroup
	loading.Go(func() { r.load(calm, length) })
	s := &storm{run: r, begin: time.Now(), busy: map[string]bool{}, done: map[string]int{}}
	faults := plan(r.seed, length)
	err := s.rage(ctx, faults)
	cancel()
	loading.Wait()
	fmt.Fprintf(r.out, "  faults: %s\n", history.Counts(s.done))
	planned := map[string]int{}
	for _, f := range faults {
		planned[f.kind]++
	}
	return errors.Join(err, history.TooRare(planned, s.done))
}

// rage carries out all faults and returns when each is undone. When ctx ends it undoes
// them at once.
func (s *storm) rage(ctx context.Context, faults []fault) error {
	var raging sync.WaitGroup
	for _, f := range faults {
		if testnet.Pause(ctx, time.Until(s.begin.Add(f.at))) != nil {
			break
		}
		raging.Go(func() { s.strike(ctx, f) })
	}
	raging.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(ctx.Err(), s.err)
}

func (s *storm) strike(ctx context.Context, f fault) {
	f.who = s.resolve(ctx, f.who)
	happened, why := false, error(nil)
	switch f.kind {
	case kill, many, term, halt, full:
		happened = s.strikeProcesses(ctx, f)
	case cut, oneWay, delay, sever:
		happened = s.strikeLinks(ctx, f)
	case mode:
		why = s.operator(ctx, "mode", f.who[0])
		happened = why == nil
	case chosen:
		why = s.operator(ctx, "promote", f.who[0], "--force")
		happened = why == nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if happened {
		s.done[f.kind]++
		fmt.Fprintf(s.log, "%6.1f s  %v\n", s.begin.Add(f.at).Sub(s.start).Seconds(), f)
	} else {
		fmt.Fprintf(s.log, "%6.1f s  did not come about: %v %v\n", s.begin.Add(f.at).Sub(s.start).Seconds(), f, why)
	}
}

// resolve puts a name in for whoever leads. If nobody does, the first cosigner stands for it.
func (s *storm) resolve(ctx context.Context, who []string) []string {
	i := slices.Index(who, leading)
	if i < 0 {
		return who
	}
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	status, err := s.cluster.Status(ctx)
	if err != nil || status.Leader == "" {
		status.Leader = s.cluster.Cosigners[0].Name
	}
	who = slices.Clone(who)
	who[i] = status.Leader
	return who
}

// strikeProcesses hits those that no other fault has in its hands, and reports whether
// there was any.
func (s *storm) strikeProcesses(ctx context.Context, f fault) bool {
	hit := s.take(f.who)
	defer s.release(hit)
	for _, p := range hit {
		switch f.kind {
		case kill, many:
			s.must(p.Kill())
		case term:
			s.must(p.Term())
		case halt:
			s.must(p.Stop())
		case full:
			s.must(s.fill(p, f.part))
		}
	}
	testnet.Pause(ctx, f.last) //nolint:errcheck // undone even if ctx has ended
	for _, p := range hit {
		switch f.kind {
		case halt:
			s.must(p.Cont())
		case full:
			s.must(limitFiles(p, unix.RLIM_INFINITY))
		case term:
			s.must(p.Kill()) // one that takes its time has had it
		}
		if f.kind != halt && f.kind != full && ctx.Err() == nil {
			s.must(p.Start(ctx))
		}
	}
	return len(hit) > 0
}

func (s *storm) strikeLinks(ctx context.Context, f fault) bool {
	hit := s.network.Of(f.who, f.kind == oneWay)
	for _, l := range hit {
		switch f.kind {
		case cut, oneWay:
			l.Cut()
		case delay:
			l.Slow(f.late)
		case sever:
			l.Sever()
		}
	}
	testnet.Pause(ctx, f.last) //nolint:errcheck // undone even if ctx has ended
	for _, l := range hit {
		switch {
		case f.kind == delay:
			l.Slow(-f.late)
		case f.kind == sever:
		case f.broken:
			l.Sever()
			l.Mend()
		default:
			l.Mend()
		}
	}
	return len(hit) > 0
}

// operator makes a change of roles, again and again while nobody leads. It may come to nothing all
// the same; storm demands that enough do not.
func (s *storm) operator(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, operateIn)
	defer cancel()
	return s.cluster.Operate(ctx, append(args, "--reason", "chaos")...)
}

// take returns the processes of these names that no other fault has in its hands.
func (s *storm) take(names []string) (hit []*testnet.Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range slices.Concat(s.cluster.Cosigners, s.cluster.Agents) {
		if slices.Contains(names, p.Name) && !s.busy[p.Name] {
			s.busy[p.Name] = true
			hit = append(hit, p)
		}
	}
	return hit
}

func (s *storm) release(hit []*testnet.Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range hit {
		delete(s.busy, p.Name)
	}
}

func (s *storm) must(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = errors.Join(s.err, err)
}
