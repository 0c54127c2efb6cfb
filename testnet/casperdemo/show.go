package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/show"
)

const (
	pollEvery = 100 * time.Millisecond
	settleIn  = 6 * time.Second // within which what belongs to a round or block that is over must have arrived
)

// act is one part of the show.
type act struct {
	name, title string
	play        func(context.Context) error
	rounds      bool // its rounds are judged when it is over
	mayLose     int  // of its rounds
}

// stageOptions say with what to play.
type stageOptions struct {
	node, defaults string // casper-node, the patched build, and the program localnet-defaults
	binary, judge  string // the program, and the judge
	seed           uint64 // of keys and instants
	blockTime      time.Duration
}

// Stage is one run. It is used by one goroutine.
type Stage struct {
	*show.Show
	stageOptions
	layout
	dir    string
	random *rand.Rand // instants
	pair   *pair      // nil before the first act
	result result
	on     *actResult // the act that is on
}

func newStage(ctx context.Context, o stageOptions, dir string, out io.Writer) (*Stage, error) {
	versions, err := readVersions(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Stage{Show: show.New(out, o.seed), stageOptions: o, layout: layout{eraTime: eraTime, automatic: true}, dir: dir, random: rand.New(rand.NewPCG(o.seed, 0))}
	s.result = result{Seed: o.seed, Started: s.Started, Versions: versions, BlockTime: o.blockTime.String(), EraTime: eraTime.String()}
	s.Printf("casper-node %s, casper-cosigner %s, %s, %d processors; seed %d\n",
		versions.Node, versions.Cosigner, versions.Go, versions.Processors, o.seed)
	return s, nil
}

// play plays acts one after another, numbered from first on. An act that fails is the last: what follows would stand on nothing.
func (s *Stage) play(ctx context.Context, first int, acts []act) error {
	for i, a := range acts {
		s.open(a, first+i)
		if s.pair != nil {
			s.pair.mayLose += a.mayLose
		}
		err := a.play(ctx)
		if err == nil && a.rounds {
			err = s.settle(ctx, a.mayLose)
		}
		if err != nil {
			s.Claimf(false, "the act came to its end")
			return fmt.Errorf("act %q: %w", a.name, err)
		}
	}
	return nil
}

// open opens an act.
func (s *Stage) open(a act, number int) {
	// The rounds of an act are those that started since the one before was over.
	from := time.Time{}
	if s.on != nil {
		from = s.on.To
	}
	s.on = &actResult{Act: s.Begin(a.name, "%d. %s", number, a.title), From: from, To: from, Counts: map[string]int64{}}
	s.result.Acts = append(s.result.Acts, s.on)
}

// count notes a figure of the act.
func (s *Stage) count(name string, n int) { s.on.Counts[name] = int64(n) }

// disturb does something to a process of ours, and says in which round that was.
func (s *Stage) disturb(what string, do func() error) error {
	d := disturbance{What: what, At: time.Now()}
	if err := do(); err != nil {
		return err
	}
	err := s.pair.update()
	if r, ok := s.pair.watched.timeline().before(d.At); ok {
		d.Era, d.Round, d.Into = r.Era, r.ID, d.At.Sub(r.Start).Round(time.Millisecond).String()
	}
	s.on.Disturbances = append(s.on.Disturbances, d)
	s.Sayf("%s, in era %d round %d, %s after it began", what, d.Era, d.Round, d.Into)
	return err
}

// disturbances are the instants of all acts so far.
func (s *Stage) disturbances() (all []time.Time) {
	for _, a := range s.result.Acts {
		for _, d := range a.Disturbances {
			all = append(all, d.At)
		}
	}
	return all
}

// await looks again and again until done says so, for at most the given time.
func (s *Stage) await(ctx context.Context, within time.Duration, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		ok, err := done()
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
		if ok {
			return nil
		}
		if err := testnet.Pause(ctx, pollEvery); err != nil {
			return fmt.Errorf("waiting %v for %s: %w", within, what, err)
		}
	}
}

// end says how it went and reports whether every line held.
func (s *Stage) end() bool {
	s.result.Holds = s.Verdict()
	s.result.Seconds = time.Since(s.Started).Seconds()
	return s.result.Holds
}
