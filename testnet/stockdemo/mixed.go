package main

import (
	"context"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
)

// mixedEra is long enough for two restarts in the first era, and short enough to wait for the next.
const mixedEra = 4 * time.Minute

// mixed are the acts of a pair of one stock node, which is the main, and one without a key. That
// one asks for a signature of each message, again where it gets none, and so is never out: when the
// stock node fails it votes on.
func (s *demo) mixed() []stage.Act {
	return []stage.Act{
		{Name: "both", Title: "Both run, and no message of either contradicts the other's", Play: s.steady},
		{Name: "stock", Title: "kill -9 of the node with the key: the other one votes on", Play: s.killStock,
			MayLose: lostToMixed},
		{Name: "keyless", Title: "kill -9 of the node without a key, which stays down: the other one signs blocks, and votes",
			Play: s.killKeyless, MayLose: int(mixedEra / s.BlockTime), MayMiss: missedInRestart},
	}
}

// killStock kills the node with the key, and starts it again once the other one is the active one.
func (s *demo) killStock(ctx context.Context) error {
	p := s.Pair
	if err := s.AnInstant(ctx); err != nil {
		return err
	}
	if err := s.Disturb("kill -9 "+testnet.Main, p.Main.Node.Kill); err != nil {
		return err
	}
	if err := s.takesOver(ctx, host{NodeLog: p.Standby}, time.Now()); err != nil {
		return err
	}
	if err := s.start(ctx, p.Main.Node); err != nil {
		return err
	}
	return s.SomeRounds(ctx, stage.RoundsAfter)
}

// killKeyless kills the node without a key, be it the active one or not, and waits until others
// have a vote of the one that is left. That one may be out of the era, and to start it anew does
// not help: the messages of the one without a key are in no unit file, so in the first round in
// which it wants another content than that had signed it is out again.
//
// The node without a key stays down. Who was away for minutes waits for minutes until enough of the
// others connect to it again, which is casper-node's doing and nothing of the pair's.
func (s *demo) killKeyless(ctx context.Context) error {
	p := s.Pair
	if err := s.AnInstant(ctx); err != nil {
		return err
	}
	r, err := p.Cluster.Roles(ctx)
	if err != nil {
		return err
	}
	if err := s.Disturb("kill -9 "+testnet.Standby, p.Standby.Node.Kill); err != nil {
		return err
	}
	killed := time.Now()
	s.Sayf("the active one was %s", r.Active)
	if r.Active == testnet.Standby {
		if err := s.takesOver(ctx, host{NodeLog: p.Main}, killed); err != nil {
			return err
		}
	}
	return s.votesAgain(ctx, killed.Add(s.BlockTime))
}
