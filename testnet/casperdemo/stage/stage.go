// Package stage is what acts on real casper-nodes stand on: a network of four validators, of which
// ours is a main and a standby that sign through three cosigners (Pair); what the nodes' logs tell
// (NodeLog); and what the other validators received of ours, by which an act's rounds are judged
// when it is over.
//
// It promises: the key is in no process of the network; every wait is bounded; what is called lost
// rests on the unit files and finality signatures of validators that are not ours, read by the
// judge, and on the watched one's clock. What is done to the nodes, and how much it may cost, the
// acts say: the demo's are in casperdemo, those of the longer run in casperdemo/long.
package stage

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/show"
)

const pollEvery = 100 * time.Millisecond

// SettleIn is within which what belongs to a round or block that is over must have arrived.
const SettleIn = 6 * time.Second

// Act is one part of the show.
type Act struct {
	Name, Title string
	Play        func(context.Context) error
	Rounds      bool // its rounds are judged when it is over
	MayLose     int  // of its rounds
	MayMiss     int  // of its blocks: those without our finality signature
}

// Options say with what to play.
type Options struct {
	Node, Defaults string // casper-node, and the program localnet-defaults
	Remote         string // casper-node with a remote signer, for nodes of ours without a key; empty: Node
	Binary, Judge  string // the program, and the judge
	Seed           uint64 // of keys and instants
	BlockTime      time.Duration
}

// Stage is one run. It is used by one goroutine.
type Stage struct {
	*show.Show
	Options
	Layout
	Dir    string
	Random *rand.Rand // instants
	Pair   *Pair      // nil before the first act
	Result Result
	On     *ActResult // the act that is on
}

// New returns a stage on which nothing stands yet, and says what is to be run on it.
func New(ctx context.Context, o Options, dir string, out io.Writer) (*Stage, error) {
	versions, err := readVersions(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Stage{Show: show.New(out, o.Seed), Options: o, Layout: Layout{EraTime: EraTime, Automatic: true}, Dir: dir,
		Random: rand.New(rand.NewPCG(o.Seed, 0))}
	s.Result = Result{Seed: o.Seed, Started: s.Started, Versions: versions, BlockTime: o.BlockTime.String(),
		EraTime: EraTime.String()}
	s.Printf("casper-node %s, casper-cosigner %s, %s, %d processors; seed %d\n",
		versions.Node, versions.Cosigner, versions.Go, versions.Processors, o.Seed)
	return s, nil
}

// Play plays acts one after another, numbered from first on. An act that fails is the last: what
// follows would stand on nothing.
func (s *Stage) Play(ctx context.Context, first int, acts []Act) error {
	for i, a := range acts {
		s.Open(a, first+i)
		if s.Pair != nil {
			s.Pair.mayLose += a.MayLose
			s.Pair.mayMiss += a.MayMiss
		}
		err := a.Play(ctx)
		if err == nil && a.Rounds {
			err = s.settle(ctx, a)
		}
		if err != nil {
			s.Claimf(false, "the act came to its end")
			return fmt.Errorf("act %q: %w", a.Name, err)
		}
	}
	return nil
}

// Open opens an act.
func (s *Stage) Open(a Act, number int) {
	// The rounds of an act are those that started since the one before was over.
	from := time.Time{}
	if s.On != nil {
		from = s.On.To
	}
	s.On = &ActResult{Act: s.Begin(a.Name, "%d. %s", number, a.Title), From: from, To: from, Counts: map[string]int64{}}
	s.Result.Acts = append(s.Result.Acts, s.On)
}

// Count notes a figure of the act.
func (s *Stage) Count(name string, n int) { s.On.Counts[name] = int64(n) }

// Disturb does something to a process of ours, and says in which round that was.
func (s *Stage) Disturb(what string, do func() error) error {
	d := Disturbance{What: what, At: time.Now()}
	if err := do(); err != nil {
		return err
	}
	err := s.Pair.Update()
	if r, ok := s.Pair.Watched.Timeline().before(d.At); ok {
		d.Era, d.Round, d.Into = r.Era, r.ID, d.At.Sub(r.Start).Round(time.Millisecond).String()
	}
	s.On.Disturbances = append(s.On.Disturbances, d)
	s.Sayf("%s, in era %d round %d, %s after it began", what, d.Era, d.Round, d.Into)
	return err
}

// disturbances are the instants of all acts so far.
func (s *Stage) disturbances() (all []time.Time) {
	for _, a := range s.Result.Acts {
		for _, d := range a.Disturbances {
			all = append(all, d.At)
		}
	}
	return all
}

// Await looks again and again until done says so, for at most the given time.
func (s *Stage) Await(ctx context.Context, within time.Duration, what string, done func() (bool, error)) error {
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

// End says how it went and reports whether every line held.
func (s *Stage) End() bool {
	s.Result.Holds = s.Verdict()
	s.Result.Seconds = time.Since(s.Started).Seconds()
	return s.Result.Holds
}
