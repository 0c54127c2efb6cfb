// Casperdemo shows the product on a network of real casper-nodes: four validators on the loopback
// address, one of which is a main and a standby that hold no key and sign through three cosigners.
// It kills, halts and hands over, and lets the other validators be the judges.
//
// It says for each promise whether it held, and exits with 0 only if every one does. What it claims
// rests on what others received: the unit files, finality signatures and faults of the validators
// that are not ours; a program that shares no code with the product reads the unit files. Instants
// are drawn from a seed, which is printed; --seed repeats them. Every wait is bounded, and only
// processes that it started are signalled.
//
// Here are the acts of the demo. What they are played on is in package stage, and the longer run,
// -long, in package long.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"casper-cosigner/testnet/casperdemo/long"
	"casper-cosigner/testnet/casperdemo/stage"
	"casper-cosigner/testnet/show"
)

// When the demo, and the longer run, give up.
const (
	limit     = 15 * time.Minute
	longLimit = 75 * time.Minute
)

func main() {
	var o stage.Options
	var longer long.Options
	json := flag.String("json", "", "file for the figures")
	only := flag.String("only", "", "play these acts only, by name, with commas (all but the last need \"start\")")
	playLong := flag.Bool("long",
		false, "play the longer acts, on other networks, instead (--only then names networks, or acts)")
	keep := flag.Bool("keep", false, "keep the folder: settings, state and logs")
	flag.StringVar(&o.Node, "node", "", "casper-node, the patched build")
	flag.StringVar(&o.Defaults, "defaults", "", "the program localnet-defaults (default: beside casper-node)")
	flag.StringVar(&o.Binary, "binary", "bin/casper-cosigner", "the program")
	flag.StringVar(&o.Judge, "judge", "bin/judge", "the judge")
	flag.Uint64Var(&o.Seed, "seed", 0, "of keys and instants (default: drawn, and printed)")
	flag.DurationVar(&o.BlockTime, "block-time", 4*time.Second, "least time between blocks")
	flag.BoolVar(&longer.Short, "short",
		false, "with --long: fewer of everything, to try the acts; its figures are worth nothing")
	flag.StringVar(&longer.Results, "results", "", "with --long: file for the results, in Markdown")
	flag.StringVar(&longer.Commit, "commit", "unknown", "with --long: revision of the checkout, for the results")
	chain := flag.String("chain", "",
		"only write a small chain's chainspec and accounts into this folder (needs -defaults)")
	flag.Parse()
	if *chain != "" {
		if err := writeChain(context.Background(), o.Defaults, *chain); err != nil {
			fmt.Fprintln(os.Stderr, "casperdemo:", err)
			os.Exit(1)
		}
		return
	}
	if o.Node == "" {
		fmt.Fprintln(os.Stderr, "casperdemo: name the patched casper-node with --node (make casper-node builds it)")
		os.Exit(2)
	}
	if o.Defaults == "" {
		o.Defaults = filepath.Join(filepath.Dir(o.Node), "localnet-defaults")
	}
	for o.Seed == 0 {
		o.Seed = rand.Uint64N(1_000_000)
	}

	p := show.Program{Name: "casperdemo", Limit: limit, Keep: *keep}
	play := func(ctx context.Context, s *stage.Stage) (bool, error) { return (&demo{s}).play(ctx, *only) }
	if *playLong {
		p.Limit, longer.Only = longLimit, *only
		play = func(ctx context.Context, s *stage.Stage) (bool, error) {
			return long.Run(ctx, s, longer, (&demo{s}).acts())
		}
	}
	p.Run(func(ctx context.Context, dir string) (held bool, err error) {
		s, err := stage.New(ctx, o, dir, os.Stdout)
		if err != nil {
			return false, err
		}
		held, err = play(ctx, s)
		if *json != "" {
			err = errors.Join(err, s.Result.Write(*json))
		}
		return held, err
	})
}

// demo is the short run.
type demo struct{ *stage.Stage }

// play plays the named acts, or all, and reports whether every line held.
func (s *demo) play(ctx context.Context, only string) (held bool, err error) {
	acts := slices.DeleteFunc(s.acts(), func(a stage.Act) bool {
		return only != "" && !slices.Contains(strings.Split(only, ","), a.Name)
	})
	err = errors.Join(s.Play(ctx, 1, acts), s.ClosePair())
	return s.End() && err == nil, err
}

// acts are the demo's, in order.
func (s *demo) acts() []stage.Act {
	return []stage.Act{
		{Name: "start", Title: "Starting: a key split 2 of 3, then four validators, ours without a key", Play: s.Begins},
		{Name: "steady", Title: "Both nodes of ours run and ask", Play: s.Steady, Rounds: true},
		{Name: "kill", Title: "kill -9 of the main, in the middle of a round", Play: s.killMain, Rounds: true},
		{Name: "hang", Title: "SIGSTOP of the main, SIGCONT later", Play: s.hangMain, Rounds: true},
		{Name: "leader", Title: "kill -9 of the leading cosigner while we vote",
			Play: s.killLeader, Rounds: true, MayLose: 1},
		{Name: "fenced", Title: "kill -9 of the main in fenced mode",
			Play: s.fencedFailover, Rounds: true, MayLose: lostToDetect},
		{Name: "failover", Title: "Handing over by hand", Play: s.handOver, Rounds: true},
		{Name: "search", Title: "Searching files and memory for the key", Play: s.searchKey},
		{Name: "judges", Title: "The judges", Play: s.Judges},
		{Name: "copied", Title: "Without the product: a key copied to two nodes", Play: s.copied},
	}
}
