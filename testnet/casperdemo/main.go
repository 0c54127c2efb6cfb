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
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"casper-cosigner/testnet/show"
)

// limit is when the demo gives up.
const limit = 15 * time.Minute

// options are the command line.
type options struct {
	node, defaults, binary, judge string
	seed                          uint64
	blockTime                     time.Duration
	json, only, results, commit   string
	keep, long, short             bool
}

func main() {
	var o options
	flag.StringVar(&o.node, "node", "", "casper-node, the patched build")
	flag.StringVar(&o.defaults, "defaults", "", "the program localnet-defaults (default: beside casper-node)")
	flag.StringVar(&o.binary, "binary", "bin/casper-cosigner", "the program")
	flag.StringVar(&o.judge, "judge", "bin/judge", "the judge")
	flag.Uint64Var(&o.seed, "seed", 0, "of keys and instants (default: drawn, and printed)")
	flag.DurationVar(&o.blockTime, "block-time", 4*time.Second, "least time between blocks")
	flag.StringVar(&o.json, "json", "", "file for the figures")
	flag.StringVar(&o.only, "only", "", "play these acts only, by name, with commas (all but the last need \"start\")")
	flag.BoolVar(&o.long, "long", false, "play the longer acts, on other networks, instead (--only then names networks, or acts)")
	flag.BoolVar(&o.short, "short", false, "with --long: fewer of everything, to try the acts; its figures are worth nothing")
	flag.StringVar(&o.results, "results", "", "with --long: file for the results, in Markdown")
	flag.StringVar(&o.commit, "commit", "unknown", "with --long: revision of the checkout, for the results")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder: settings, state and logs")
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

	show.Program{Name: "casperdemo", Limit: o.limit(), Keep: o.keep}.Run(func(ctx context.Context, dir string) (bool, error) {
		return run(ctx, o, dir, os.Stdout)
	})
}

// run shows everything in a folder and reports whether every line held.
func run(ctx context.Context, o options, dir string, out io.Writer) (held bool, err error) {
	s, err := newStage(ctx, o, dir, out)
	if err != nil {
		return false, err
	}
	if o.long {
		return s.runLong(ctx)
	}
	acts := slices.DeleteFunc(s.acts(), func(a act) bool {
		return o.only != "" && !slices.Contains(strings.Split(o.only, ","), a.name)
	})
	err = errors.Join(s.play(ctx, 1, acts), s.closePair())
	held = s.verdict() && err == nil
	if o.json != "" {
		err = errors.Join(err, s.result.write(o.json))
	}
	return held, err
}

// acts are the demo's, in order.
func (s *Stage) acts() []act {
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
