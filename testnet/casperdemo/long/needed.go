package long

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
)

const (
	roundsWithoutMain  = 5
	roundsWithoutAgent = 2
	roundsBlind        = 3 // of a main without an agent
	roundsRouted       = 4
	goesOnIn           = 10 * time.Second
	routedWithin       = 100 * time.Millisecond // of each other our nodes ask, when peers send both what they have
)

// What the node says of its agent (node/remote-signer worker.rs, remote_signing/handshake.rs).
const (
	noAnswer    = "no answer to a request for a signature; further ones are not logged"
	notBelieved = "the agent's answer is not used"
	certified   = "certificates are signed again; peers without one have to connect anew"
)

// needed kills the main while the others cannot decide without us.
func (s *run) needed(ctx context.Context) error {
	p := s.Pair
	if err := s.AnInstant(ctx); err != nil {
		return err
	}
	if err := s.Disturb("kill -9 "+p.Main.Node.Name, p.Main.Node.Kill); err != nil {
		return err
	}
	from, killed := p.Record().Height(), time.Now()
	if err := s.SomeRounds(ctx, roundsWithoutMain); err != nil {
		return err
	}
	to := p.Record().Height()
	s.Claimf(to > from, "the chain goes on with the standby alone: heights %d to %d in %v, at most %v between blocks",
		from, to, time.Since(killed).Round(time.Second), s.longestGap(killed).Round(100*time.Millisecond))
	return s.startMain(ctx)
}

// longestGap is the longest time between blocks that came after the given time.
func (s *run) longestGap(from time.Time) (longest time.Duration) {
	last := from
	for _, b := range s.Pair.Record().Blocks() {
		if b.Seen.After(from) {
			longest = max(longest, b.Seen.Sub(last))
			last = b.Seen
		}
	}
	return longest
}

// restartAgent kills the agent of the running main, and starts it again.
func (s *run) restartAgent(ctx context.Context) error {
	p := s.Pair
	if err := s.AnInstant(ctx); err != nil {
		return err
	}
	if err := s.Disturb("kill -9 of the agent of "+p.Main.Node.Name, p.MainAgent().Kill); err != nil {
		return err
	}
	pid, killed := p.Main.Node.PID(), time.Now()
	if err := s.SomeRounds(ctx, roundsWithoutAgent); err != nil {
		return err
	}
	signed, asks := s.mainSince(killed)
	s.Claimf(signed == 0 && asks > 0, "without its agent the main asks %d times, and gets nothing signed: %d",
		asks, signed)
	if err := p.MainAgent().Start(ctx); err != nil {
		return err
	}
	if err := s.back(ctx, p.Main, time.Now()); err != nil {
		return err
	}
	s.Claimf(p.Main.Node.Running() && p.Main.Node.PID() == pid, "it is the same process all along")
	return nil
}

// mainSince counts what the main asked for since then, and what of it was signed.
func (s *run) mainSince(from time.Time) (signed, all int) {
	for _, a := range s.Pair.Main.Asked() {
		if a.At.Before(from) {
			continue
		}
		all++
		if a.Answered() {
			signed++
		}
	}
	return signed, all
}

