package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
)

// What the acts may cost. The votes of a node are lost while it is started, or until the other one
// is, for whose restart the cosigners may wait until the one that died might be back. Blocks are
// signed by either; only where the one is down and the other started anew there is nobody.
const (
	lostToRestart   = 12 // rounds
	lostToFailover  = 30
	lostToQuorum    = 2
	lostToLeader    = 1 // a message may wait for the next one longer than a node that is to give in does
	lostToMixed     = 3 // the one without a key may have given way to what the dead one was granted
	lostToEras      = 4 // eras are short, and both nodes begin each: where both lead, one gives in
	missedInRestart = 15
)

// demo is one run.
type demo struct {
	*stage.Stage
	era  time.Duration // of networks A and B
	lost table

	stageErr error // of files for launchers

	byIndex string // a gate that knows ours by an index
}

// network is one of the demo's, and what is played on it between its start and the judges.
type network struct {
	name, title string
	blockTime   time.Duration
	stage.Layout
	acts    []stage.Act
	control bool // it is to be banned: the acts are all, and no judges follow
	hosts   bool // our nodes are on hosts of their own
}

func (s *demo) networks() []network {
	both := []string{testnet.Main, testnet.Standby}
	return []network{
		{name: "A", title: "nodes and gates die", blockTime: s.BlockTime,
			Layout: stage.Layout{EraTime: s.era, Automatic: true, Stock: both}, acts: s.deaths()},
		{name: "B", title: "nodes and gates hang, files are lost, cosigners die", blockTime: s.BlockTime,
			Layout: stage.Layout{EraTime: s.era, Automatic: true, Stock: both}, acts: s.hangs()},
		{name: "C", title: "other validators go and come, so that indices move", blockTime: 3 * time.Second,
			Layout: stage.Layout{EraTime: 36 * time.Second, Automatic: true, Stock: both, Others: 4}, acts: []stage.Act{
				{Name: "evicted", Title: "Another validator is silent for an era, and evicted", Play: s.evicted,
					MayLose: lostToEras},
				{Name: "joins", Title: "It takes part again", Play: s.joins, MayLose: lostToEras},
				{Name: "leaves", Title: "Another one leaves of its own will", Play: s.leaves, MayLose: lostToEras},
			}},
		{name: "D", title: "two nodes without gates", blockTime: 3 * time.Second, control: true,
			Layout: stage.Layout{EraTime: 30 * time.Second}, acts: []stage.Act{
				{Name: "gateless", Title: "Two nodes with one key, and no gate", Play: s.gatelessPair},
			}},
		{name: "E", title: "one node with the key, behind a gate, and one without", blockTime: s.BlockTime,
			Layout: stage.Layout{EraTime: mixedEra, Automatic: true, Stock: both[:1]}, acts: s.mixed()},
		{name: "F", title: "a host loses its network", blockTime: s.BlockTime, hosts: true,
			Layout: stage.Layout{EraTime: s.era, Automatic: true, Stock: both}, acts: []stage.Act{
				{Name: "cut", Title: "The active node's host is cut off: the other one votes", Play: s.cut,
					MayLose: lostToFailover, MayMiss: missedInRestart},
			}},
		{name: "G", title: "gates that go by an index", blockTime: 3 * time.Second, control: true,
			Layout: stage.Layout{EraTime: 36 * time.Second, Automatic: true, Stock: both, Others: 4, Gate: s.byIndex},
			acts: []stage.Act{
				{Name: "index", Title: "Another validator leaves, and our index moves", Play: s.indexMoves},
			}},
		{name: "H", title: "an upgrade day", blockTime: 3 * time.Second,
			Layout: stage.Layout{EraTime: 36 * time.Second, Automatic: true, Stock: both, Arrange: s.launched,
				Arranged: s.stageOld},
			acts: []stage.Act{
				{Name: "upgrade", Title: "All nodes go to a new version, each by its launcher", Play: s.upgrade,
					MayLose: lostToDay, MayMiss: missedByDay},
			}},
	}
}

