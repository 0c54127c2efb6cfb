package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"casper-cosigner/testnet"
)

const (
	pollEvery = 100 * time.Millisecond
	settleIn  = 6 * time.Second // within which what belongs to a round or block that is over must have arrived
)

// act is one part of the show.
type act struct {
	name, title string
	play        func(*show, context.Context) error
	rounds      bool // its rounds are judged when it is over
	mayLose     int  // of its rounds
}

// show is one run. It is used by one goroutine.
type show struct {
	options
	layout
	dir    string
	out    io.Writer
	acts   []act      // of the network that is on
	random *rand.Rand // instants
	pair   *pair      // nil before the first act
	result result
	act    *actResult // that is on
}

func newShow(ctx context.Context, o options, dir string, out io.Writer) (*show, error) {
	versions, err := readVersions(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &show{options: o, layout: layout{eraTime: eraTime, automatic: true}, dir: dir, out: out, random: rand.New(rand.NewPCG(o.seed, 0))}
	s.result = result{Seed: o.seed, Started: time.Now().UTC(), Versions: versions, BlockTime: o.blockTime.String(), EraTime: eraTime.String()}
	fmt.Fprintf(out, "casper-node %s, casper-cosigner %s, %s, %d processors; seed %d\n",
		versions.Node, versions.Cosigner, versions.Go, versions.Processors, o.seed)
	return s, nil
}

// play plays acts one after another. An act that fails is the last: what follows would stand on nothing.
func (s *show) play(ctx context.Context, acts []act) error {
	for i, a := range acts {
		s.begin(a, i+1)
		err := a.play(s, ctx)
		if err == nil && a.rounds {
			err = s.settle(ctx, a.mayLose)
		}
		if err != nil {
			s.claimf(false, "the act came to its end")
			return fmt.Errorf("act %q: %w", a.name, err)
		}
	}
	return nil
}

// begin opens an act.
func (s *show) begin(a act, number int) {
	// The rounds of an act are those that started since the one before was over.
	from := time.Time{}
	if s.act != nil {
		from = s.act.To
	}
	s.result.Acts = append(s.result.Acts, &actResult{Name: a.name, From: from, To: from, Counts: map[string]int64{}})
	s.act = s.result.Acts[len(s.result.Acts)-1]
	fmt.Fprintf(s.out, "\n[%3.0f s] %d. %s\n", time.Since(s.result.Started).Seconds(), number, a.title)
}

// claimf adds a line to the result and prints it.
func (s *show) claimf(holds bool, format string, args ...any) {
	c := claim{Holds: holds, Text: fmt.Sprintf(format, args...)}
	s.act.Claims = append(s.act.Claims, c)
	s.printLine(holds, "ok  ", "FAIL", c.Text)
}

// goalf prints how fast something was against what is wished for. Machines differ, so it does not count.
func (s *show) goalf(met bool, format string, args ...any) {
	c := claim{Holds: met, Text: fmt.Sprintf(format, args...)}
	s.act.Goals = append(s.act.Goals, c)
	s.printLine(met, "met ", "MISS", c.Text)
}

func (s *show) printLine(good bool, yes, no, text string) {
	if !good {
		yes = no
	}
	fmt.Fprintf(s.out, "  %s  %s\n", yes, text)
}

// sayf prints a line that claims nothing.
func (s *show) sayf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.act.Said = append(s.act.Said, text)
	fmt.Fprintf(s.out, "        %s\n", text)
}

// count notes a figure of the act.
func (s *show) count(name string, n int) { s.act.Counts[name] = int64(n) }

// disturb does something to a process of ours, and says in which round that was.
func (s *show) disturb(what string, do func() error) error {
	d := disturbance{What: what, At: time.Now()}
	if err := do(); err != nil {
		return err
	}
	err := s.pair.update()
	if r, ok := s.pair.watched.timeline().before(d.At); ok {
		d.Era, d.Round, d.Into = r.Era, r.ID, d.At.Sub(r.Start).Round(time.Millisecond).String()
	}
	s.act.Disturbances = append(s.act.Disturbances, d)
	s.sayf("%s, in era %d round %d, %s after it began", what, d.Era, d.Round, d.Into)
	return err
}

// disturbances are the instants of all acts so far.
func (s *show) disturbances() (all []time.Time) {
	for _, a := range s.result.Acts {
		for _, d := range a.Disturbances {
			all = append(all, d.At)
		}
	}
	return all
}

// await looks again and again until done says so, for at most the given time.
func (s *show) await(ctx context.Context, within time.Duration, what string, done func() (bool, error)) error {
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

// printVerdict says how it went and reports whether every line held.
func (s *show) printVerdict() bool {
	lines := 0
	var failed, missed []string
	for _, a := range s.result.Acts {
		for _, g := range a.Goals {
			if !g.Holds {
				missed = append(missed, fmt.Sprintf("  MISS  %s: %s", a.Name, g.Text))
			}
		}
		for _, c := range a.Claims {
			lines++
			if !c.Holds {
				failed = append(failed, fmt.Sprintf("  FAIL  %s: %s", a.Name, c.Text))
			}
		}
	}
	s.result.Seconds = time.Since(s.result.Started).Seconds()
	s.result.Holds = len(failed) == 0
	fmt.Fprintf(s.out, "\n%d of %d lines hold, in %.0f s; seed %d\n", lines-len(failed), lines, s.result.Seconds, s.seed)
	for _, line := range append(failed, missed...) {
		fmt.Fprintln(s.out, line)
	}
	return len(failed) == 0 && slices.ContainsFunc(s.result.Acts, func(a *actResult) bool { return len(a.Claims) > 0 })
}
