// Casperdemo shows the product on a network of real casper-nodes: four validators on the loopback address, one of which is
// a main and a standby that hold no key and sign through three cosigners. It kills, halts and hands over, and lets the other
// validators be the judges.
//
// It says for each promise whether it held, and exits with 0 only if every one does. What it claims rests on what others
// received: the unit files, finality signatures and faults of the validators that are not ours; a program that shares no code
// with the product reads the unit files. Instants are drawn from a seed, which is printed; --seed repeats them. Every wait is
// bounded, and only processes that it started are signalled.
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

	"casper-cosigner/testnet/show"
)

// When the demo, and the longer run, give up.
const (
	limit     = 15 * time.Minute
	longLimit = 75 * time.Minute
)

func main() {
	var o stageOptions
	long := longOptions{}
	json := flag.String("json", "", "file for the figures")
	only := flag.String("only", "", "play these acts only, by name, with commas (all but the last need \"start\")")
	playLong := flag.Bool("long", false, "play the longer acts, on other networks, instead (--only then names networks, or acts)")
	keep := flag.Bool("keep", false, "keep the folder: settings, state and logs")
	flag.StringVar(&o.node, "node", "", "casper-node, the patched build")
	flag.StringVar(&o.defaults, "defaults", "", "the program localnet-defaults (default: beside casper-node)")
	flag.StringVar(&o.binary, "binary", "bin/casper-cosigner", "the program")
	flag.StringVar(&o.judge, "judge", "bin/judge", "the judge")
	flag.Uint64Var(&o.seed, "seed", 0, "of keys and instants (default: drawn, and printed)")
	flag.DurationVar(&o.blockTime, "block-time", 4*time.Second, "least time between blocks")
	flag.BoolVar(&long.short, "short", false, "with --long: fewer of everything, to try the acts; its figures are worth nothing")
	flag.StringVar(&long.results, "results", "", "with --long: file for the results, in Markdown")
	flag.StringVar(&long.commit, "commit", "unknown", "with --long: revision of the checkout, for the results")
	flag.Parse()
	if o.node == "" {
		fmt.Fprintln(os.Stderr, "casperdemo: name the patched casper-node with --node (make casper-node builds it)")
		os.Exit(2)
	}
	if o.defaults == "" {
		o.defaults = filepath.Join(filepath.Dir(o.node), "localnet-defaults")
	}
	for o.seed == 0 {
		o.seed = rand.Uint64N(1_000_000)
	}

	within := limit
	if *playLong {
		within, long.only = longLimit, *only
	}
	show.Program{Name: "casperdemo", Limit: within, Keep: *keep}.Run(func(ctx context.Context, dir string) (held bool, err error) {
		s, err := newStage(ctx, o, dir, os.Stdout)
		if err != nil {
			return false, err
		}
		d := &demo{s}
		if *playLong {
			held, err = runLong(ctx, s, long, d.acts())
		} else {
			held, err = d.play(ctx, *only)
		}
		if *json != "" {
			err = errors.Join(err, s.result.write(*json))
		}
		return held, err
	})
}

// demo is the short run.
type demo struct{ *Stage }

// play plays the named acts, or all, and reports whether every line held.
func (s *demo) play(ctx context.Context, only string) (held bool, err error) {
	acts := slices.DeleteFunc(s.acts(), func(a act) bool {
		return only != "" && !slices.Contains(strings.Split(only, ","), a.name)
	})
	err = errors.Join(s.Stage.play(ctx, 1, acts), s.closePair())
	return s.end() && err == nil, err
}

// acts are the demo's, in order.
func (s *demo) acts() []act {
	return []act{
		{name: "start", title: "Starting: a key split 2 of 3, then four validators, ours without a key", play: s.begins},
		{name: "steady", title: "Both nodes of ours run and ask", play: s.steady, rounds: true},
		{name: "kill", title: "kill -9 of the main, in the middle of a round", play: s.killMain, rounds: true},
		{name: "hang", title: "SIGSTOP of the main, SIGCONT later", play: s.hangMain, rounds: true},
		{name: "leader", title: "kill -9 of the leading cosigner while we vote", play: s.killLeader, rounds: true, mayLose: 1},
		{name: "fenced", title: "kill -9 of the main in fenced mode", play: s.fencedFailover, rounds: true, mayLose: lostToDetect},
		{name: "failover", title: "Handing over by hand", play: s.handOver, rounds: true},
		{name: "search", title: "Searching files and memory for the key", play: s.searchKey},
		{name: "judges", title: "The judges", play: s.judges},
		{name: "copied", title: "Without the product: a key copied to two nodes", play: s.copied},
	}
}