// deaths are the acts of network A. In an era the cosigners order two restarts of a node at most,
// so no more acts than these want one; hangs has the others.
func (s *demo) deaths() []stage.Act {
	return []stage.Act{
		{Name: "steady", Title: "Both run, and one votes", Play: s.steady},
		{Name: "kill", Title: "kill -9 of the active node, and a restart of each", Play: s.kill, MayLose: lostToRestart},
		{Name: "gate", Title: "kill -9 of the active node's gate: the other one votes", Play: s.killGate,
			MayLose: lostToFailover, MayMiss: missedInRestart},
		{Name: "failover", Title: "kill -9 of the active node, which stays down: the other one votes", Play: s.failover,
			MayLose: lostToFailover, MayMiss: missedInRestart},
	}
}

// hangs are the acts of network B, in order: first those in which nodes are started again.
func (s *demo) hangs() []stage.Act {
	return []stage.Act{
		{Name: "halt", Title: "SIGSTOP of the active node for 20 s", Play: s.halt,
			MayLose: lostToFailover, MayMiss: missedInRestart},
		{Name: "hang", Title: "SIGSTOP of the active node's gate: its watch aborts it, and the other one votes",
			Play: s.haltGate, MayLose: lostToFailover, MayMiss: missedInRestart},
		{Name: "remove", Title: "The active node's unit files are deleted while it and its gate are down", Play: s.remove,
			MayLose: lostToFailover, MayMiss: missedInRestart},
		{Name: "leader", Title: "kill -9 of the leading cosigner while we vote", Play: s.killLeader, MayLose: lostToLeader},
		{Name: "read", Title: "cat and cp of the active node's unit files, through the gate", Play: s.read},
		{Name: "quorum", Title: "Two of three cosigners are gone as an era begins", Play: s.noQuorum,
			MayLose: lostToQuorum},
	}
}

// play plays what is named, or all, and reports whether every line held.
func (s *demo) play(ctx context.Context, only string) (held bool, err error) {
	names := strings.Split(only, ",")
	root := s.Dir
	for _, n := range s.networks() {
		n.acts = slices.DeleteFunc(n.acts, func(a stage.Act) bool {
			return only != "" && !slices.Contains(names, n.name) && !slices.Contains(names, a.Name)
		})
		if len(n.acts) == 0 || ctx.Err() != nil {
			continue
		}
		first := len(s.Result.Acts)
		s.Dir = filepath.Join(root, n.name)
		err = errors.Join(err, s.playNetwork(ctx, n))
		s.lost.add(n.name, s.Result.Acts[first:])
	}
	s.Dir = root
	s.Printf("\n%s", &s.lost)
	return s.End() && err == nil, err
}

// playNetwork plays one network from its start to the judges.
func (s *demo) playNetwork(ctx context.Context, n network) (err error) {
	s.Printf("\nNetwork %s: %s; blocks of %v, eras of %v\n", n.name, n.title, n.blockTime, n.EraTime)
	blockTime, seed := s.BlockTime, s.Seed
	s.BlockTime, s.Layout, s.On = n.blockTime, n.Layout, nil
	if n.Others > 0 {
		s.Seed = seedWithTwoBelow(seed, n.Others)
	}
	defer func() { s.BlockTime, s.Seed = blockTime, seed }()
	if err := os.Mkdir(s.Dir, 0o700); err != nil {
		return fmt.Errorf("making the folder of network %s: %w", n.name, err)
	}
	if n.hosts {
		ok, apartErr := s.apart(ctx)
		if apartErr != nil || !ok {
			return apartErr
		}
		defer func() { err = errors.Join(err, s.Hosts.Close()) }()
	}
	defer func() { err = errors.Join(err, s.ClosePair()) }()
	if n.control && len(n.Stock) == 0 { // an act makes all that it needs
		return s.Play(ctx, 1, n.acts)
	}
	acts := []stage.Act{{Name: "start",
		Title: "Starting: two nodes of one key, and other validators", Play: s.Begins}}
	if n.control {
		return s.Play(ctx, 1, append(acts, n.acts...))
	}
	for _, a := range n.acts {
		acts = append(acts, s.told(a))
	}
	return s.Play(ctx, 1, append(acts, stage.Act{Name: "judges", Title: "The judges", Play: s.JudgesAndRewards}))
}

// told is an act whose rounds are judged, and after which is told what the launcher did by itself.
func (s *demo) told(a stage.Act) stage.Act {
	play := a.Play
	a.Rounds = true
	a.Play = func(ctx context.Context) error {
		err := play(ctx)
		told := s.Pair.Launcher.Told()
		for _, what := range told {
			s.Sayf("%s", what)
		}
		s.Count("launched", len(told))
		return err
	}
	return a
}
