package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"casper-cosigner/testnet"
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
func (s *long) needed(ctx context.Context) error {
	p := s.pair
	if err := s.anInstant(ctx); err != nil {
		return err
	}
	if err := s.disturb("kill -9 "+p.main.node.Name, p.main.node.Kill); err != nil {
		return err
	}
	from, killed := p.record().Height(), time.Now()
	if err := s.someRounds(ctx, roundsWithoutMain); err != nil {
		return err
	}
	to := p.record().Height()
	s.Claimf(to > from, "the chain goes on with the standby alone: heights %d to %d in %v, at most %v between blocks",
		from, to, time.Since(killed).Round(time.Second), s.longestGap(killed).Round(100*time.Millisecond))
	return s.startMain(ctx)
}

// longestGap is the longest time between blocks that came after the given time.
func (s *long) longestGap(from time.Time) (longest time.Duration) {
	last := from
	for _, b := range s.pair.record().Blocks() {
		if b.Seen.After(from) {
			longest = max(longest, b.Seen.Sub(last))
			last = b.Seen
		}
	}
	return longest
}

// restartAgent kills the agent of the running main, and starts it again.
func (s *long) restartAgent(ctx context.Context) error {
	p := s.pair
	if err := s.anInstant(ctx); err != nil {
		return err
	}
	if err := s.disturb("kill -9 of the agent of "+p.main.node.Name, p.mainAgent().Kill); err != nil {
		return err
	}
	pid, killed := p.main.node.PID(), time.Now()
	if err := s.someRounds(ctx, roundsWithoutAgent); err != nil {
		return err
	}
	signed, asks := s.mainSince(killed)
	s.Claimf(signed == 0 && asks > 0, "without its agent the main asks %d times, and gets nothing signed: %d", asks, signed)
	if err := p.mainAgent().Start(ctx); err != nil {
		return err
	}
	if err := s.back(ctx, p.main, time.Now()); err != nil {
		return err
	}
	s.Claimf(p.main.node.Running() && p.main.node.PID() == pid, "it is the same process all along")
	return nil
}

// mainSince counts what the main asked for since then, and what of it was signed.
func (s *long) mainSince(from time.Time) (signed, all int) {
	for _, a := range s.pair.main.asked() {
		if a.At.Before(from) {
			continue
		}
		all++
		if a.answered() {
			signed++
		}
	}
	return signed, all
}

