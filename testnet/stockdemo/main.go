// Stockdemo shows a pair of stock nodes on a network of real casper-nodes, as published, without an
// edit of ours: four validators on the loopback address, one of which is a main and a standby with
// one key, each behind a gate and an agent, and three cosigners. It kills and restarts, and lets
// the other validators be the judges.
//
// It says for each promise whether it held, and exits with 0 only if every one does. What it is
// played on, and by whom it is judged, is that of casperdemo: package stage. It needs root, for the
// gates mount; what they mount is nobody else's and ends with it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"casper-cosigner/testnet/casperdemo/stage"
	"casper-cosigner/testnet/show"
)

// limit is when the demo gives up.
const limit = 40 * time.Minute

// eraTime is short, since most acts need an era in which the active node votes, and half of it. A
// restart by order must be worth it all the same: five of them must fit in what is left.
const eraTime = 3 * time.Minute

// inside says that this process has mounts of its own.
const inside = "STOCKDEMO_INSIDE"

func main() {
	if os.Getenv(inside) == "" {
		os.Exit(alone())
	}
	var o stage.Options
	json := flag.String("json", "", "file for the figures")
	only := flag.String("only", "", "play these acts only, by name, with commas (all but the last need \"start\")")
	keep := flag.Bool("keep", false, "keep the folder: settings, state and logs")
	era := flag.Duration("era-time", eraTime, "least time of an era")
	flag.StringVar(&o.Node, "node", "", "casper-node, as published")
	flag.StringVar(&o.Defaults, "defaults", "", "the program localnet-defaults")
	flag.StringVar(&o.Binary, "binary", "bin/casper-cosigner", "the program")
	flag.StringVar(&o.Judge, "judge", "bin/judge", "the judge")
	flag.Uint64Var(&o.Seed, "seed", 0, "of keys and instants (default: drawn, and printed)")
	flag.DurationVar(&o.BlockTime, "block-time", 4*time.Second, "least time between blocks")
	flag.Parse()
	if o.Node == "" || o.Defaults == "" {
		fmt.Fprintln(os.Stderr, "stockdemo: name casper-node with --node and localnet-defaults with --defaults "+
			"(make casper-node-stock and make casper-node build them)")
		os.Exit(2)
	}
	for o.Seed == 0 {
		o.Seed = rand.Uint64N(1_000_000)
	}
	p := show.Program{Name: "stockdemo", Limit: limit, Keep: *keep}
	p.Run(func(ctx context.Context, dir string) (held bool, err error) {
		s, err := stage.New(ctx, o, dir, os.Stdout)
		if err != nil {
			return false, err
		}
		s.EraTime, s.Stock = *era, true
		held, err = (&demo{Stage: s}).play(ctx, *only)
		if *json != "" {
			err = errors.Join(err, s.Result.Write(*json))
		}
		return held, err
	})
}

// alone runs this program again, with mounts of its own.
func alone() int {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stockdemo:", err)
		return 1
	}
	c := exec.Command(self, os.Args[1:]...)
	c.Stdin, c.Stdout, c.Stderr, c.Env = os.Stdin, os.Stdout, os.Stderr, append(os.Environ(), inside+"=1")
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err = c.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stockdemo: SKIPPED: only root can mount what gates are made of:", err)
		return 1
	}
	return 0
}

// What the acts may cost. The votes of a node are lost while it is started, or until the other one
// is, for whose restart the cosigners may wait until the one that died might be back. Blocks are
// signed by either; only where the one is down and the other started anew there is nobody.
const (
	lostToRestart   = 12 // rounds
	lostToFailover  = 30
	lostToQuorum    = 2
	missedInRestart = 15 // blocks
)

// demo is one run.
type demo struct{ *stage.Stage }

// play plays the named acts, or all, and reports whether every line held.
func (s *demo) play(ctx context.Context, only string) (held bool, err error) {
	acts := slices.DeleteFunc(s.acts(), func(a stage.Act) bool {
		return only != "" && !slices.Contains(strings.Split(only, ","), a.Name)
	})
	err = errors.Join(s.Play(ctx, 1, acts), s.ClosePair())
	return s.End() && err == nil, err
}

// acts are the demo's, in order. After each it is told what the launcher did by itself.
func (s *demo) acts() []stage.Act {
	acts := []stage.Act{
		{Name: "start", Title: "Starting: two nodes with one key behind gates, three other validators", Play: s.Begins},
		{Name: "steady", Title: "Both run, and one votes", Play: s.steady},
		{Name: "leader", Title: "kill -9 of the leading cosigner while we vote", Play: s.killLeader},
		{Name: "kill", Title: "kill -9 of the active node, and a restart of each", Play: s.kill, MayLose: lostToRestart},
		{Name: "gate", Title: "kill -9 of the active node's gate: the other one votes", Play: s.killGate,
			MayLose: lostToFailover, MayMiss: missedInRestart},
		{Name: "failover", Title: "kill -9 of the active node, which stays down: the other one votes", Play: s.failover,
			MayLose: lostToFailover, MayMiss: missedInRestart},
		{Name: "halt", Title: "SIGSTOP of the active node for 20 s", Play: s.halt,
			MayLose: lostToFailover, MayMiss: missedInRestart},
		{Name: "hang", Title: "SIGSTOP of the active node's gate: its watch aborts it, and the other one votes",
			Play: s.haltGate, MayLose: lostToFailover, MayMiss: missedInRestart},
		{Name: "quorum", Title: "Two of three cosigners are gone as an era begins", Play: s.noQuorum,
			MayLose: lostToQuorum},
		{Name: "read", Title: "cat and cp of the active node's unit files, through the gate", Play: s.read},
		{Name: "remove", Title: "The active node's unit files are deleted while it and its gate are down", Play: s.remove,
			MayLose: lostToFailover, MayMiss: missedInRestart},
		{Name: "judges", Title: "The judges", Play: s.Judges},
	}
	for i, a := range acts[1 : len(acts)-1] {
		acts[1+i].Rounds = true
		acts[1+i].Play = func(ctx context.Context) error {
			err := a.Play(ctx)
			told := s.Pair.Launcher.Told()
			for _, what := range told {
				s.Sayf("%s", what)
			}
			s.Count("launched", len(told))
			return err
		}
	}
	return acts
}
