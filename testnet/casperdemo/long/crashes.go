package long

import (
	"context"
	"errors"
	"fmt"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
	"casper-cosigner/testnet/localnet"
)

const (
	kills, halts, restarts = 5, 2, 2

	haltsFor  = 12 * time.Second
	endsIn    = 30 * time.Second // a node that got SIGTERM
	backIn    = 2 * time.Minute  // certificates are refused to a node that was started twice within a minute
	goneFor   = time.Minute
	goneShort = 20 * time.Second

	wantedCPU    = 2.0 // percent of a processor
	wantedMemory = 10  // MB
)

// quiet measures what signing costs: how long it takes, and what our nodes use beside those that
// have the key in a file.
func (s *run) quiet(ctx context.Context) error {
	p := s.Pair
	before, err := usages(p.Network.Nodes)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := s.Steady(ctx); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := usages(p.Network.Nodes)
	if err != nil {
		return err
	}
	var cpu, memory [2]float64 // means: ours, the others'
	for i, n := range p.Network.Nodes {
		whose, of := 0, 2.0
		if n.Validator != p.Ours {
			whose, of = 1, float64(len(p.Foreign))
		}
		percent := 100 * (after[i].CPU - before[i].CPU).Seconds() / took.Seconds()
		resident := float64(after[i].Resident) / (1 << 20)
		cpu[whose] += percent / of
		memory[whose] += resident / of
		s.Sayf("%-12s %5.2f %% of a processor, %4.0f MB resident, %4.0f MB its own",
			n.Name, percent, resident, float64(after[i].Own)/(1<<20))
		s.Count("cpu_hundredths_percent_"+n.Name, int(100*percent))
		s.Count("resident_kb_"+n.Name, int(after[i].Resident>>10))
		s.Count("own_kb_"+n.Name, int(after[i].Own>>10))
	}
	moreCPU, more := cpu[0]-cpu[1], memory[0]-memory[1]
	s.Count("cpu_more_hundredths_percent", int(100*moreCPU))
	s.Count("resident_more_kb", int(more*(1<<10)))
	s.Goalf(moreCPU < wantedCPU, "our nodes use %.2f %% of a processor, "+
		"those with a key file %.2f %%, over %.0f s: %+.2f (want < %v)",
		cpu[0], cpu[1], took.Seconds(), moreCPU, wantedCPU)
	s.Goalf(more < wantedMemory, "our nodes have %.1f MB resident, those with a key file %.1f MB: %+.1f (want < %d)",
		memory[0], memory[1], more, wantedMemory)
	return nil
}

func usages(nodes []*localnet.Node) (all []testnet.Usage, err error) {
	for _, n := range nodes {
		u, err := testnet.UsageOf(n.PID())
		if err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	return all, nil
}

// crashes does everything to the main that can end or halt a process, in an order drawn
// from the seed.
func (s *run) crashes(ctx context.Context) error {
	var order []func(context.Context) error
	for range s.some(kills) {
		order = append(order, s.crashMain)
	}
	for range s.some(halts) {
		order = append(order, s.haltMain)
	}
	for range s.some(restarts) {
		order = append(order, s.restartMain)
	}
	s.Random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	for _, disturb := range order {
		if err := s.AnInstant(ctx); err != nil {
			return err
		}
		if err := disturb(ctx); err != nil {
			return err
		}
	}
	late := 0
	for _, d := range s.On.Disturbances {
		if d.Back == "" {
			late++
		}
	}
	s.Claimf(late == 0, "%d kills, %d halts, %d restarts of the main; "+
		"each time it voted again in the others' round within %v, but for %d",
		s.some(kills), s.some(halts), s.some(restarts), backIn, late)
	return nil
}

func (s *run) crashMain(ctx context.Context) error {
	main := s.Pair.Main.Node
	if err := s.Disturb("kill -9 "+main.Name, main.Kill); err != nil {
		return err
	}
	if err := testnet.Pause(ctx, time.Duration(s.Random.Int64N(int64(s.BlockTime)))); err != nil {
		return err
	}
	return s.startMain(ctx)
}

func (s *run) restartMain(ctx context.Context) error {
	main := s.Pair.Main.Node
	if err := s.Disturb("restart of "+main.Name+" by SIGTERM", func() error { return s.endMain(ctx) }); err != nil {
		return err
	}
	return s.startMain(ctx)
}

func (s *run) endMain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, endsIn)
	defer cancel()
	_, err := s.Pair.Main.Node.Stop(ctx)
	return err
}

func (s *run) startMain(ctx context.Context) error {
	if err := s.Pair.Main.Node.Start(ctx); err != nil {
		return err
	}
	return s.back(ctx, s.Pair.Main, time.Now())
}

func (s *run) haltMain(ctx context.Context) error {
	main := s.Pair.Main.Node
	if err := s.Disturb("SIGSTOP "+main.Name, main.Pause); err != nil {
		return err
	}
	if err := testnet.Pause(ctx, haltsFor); err != nil {
		return err
	}
	if err := main.Resume(); err != nil {
		return err
	}
	return s.back(ctx, s.Pair.Main, time.Now())
}

// back waits until a node of ours has had a Vote of the others' round signed, and notes how long
// after the given time that was. That it took too long is a finding, not an error.
func (s *run) back(ctx context.Context, l *stage.NodeLog, from time.Time) error {
	took, err := s.votesAgain(ctx, l, from)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		s.Claimf(false, "%s votes again in the others' round: %v", l.Node.Name, err)
		return nil
	}
	s.On.Disturbances[len(s.On.Disturbances)-1].Back = took.Round(100 * time.Millisecond).String()
	s.Sayf("it votes again in the others' round %v after", took.Round(100*time.Millisecond))
	return nil
}

