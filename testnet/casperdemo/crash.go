package main

import (
	"context"
	"fmt"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
)

const (
	leadsWithin = 3 * time.Minute // until our turn to lead has come and gone
	catchesUpIn = 3 * time.Minute // a restarted node
	hangs       = 15 * time.Second
	aimless     = 20 * time.Millisecond // how far off the vote the leading cosigner is killed, at most
)

// killMain kills the main, waits until we have led without it, and starts it again.
func (s *demo) killMain(ctx context.Context) error {
	p := s.Pair
	if err := s.AnInstant(ctx); err != nil {
		return err
	}
	killed := time.Now()
	if err := s.Disturb("kill -9 "+p.Main.Node.Name, p.Main.Node.Kill); err != nil {
		return err
	}
	if err := s.claimFailover(ctx, killed); err != nil {
		return err
	}
	led, err := s.ledSince(ctx, killed)
	if err != nil {
		return err
	}
	s.Sayf("it stayed down %v; meanwhile we led round %v", time.Since(killed).Round(time.Second), led)
	restarted := time.Now()
	if err := p.Main.Node.Start(ctx); err != nil {
		return err
	}
	if _, err := s.Validates(ctx, p.Main.Node, catchesUpIn); err != nil {
		return err
	}
	s.Sayf("started again: in Validate after %v", time.Since(restarted).Round(100*time.Millisecond))
	if err := s.caughtUp(ctx); err != nil {
		return err
	}
	s.Count("seconds_to_catch_up", int(time.Since(restarted)/time.Second))
	s.Claimf(true, "it has caught up after %v: its newest round is the others'",
		time.Since(restarted).Round(100*time.Millisecond))
	if err := s.claimReturn(ctx, restarted); err != nil {
		return err
	}
	return s.claimAdopted(restarted)
}

// ledSince waits until a round that we lead has begun after the given time and is over.
func (s *demo) ledSince(ctx context.Context, from time.Time) (led stage.RoundID, err error) {
	err = s.Await(ctx, leadsWithin, "a round that we lead", func() (bool, error) {
		if err := s.Pair.Update(); err != nil {
			return false, err
		}
		t := s.Pair.Watched.Timeline()
		for _, r := range t.Index() {
			if r.Leader == s.Pair.OurIndex && r.Start.After(from) && !r.End.IsZero() {
				led = r.Name()
				return true, nil
			}
		}
		return false, nil
	})
	return led, err
}

// caughtUp waits until the main is in the round that the others are in.
func (s *demo) caughtUp(ctx context.Context) error {
	return s.Await(ctx, catchesUpIn, "the main to catch up", func() (bool, error) {
		if err := s.Pair.Update(); err != nil {
			return false, err
		}
		theirs, _ := s.Pair.Watched.Timeline().Newest()
		own, ok := s.Pair.Main.Timeline().Newest()
		return ok && own.Name() == theirs.Name(), nil
	})
}

// claimAdopted tells what the restarted main was answered in the rounds that it had
// missed or forgotten.
func (s *demo) claimAdopted(restarted time.Time) error {
	p := s.Pair
	if err := p.Update(); err != nil {
		return err
	}
	index := p.Watched.Timeline().Index()
	old := map[stage.RoundID]bool{}
	times := 0
	for _, b := range p.Main.Last().Bound {
		times++
		if r, known := index[b.Round]; known && r.Leader == p.OurIndex && r.Start.Before(restarted) {
			old[b.Round] = true
		}
	}
	s.Count("bound_after_restart", times)
	s.Count("old_leader_rounds_bound", len(old))
	s.Claimf(len(old) > 0, "it asked again in %d old rounds that we led, was answered Bound (%d times in all), and "+
		"adopted what was signed", len(old), times)
	last := ""
	for _, a := range p.Main.Last().Asked {
		if a.Kind == "vote" && a.Answered() && a.At.After(restarted) {
			last = a.Slot
		}
	}
	s.Claimf(last != "" && p.Main.Node.Running(), "it votes again, the last time in %q", last)
	return nil
}

// hangMain halts the main for a while.
func (s *demo) hangMain(ctx context.Context) error {
	p := s.Pair
	if err := s.AnInstant(ctx); err != nil {
		return err
	}
	halted := time.Now()
	if err := s.Disturb("SIGSTOP "+p.Main.Node.Name, p.Main.Node.Pause); err != nil {
		return err
	}
	if err := s.claimFailover(ctx, halted); err != nil {
		return err
	}
	if err := testnet.Pause(ctx, time.Until(halted.Add(hangs))); err != nil {
		return err
	}
	if err := p.Main.Node.Resume(); err != nil {
		return err
	}
	resumed := time.Now()
	if err := s.caughtUp(ctx); err != nil {
		return err
	}
	s.Claimf(true, "SIGCONT after %v; it is in the others' round again %v later",
		hangs, time.Since(resumed).Round(100*time.Millisecond))
	return s.claimReturn(ctx, resumed)
}

// killLeader kills the leading cosigner at about the time of a vote: when the next round is due,
// since a round begins when the one before is decided.
func (s *demo) killLeader(ctx context.Context) error {
	p := s.Pair
	status, err := p.Cluster.Ready(ctx, stage.ReadyWithin)
	if err != nil {
		return err
	}
	leader := p.Cluster.Cosigner(status.Leader)
	before, err := s.NewRound(ctx)
	if err != nil {
		return err
	}
	r, err := s.NewRound(ctx)
	if err != nil {
		return err
	}
	pace := min(r.Start.Sub(before.Start), s.BlockTime+s.BlockTime/4) // a round may have been skipped
	off := time.Duration(s.Random.Int64N(int64(2*aimless))) - aimless
	if err := testnet.Pause(ctx, time.Until(r.Start.Add(pace+off))); err != nil {
		return err
	}
	killed := time.Now()
	if err := s.Disturb("kill -9 "+leader.Name+", which led", leader.Kill); err != nil {
		return err
	}
	other, err := s.newLeader(ctx, leader.Name)
	if err != nil {
		return err
	}
	s.Sayf("%s leads %v after the kill", other, time.Since(killed).Round(10*time.Millisecond))
	if err := s.SomeRounds(ctx, stage.RoundsAfter); err != nil {
		return err
	}
	if err := leader.Start(ctx); err != nil {
		return err
	}
	if _, err := p.Cluster.Ready(ctx, stage.ReadyWithin); err != nil {
		return err
	}
	s.Claimf(true, "%s is started again and ready", leader.Name)
	s.Sayf("the request nearest to the kill was answered %s off it", s.nearest(killed))
	return nil
}

func (s *demo) newLeader(ctx context.Context, old string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, stage.ReadyWithin)
	defer cancel()
	status, err := s.Pair.Cluster.Await(ctx, func(status testnet.Status) bool {
		return status.Leader != "" && status.Leader != old
	})
	return status.Leader, err
}

// nearest tells how far from an instant a request of ours was answered.
func (s *demo) nearest(at time.Time) string {
	if err := s.Pair.Update(); err != nil {
		return fmt.Sprintf("(%v)", err)
	}
	best := time.Hour
	for _, l := range []*stage.NodeLog{s.Pair.Main, s.Pair.Standby} {
		for _, a := range l.Asked() {
			best = min(best, a.At.Sub(at).Abs())
		}
	}
	return testnet.Millis(best)
}
