package stage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/localnet"
)

// How many rounds are measured, and what is wished for of a signature as the node sees it.
const (
	steadyRounds = 10
	WantedP50    = 6 * time.Millisecond
	WantedP99    = 50 * time.Millisecond
)

// Begins starts the cosigners, and then the network.
func (s *Stage) Begins(ctx context.Context) error {
	key := localnet.ValidatorKey(s.Seed, 0)
	s.Pair = &Pair{Key: key, Ours: key.Public(), kept: filepath.Join(s.Dir, "unit-files")}
	p := s.Pair
	if err := s.setUpCluster(ctx); err != nil {
		return err
	}
	switch len(s.Stock) {
	case 2:
		s.Sayf("validator %v; its two nodes hold the key, behind gates", p.Ours)
	case 1:
		s.Sayf("validator %v; %s holds the key, behind a gate, and the other node none", p.Ours, s.Stock[0])
	default:
		s.Sayf("validator %v; its key is split, and the PEM deleted before anything runs", p.Ours)
	}
	for _, c := range p.Cluster.Cosigners {
		if err := c.Start(ctx); err != nil {
			return err
		}
	}
	status, err := p.Cluster.Ready(ctx, ReadyWithin)
	if err != nil {
		return err
	}
	s.Claimf(true, "3 cosigners are ready, %s leads", status.Leader)
	if err := s.setUpNetwork(ctx); err != nil {
		return err
	}
	if err := p.Cluster.Start(ctx); err != nil { // the agents, which now know where their nodes will be
		return err
	}
	if len(s.Stock) > 0 {
		p.Launcher = &Launcher{nodes: []*localnet.Node{p.Main.Node, p.Standby.Node}, order: s.order}
		if err := s.startGates(ctx); err != nil {
			return err
		}
	}
	if err := p.Network.Start(ctx); err != nil {
		return err
	}
	p.follow(ctx)
	s.Sayf("%d nodes start: %s and %s of ours, and %d other validators; blocks of %v, eras of %v; genesis at %s",
		len(p.Network.Nodes), testnet.Main, testnet.Standby, len(p.Foreign), s.BlockTime, s.EraTime,
		p.Network.Genesis.UTC().Format(time.TimeOnly))
	for _, l := range []*NodeLog{p.Main, p.Standby} {
		status, err := s.Validates(ctx, l.Node, startsIn)
		if err != nil {
			return err
		}
		key := "no key"
		if s.stock(l.Node.Name) {
			key = "with the key"
		}
		s.Claimf(*status.PublicKey == p.Ours && strings.Contains(status.Build, "cosigner") != s.stock(l.Node.Name),
			"%s is in Validate as our validator, build %s, %s", l.Node.Name, status.Build, key)
	}
	return nil
}

// Validates waits until a node says that it votes.
func (s *Stage) Validates(ctx context.Context, n *localnet.Node, within time.Duration) (localnet.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return n.Await(ctx, func(status localnet.Status) bool {
		return status.State == "Validate" && status.RoundLength != nil && status.PublicKey != nil
	})
}

// Steady lets rounds pass and measures how long signatures take.
func (s *Stage) Steady(ctx context.Context) error {
	first, err := s.NewRound(ctx)
	if err != nil {
		return err
	}
	if err := s.SomeRounds(ctx, steadyRounds); err != nil {
		return err
	}
	for _, l := range []*NodeLog{s.Pair.Main, s.Pair.Standby} {
		n := len(slots(l.Asked(), "vote", first.Start))
		s.Count("votes_asked_"+l.Node.Name, n)
		s.Claimf(n >= steadyRounds-1, "%s asks: for its Vote in %d rounds since the first of %d",
			l.Node.Name, n, steadyRounds)
	}
	s.Sayf("load of the machine: %s", testnet.LoadAverage())
	took := s.sayLatency("all", s.AnsweredSince(first.Start))
	s.Goalf(len(took) > 0 && took.Quantile(0.5) < WantedP50 && took.Quantile(0.99) < WantedP99,
		"a signature as the node sees it: %d, p50 %s (want < %v), p99 %s (want < %v), max %s", len(took),
		testnet.Millis(took.Quantile(0.5)),
		WantedP50, testnet.Millis(took.Quantile(0.99)), WantedP99, testnet.Millis(took.Max()))
	for _, kind := range []string{"echo", "vote", "finality"} {
		some := slices.DeleteFunc(s.AnsweredSince(first.Start), func(a Asked) bool { return a.Kind != kind })
		took := s.sayLatency(kind, some)
		s.Sayf("%-8s %3d, p50 %s, p99 %s, max %s",
			kind, len(took), testnet.Millis(took.Quantile(0.5)), testnet.Millis(took.Quantile(0.99)), testnet.Millis(took.Max()))
	}
	return s.measureDisk(ctx)
}

// measureDisk tells how long one write to the disk takes while the network runs: a signature
// waits for several.
func (s *Stage) measureDisk(ctx context.Context) error {
	const writes, every = 40, 50 * time.Millisecond
	f, err := os.Create(filepath.Join(s.Dir, "writes"))
	if err != nil {
		return fmt.Errorf("measuring the disk: %w", err)
	}
	defer f.Close()
	var took testnet.Latencies
	for range writes {
		if err := testnet.Pause(ctx, every); err != nil {
			return err
		}
		start := time.Now()
		if _, err := f.Write(make([]byte, 512)); err != nil {
			return fmt.Errorf("measuring the disk: %w", err)
		}
		if err := f.Sync(); err != nil {
			return fmt.Errorf("measuring the disk: %w", err)
		}
		took = append(took, time.Since(start))
	}
	s.Count("micros_fsync_p50", int(took.Quantile(0.5)/time.Microsecond))
	s.Count("micros_fsync_p99", int(took.Quantile(0.99)/time.Microsecond))
	s.Sayf("a write to this disk, synced: p50 %s, p99 %s",
		testnet.Millis(took.Quantile(0.5)), testnet.Millis(took.Quantile(0.99)))
	return nil
}

// sayLatency notes how long requests took, under a name.
func (s *Stage) sayLatency(name string, all []Asked) (took testnet.Latencies) {
	for _, a := range all {
		took = append(took, a.Took)
	}
	s.Count("signatures_"+name, len(took))
	for part, q := range map[string]float64{"p50": 0.5, "p99": 0.99, "max": 1} {
		s.Count(fmt.Sprintf("micros_%s_%s", name, part), int(took.Quantile(q)/time.Microsecond))
	}
	return took
}

// slots lists the slots of a kind that were asked for from then on, each once.
func slots(all []Asked, kind string, from time.Time) (slots []string) {
	for _, a := range all {
		if a.Kind == kind && !a.At.Before(from) && !slices.Contains(slots, a.Slot) {
			slots = append(slots, a.Slot)
		}
	}
	return slots
}
