package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/simcasper/hub"
	"casper-cosigner/testnet/simcasper/node"
	"casper-cosigner/testnet/simnet"
)

const (
	// slack is what a failover may take beyond failover_after: a judgement and a change
	// through the log, for which half of it is enough where nothing else runs (make bench
	// says), and a busy machine.
	slack = time.Second
	// lastStrike is the last round of an era in which main may be killed, for it to come back
	// in the same era.
	lastStrike = uint32(8)
)

// course is how a trouble went.
type course struct {
	trouble
	led    []hub.Round // by us in the open era before it
	struck time.Time
	away   testnet.Change // to the standby
	mended time.Time
	back   testnet.Change // to main
}

// suffer has main fail, the standby take over, and main come back.
func (s *demo) suffer(ctx context.Context, t trouble) (err error) {
	c := &course{trouble: t}
	if c.led, err = s.awaitInstant(ctx, t.mode, t.forgets); err != nil {
		return err
	}
	c.struck = time.Now()
	if err := t.strike.Do(ctx); err != nil {
		return err
	}
	if c.away, err = s.AwaitActive(ctx, testnet.Standby, c.struck); err != nil {
		return err
	}
	took, most := c.away.At.Sub(c.struck), failoverAfter+t.more+slack
	s.Claimf(took <= most && slices.Contains(t.causes, c.away.Cause),
		"%s is active, epoch %d, %s after it, of at most %v (failover_after %v): %s, %s",
		c.away.Subject, c.away.Epoch, testnet.Millis(took), most, failoverAfter, c.away.Cause, c.away.Reason)
	if t.byHand {
		s.Sayf("an operator holds the roles, and makes %s active again: each return by itself doubles the wait for the next",
			testnet.Main)
		if err := s.Command(ctx, "hold", "--for=2m"); err != nil {
			return err
		}
	}
	if err := s.SomeRounds(ctx, 2); err != nil {
		return err
	}
	voted, err := s.claimVote(ctx, c)
	if err != nil {
		return err
	}
	c.mended = time.Now()
	if err := t.strike.Mend(ctx); err != nil {
		return err
	}
	if err := s.comeBack(ctx, c); err != nil {
		return err
	}
	if err := s.claimServed(c); err != nil {
		return err
	}
	l, err := s.Net.Losses(ctx, c.struck)
	if err != nil {
		return err
	}
	s.claimLosses(l, t.mode, c.away.At, t.spoils)
	s.rows = append(s.rows, row{t.name, t.mode, c.away.Cause, seconds(took), seconds(voted),
		seconds(c.back.At.Sub(c.mended)), l})
	return nil
}

// awaitInstant waits until all is well in the mode, for as long as the last change keeps the next
// one off, and then for a random instant of a round. With early that round is one of an era in
// which we led another already, and main will be back in it; those that we led are returned.
func (s *demo) awaitInstant(ctx context.Context, mode string, early bool) (led []hub.Round, err error) {
	if err := s.Command(ctx, "mode", mode); err != nil {
		return nil, err
	}
	if _, err := s.AllReady(ctx); err != nil {
		return nil, err
	}
	changes, err := s.Net.Cluster.Changes(ctx)
	if err != nil {
		return nil, err
	}
	if len(changes) > 0 {
		if err := testnet.Pause(ctx, time.Until(changes[len(changes)-1].At.Add(failoverAfter))); err != nil {
			return nil, err
		}
	}
	if early {
		_, err := s.AwaitReport(ctx, func(r hub.Report) bool {
			led = slices.DeleteFunc(r.Rounds, func(o hub.Round) bool { return o.Era != r.Era || !o.Ours || o.Skipped })
			return len(led) > 0 && r.Round < lastStrike // it will be in the next
		})
		if err != nil {
			return nil, err
		}
	}
	if err := s.SomeRounds(ctx, 1); err != nil {
		return nil, err
	}
	return led, s.Instant(ctx)
}

// claimVote tells of the standby's first vote: since main failed, or in fenced mode since the
// standby is active.
func (s *demo) claimVote(ctx context.Context, c *course) (took time.Duration, err error) {
	since := c.struck
	if c.mode == fenced {
		since = c.away.At
	}
	all, err := s.Net.Node(testnet.Standby).Journal(since)
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(all, func(e node.Entry) bool { return e.Kind == casper.KindVote.String() && e.Given() })
	if i < 0 {
		s.Claimf(false, "%s has no vote signed", testnet.Standby)
		return 0, nil
	}
	r, err := s.Net.Report(ctx)
	took = time.UnixMilli(all[i].At).Sub(c.struck)
	s.Claimf(openOrNext(r.Rounds, since, all[i]), "first vote of %s %s after it, in round %d of era %d: the one open by "+
		"then, or the next",
		testnet.Standby, testnet.Millis(took), all[i].Round, all[i].Era)
	return took, err
}