// stands has all cosigners away while the others cannot decide without us.
func (s *run) stands(ctx context.Context) error {
	p := s.Pair
	left, back, err := s.withoutCosigners(ctx)
	if err != nil {
		return err
	}
	meanwhile := 0
	for _, b := range p.Record().Blocks() {
		// What was decided before they left takes a moment to become a block.
		if (stage.Window{From: left.Add(time.Second), To: back.Add(-time.Second)}).Holds(b.Seen) {
			meanwhile++
		}
	}
	s.Count("blocks_while_gone", meanwhile)
	s.Claimf(meanwhile == 0, "the chain stands still without us: %d blocks", meanwhile)
	var next time.Duration
	err = s.Await(ctx, backIn, "a block", func() (bool, error) {
		for _, b := range p.Record().Blocks() {
			if next = b.Seen.Sub(back); next > 0 {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	s.Count("millis_until_block", int(next/time.Millisecond))
	s.Claimf(next < goesOnIn, "the next block comes %.1f s after the cosigners are ready (want < %v)",
		next.Seconds(), goesOnIn)
	if err := s.claimLate(ctx, left, back); err != nil {
		return err
	}
	return s.SomeRounds(ctx, stage.RoundsAfter)
}

// missingSocket starts the main before its agent.
func (s *run) missingSocket(ctx context.Context) error {
	p := s.Pair
	if err := s.withoutSocket(ctx); err != nil {
		return err
	}
	from := time.Now()
	if err := p.Main.Node.Start(ctx); err != nil {
		return err
	}
	if _, err := s.follows(ctx, backIn); err != nil {
		return err
	}
	s.Sayf("it is at the others' height %v after its start", time.Since(from).Round(100*time.Millisecond))
	if err := s.SomeRounds(ctx, roundsBlind); err != nil {
		return err
	}
	height, err := s.follows(ctx, s.BlockTime)
	s.Claimf(err == nil, "without the socket the node starts and follows the chain, to height %d", height)
	signed, _ := s.mainSince(from)
	line, said, err := findLine(p.Main.Node.LogFile(), noAnswer)
	if err != nil {
		return err
	}
	s.Claimf(signed == 0 && said, "it has nothing signed (%d), and says why: %s, %q", signed, line.Level, line.Fields.Why)

	started := time.Now()
	if err := p.MainAgent().Start(ctx); err != nil {
		return err
	}
	if err := s.back(ctx, p.Main, started); err != nil {
		return err
	}
	return s.claimRouted(ctx, started)
}

// withoutSocket ends the main and its agent, and removes the socket.
func (s *run) withoutSocket(ctx context.Context) error {
	if err := s.AnInstant(ctx); err != nil {
		return err
	}
	return s.Disturb("SIGTERM to "+s.Pair.Main.Node.Name+", and its agent ended", func() error {
		return errors.Join(s.endMain(ctx), s.endAgent())
	})
}

// endAgent kills the main's agent and removes what it leaves.
func (s *run) endAgent() error {
	if err := s.Pair.MainAgent().Kill(); err != nil {
		return err
	}
	if err := os.Remove(s.Pair.Cluster.Socket(testnet.Main)); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("removing the agent's socket: %w", err)
	}
	return nil
}

// follows waits until the main is at the others' height, and returns it.
func (s *run) follows(ctx context.Context, within time.Duration) (height int64, err error) {
	err = s.Await(ctx, within, "the main to follow the chain", func() (bool, error) {
		status, err := s.Pair.Main.Node.Status(ctx)
		if err != nil {
			return false, ctx.Err() // it is not up yet
		}
		height = status.Height()
		return height >= s.Pair.Record().Height(), nil
	})
	return height, err
}

// claimRouted tells whether the others send the main what they have, now that it has a certificate:
// then our nodes ask for the same at about the same time.
func (s *run) claimRouted(ctx context.Context, started time.Time) error {
	p := s.Pair
	line, said, err := findLine(p.Main.Node.LogFile(), certified)
	if err != nil {
		return err
	}
	after := line.Timestamp.Sub(started)
	s.Claimf(said, "its certificates are signed %v after the agent's start; peers connect anew",
		after.Round(10*time.Millisecond))
	first, err := s.NewRound(ctx)
	if err != nil {
		return err
	}
	if err := s.SomeRounds(ctx, roundsRouted); err != nil {
		return err
	}
	var apart testnet.Latencies
	standby := firstVotes(p.Standby.Asked(), first.Start)
	for slot, at := range firstVotes(p.Main.Asked(), first.Start) {
		if other, ok := standby[slot]; ok {
			apart = append(apart, at.Sub(other).Abs())
		}
	}
	s.Count("micros_apart_p50", int(apart.Quantile(0.5)/time.Microsecond))
	s.Claimf(len(apart) >= roundsRouted-1 && apart.Quantile(0.5) < routedWithin,
		"peers send it what they have: in %d rounds it asks for its Vote %s (p50; max %s) apart from the standby (want < %v)",
		len(apart), testnet.Millis(apart.Quantile(0.5)), testnet.Millis(apart.Max()), routedWithin)
	return nil
}

// firstVotes tells when each slot of a Vote was first asked for, from then on.
func firstVotes(all []stage.Asked, from time.Time) map[string]time.Time {
	first := map[string]time.Time{}
	for _, a := range all {
		if at, ok := first[a.Slot]; a.Kind == "vote" && !a.At.Before(from) && (!ok || a.At.Before(at)) {
			first[a.Slot] = a.At
		}
	}
	return first
}