// stands has all cosigners away while the others cannot decide without us.
func (s *long) stands(ctx context.Context) error {
	p := s.pair
	left, back, err := s.withoutCosigners(ctx)
	if err != nil {
		return err
	}
	meanwhile := 0
	for _, b := range p.record().Blocks() {
		// What was decided before they left takes a moment to become a block.
		if (window{left.Add(time.Second), back.Add(-time.Second)}).holds(b.Seen) {
			meanwhile++
		}
	}
	s.count("blocks_while_gone", meanwhile)
	s.Claimf(meanwhile == 0, "the chain stands still without us: %d blocks", meanwhile)
	var next time.Duration
	err = s.await(ctx, backIn, "a block", func() (bool, error) {
		for _, b := range p.record().Blocks() {
			if next = b.Seen.Sub(back); next > 0 {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	s.count("millis_until_block", int(next/time.Millisecond))
	s.Claimf(next < goesOnIn, "the next block comes %.1f s after the cosigners are ready (want < %v)", next.Seconds(), goesOnIn)
	if err := s.claimLate(ctx, left, back); err != nil {
		return err
	}
	return s.someRounds(ctx, roundsAfter)
}

// missingSocket starts the main before its agent.
func (s *long) missingSocket(ctx context.Context) error {
	p := s.pair
	if err := s.withoutSocket(ctx); err != nil {
		return err
	}
	from := time.Now()
	if err := p.main.node.Start(ctx); err != nil {
		return err
	}
	if _, err := s.follows(ctx, backIn); err != nil {
		return err
	}
	s.Sayf("it is at the others' height %v after its start", time.Since(from).Round(100*time.Millisecond))
	if err := s.someRounds(ctx, roundsBlind); err != nil {
		return err
	}
	height, err := s.follows(ctx, s.blockTime)
	s.Claimf(err == nil, "without the socket the node starts and follows the chain, to height %d", height)
	signed, _ := s.mainSince(from)
	line, said, err := findLine(p.main.node.LogFile(), noAnswer)
	if err != nil {
		return err
	}
	s.Claimf(signed == 0 && said, "it has nothing signed (%d), and says why: %s, %q", signed, line.Level, line.Fields.Why)

	started := time.Now()
	if err := p.mainAgent().Start(ctx); err != nil {
		return err
	}
	if err := s.back(ctx, p.main, started); err != nil {
		return err
	}
	return s.claimRouted(ctx, started)
}

// withoutSocket ends the main and its agent, and removes the socket.
func (s *long) withoutSocket(ctx context.Context) error {
	if err := s.anInstant(ctx); err != nil {
		return err
	}
	return s.disturb("SIGTERM to "+s.pair.main.node.Name+", and its agent ended", func() error {
		return errors.Join(s.endMain(ctx), s.endAgent())
	})
}

// endAgent kills the main's agent and removes what it leaves.
func (s *long) endAgent() error {
	if err := s.pair.mainAgent().Kill(); err != nil {
		return err
	}
	if err := os.Remove(s.pair.cluster.Socket(testnet.Main)); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("removing the agent's socket: %w", err)
	}
	return nil
}

// follows waits until the main is at the others' height, and returns it.
func (s *long) follows(ctx context.Context, within time.Duration) (height int64, err error) {
	err = s.await(ctx, within, "the main to follow the chain", func() (bool, error) {
		status, err := s.pair.main.node.Status(ctx)
		if err != nil {
			return false, ctx.Err() // it is not up yet
		}
		height = status.Height()
		return height >= s.pair.record().Height(), nil
	})
	return height, err
}

// claimRouted tells whether the others send the main what they have, now that it has a certificate: then our nodes ask for
// the same at about the same time.
func (s *long) claimRouted(ctx context.Context, started time.Time) error {
	p := s.pair
	line, said, err := findLine(p.main.node.LogFile(), certified)
	if err != nil {
		return err
	}
	after := line.Timestamp.Sub(started)
	s.Claimf(said, "its certificates are signed %v after the agent's start; peers connect anew", after.Round(10*time.Millisecond))
	first, err := s.newRound(ctx)
	if err != nil {
		return err
	}
	if err := s.someRounds(ctx, roundsRouted); err != nil {
		return err
	}
	var apart testnet.Latencies
	standby := firstVotes(p.standby.asked(), first.Start)
	for slot, at := range firstVotes(p.main.asked(), first.Start) {
		if other, ok := standby[slot]; ok {
			apart = append(apart, at.Sub(other).Abs())
		}
	}
	s.count("micros_apart_p50", int(apart.Quantile(0.5)/time.Microsecond))
	s.Claimf(len(apart) >= roundsRouted-1 && apart.Quantile(0.5) < routedWithin,
		"peers send it what they have: in %d rounds it asks for its Vote %s (p50; max %s) apart from the standby (want < %v)",
		len(apart), testnet.Millis(apart.Quantile(0.5)), testnet.Millis(apart.Max()), routedWithin)
	return nil
}

// firstVotes tells when each slot of a Vote was first asked for, from then on.
func firstVotes(all []asked, from time.Time) map[string]time.Time {
	first := map[string]time.Time{}
	for _, a := range all {
		if at, ok := first[a.Slot]; a.Kind == "vote" && !a.At.Before(from) && (!ok || a.At.Before(at)) {
			first[a.Slot] = a.At
		}
	}
	return first
}