// openOrNext reports whether the entry is of a round that was open then, or of the one after it,
// or of one before.
func openOrNext(rounds []hub.Round, then time.Time, e node.Entry) bool {
	open := slices.IndexFunc(rounds, func(r hub.Round) bool { return r.Ended > then.UnixMilli() })
	of := slices.IndexFunc(rounds, func(r hub.Round) bool { return r.Era == e.Era && r.Round == e.Round })
	return open >= 0 && of >= 0 && of <= open+1
}

// comeBack waits until main has caught up, and is active again.
func (s *demo) comeBack(ctx context.Context, c *course) error {
	if _, err := s.AwaitRoles(ctx, func(r testnet.Roles) bool { return r.Ready(testnet.Main) }); err != nil {
		return err
	}
	s.Sayf("%s has caught up: ready %s after it came back", testnet.Main, testnet.Millis(time.Since(c.mended)))
	by, cause, least := "by itself", "return", failoverAfter<<s.returns
	if c.byHand {
		by, cause, least = "by hand", "operator", 0
		if err := s.Command(ctx, "promote", testnet.Main); err != nil {
			return err
		}
		if err := s.Command(ctx, "resume"); err != nil {
			return err
		}
	} else {
		s.returns++
	}
	var err error
	if c.back, err = s.AwaitActive(ctx, testnet.Main, c.mended); err != nil {
		return err
	}
	took := c.back.At.Sub(c.mended)
	s.Claimf(c.back.Cause == cause && took >= least, "%s is active again %s, epoch %d, %.1f s after it came back: %s",
		testnet.Main, by, c.back.Epoch, took.Seconds(), c.back.Reason)
	return s.SomeRounds(ctx, 2)
}

// claimServed tells what main was given that came back without its log, and in fenced mode
// who was refused.
func (s *demo) claimServed(c *course) error {
	main, err := s.Net.Node(testnet.Main).Journal(c.mended)
	if err != nil {
		return err
	}
	if c.forgets {
		asked, adopted := proposedAnew(main, c.led)
		// In the rest it had heard its old proposal by then, and asked for the same.
		s.Claimf(adopted > 0, "%s lost its log, and asked again for %d of the %d rounds that it had led: in %d it took "+
			"what is bound",
			testnet.Main, asked, len(c.led), adopted)
	}
	if c.mode != fenced {
		return nil
	}
	standby, err := s.Net.Node(testnet.Standby).Journal(c.struck)
	before, after := refused(standby, c.away.At), refused(main, c.back.At)
	s.Claimf(before > 0 && after > 0, "only the active node votes: until it was active, %s was refused %s, and %s %s "+
		"until it was again",
		testnet.Standby, plural(before, "time"), testnet.Main, plural(after, "time"))
	return err
}

// proposedAnew counts for how many of the rounds a node was given an echo, and in how many of them
// another than it asked for.
func proposedAnew(all []node.Entry, led []hub.Round) (asked, adopted int) {
	for _, r := range led {
		i := slices.IndexFunc(all, func(e node.Entry) bool {
			return e.Kind == casper.KindEcho.String() && e.Era == r.Era && e.Round == r.Round && e.Given()
		})
		if i < 0 {
			continue
		}
		asked++
		if all[i].Answer == testnet.Bound {
			adopted++
		}
	}
	return asked, adopted
}

// refused counts what a node was refused until then, since it was not the active one.
func refused(all []node.Entry, until time.Time) (n int) {
	for _, e := range all {
		if e.Reason == "NOT_ACTIVE" && e.At < until.UnixMilli() {
			n++
		}
	}
	return n
}

// claimLosses: in hot mode so many at most; in fenced mode those that began before the
// standby was active.
func (s *demo) claimLosses(l simnet.Losses, mode string, active time.Time, most int) {
	holds, which := len(l.Rounds) <= most, ""
	switch {
	case mode == fenced:
		which = ", all begun before " + testnet.Standby + " was active"
		holds = len(simnet.Since(l.Rounds, active)) == 0
	case most > 0:
		which = fmt.Sprintf(", of at most %d", most)
	}
	s.Claimf(holds && len(l.Finality) == 0, "of %d rounds %d are lost%s, and %d finality signatures",
		l.Of, len(l.Rounds), which, len(l.Finality))
	if len(l.Died) > 0 {
		s.Sayf("rounds that we led and whose proposal died with what failed: %d", len(l.Died))
	}
}