// votesAgain waits until a node of ours has had a Vote signed, after the given time, in the round
// before the others' newest or in that itself.
func (s *run) votesAgain(ctx context.Context, l *stage.NodeLog, from time.Time) (took time.Duration, err error) {
	p := s.Pair
	err = s.Await(ctx, backIn, "its Vote", func() (bool, error) {
		if err := p.Update(); err != nil {
			return false, err
		}
		theirs, _ := p.Watched.Timeline().Newest()
		for _, a := range l.Last().Asked {
			var of stage.RoundID
			if a.Kind != "vote" || !a.Answered() || a.At.Before(from) {
				continue
			}
			if _, err := fmt.Sscanf(a.Slot, "vote era %d round %d", &of.Era, &of.Round); err != nil {
				return false, fmt.Errorf("reading the slot %q: %w", a.Slot, err)
			}
			if of.Era == theirs.Era && of.Round+1 >= theirs.ID {
				took = a.At.Sub(from)
				return true, nil
			}
		}
		return false, nil
	})
	return took, err
}

// outage is how long the cosigners are gone.
func (s *run) outage() time.Duration {
	if s.Short {
		return goneShort
	}
	return goneFor
}

// roundsWithout is how many rounds the others can decide while the cosigners are gone,
// and start again.
func (s *run) roundsWithout() int {
	const slack = 3
	return int(s.outage()/(8*time.Second)) + slack
}

// gone has all cosigners away while the chain goes on without us.
func (s *run) gone(ctx context.Context) error {
	p := s.Pair
	from := p.Record().Height()
	left, back, err := s.withoutCosigners(ctx)
	if err != nil {
		return err
	}
	to := p.Record().Height()
	s.Claimf(to > from, "the chain goes on without us: heights %d to %d", from, to)
	took, err := s.anyVote(ctx, back)
	if err != nil {
		return err
	}
	s.Count("millis_until_vote", int(took/time.Millisecond))
	s.Claimf(took < s.BlockTime+stage.SettleIn, "a node of ours has its Vote signed %v after the cosigners' return",
		took.Round(10*time.Millisecond))
	s.Unanswered = append(s.Unanswered, stage.Window{From: left, To: back.Add(stage.SettleIn)})
	return s.claimLate(ctx, left, back)
}

// withoutCosigners kills all cosigners, waits, and starts them again. It returns when they were
// gone, and when they were started and ready.
func (s *run) withoutCosigners(ctx context.Context) (left, back time.Time, err error) {
	p := s.Pair
	if err := s.AnInstant(ctx); err != nil {
		return left, back, err
	}
	left = time.Now()
	err = s.Disturb("kill -9 of all cosigners", func() (err error) {
		for _, c := range p.Cluster.Cosigners {
			err = errors.Join(err, c.Kill())
		}
		return err
	})
	if err != nil {
		return left, back, err
	}
	if err := testnet.Pause(ctx, s.outage()); err != nil {
		return left, back, err
	}
	starting := time.Now()
	if err := p.Cluster.Start(ctx); err != nil {
		return left, back, err
	}
	if _, err := p.Cluster.Ready(ctx, stage.ReadyWithin); err != nil {
		return left, back, err
	}
	back = time.Now()
	s.Sayf("they were away %v; ready %v after their start",
		starting.Sub(left).Round(time.Second), back.Sub(starting).Round(10*time.Millisecond))
	for _, l := range []*stage.NodeLog{p.Main, p.Standby} {
		s.Claimf(l.Node.Running(), "%s has gone on running", l.Node.Name)
	}
	return left, back, nil
}

// anyVote waits until one of our nodes has had a Vote signed that it asked for after the
// given time.
func (s *run) anyVote(ctx context.Context, from time.Time) (took time.Duration, err error) {
	err = s.Await(ctx, backIn, "a Vote of ours", func() (bool, error) {
		if err := s.Pair.Update(); err != nil {
			return false, err
		}
		for _, a := range s.AnsweredSince(from) {
			if a.Kind == "vote" {
				took = a.At.Sub(from)
				return true, nil
			}
		}
		return false, nil
	})
	return took, err
}

// claimLate tells of the finality signatures of the blocks that came while the cosigners were gone.
func (s *run) claimLate(ctx context.Context, left, back time.Time) error {
	var came, missing int
	var latest time.Duration
	err := s.Await(ctx, backIn, "late finality signatures", func() (bool, error) {
		came, missing, latest = 0, 0, 0
		for _, b := range s.Pair.Record().Blocks() {
			if !(stage.Window{From: left, To: back}).Holds(b.Seen) {
				continue
			}
			at, ok := b.Signed[s.Pair.Ours]
			if !ok {
				missing++
				continue
			}
			came++
			latest = max(latest, at.Sub(back))
		}
		return missing == 0, nil
	})
	if ctx.Err() != nil {
		return err
	}
	s.Count("blocks_meanwhile", came+missing)
	s.Count("finality_signatures_late", came)
	s.Claimf(missing == 0, "%d blocks meanwhile: %d finality signatures came late, the last %v after the return; %d are "+
		"missing",
		came+missing, came, latest.Round(10*time.Millisecond), missing)
	return nil
}
