// Bench measures the program as a validator would meet it: 2 of 3 cosigners on this machine, each a
// process with its own state on disk, asked through an agent. It prints figures beside what they
// are measured against, and beside the floor of the same run: what the disk, the network stack and
// the arithmetic alone take. One part puts the cosigners at sites apart, and waits for an answer no
// longer than casper-node does. Another has the main of two simulated casper-nodes fail again and
// again, and counts what that costs. The last one writes and reads through the gates of two stock
// nodes.
//
// It promises figures, not a verdict: a goal that is missed is printed as such, and the bench fails
// only when it cannot measure, or when an invalid signature or two values of one slot show up. On a
// machine that does other things at the same time the figures say little.
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

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/pair"
	"casper-cosigner/testnet/show"
)

// The cluster file states the least that it may, so that the token bucket never holds the
// load back.
const (
	eraTime   = time.Second
	blockTime = 10 * time.Millisecond
	chain     = "casper-bench"
)

// limit is when the bench gives up.
const limit = 45 * time.Minute

// options are the command line.
type options struct {
	binary, pem, parts   string
	simcasper, judge     string
	seed                 uint64
	runs, perRun, trials int
	flood, total         int
	hot, fenced          int
	handovers            int
	timing               string
	apart                int
	keep                 bool
	gateless             error // why no gate can be mounted
}

func main() {
	var o options
	o.gateless = pair.Apart()
	flag.StringVar(&o.binary, "binary", "bin/casper-cosigner", "the program")
	flag.StringVar(&o.pem, "pem", "testdata/node-1.secret_key.pem", "a validator's key")
	flag.StringVar(&o.simcasper, "simcasper", "bin/simcasper", "the simulated casper-nodes")
	flag.StringVar(&o.judge, "judge", "bin/judge", "the judge")
	flag.Uint64Var(&o.seed, "seed", 0, "of the instants at which main fails, and of who leads which round; 0: drawn")
	flag.StringVar(&o.parts, "part", "",
		"parts to run, with commas between: "+strings.Join(names(), ", ")+" (default all)")
	flag.IntVar(&o.runs, "runs", 5, "runs of the closed loop")
	flag.IntVar(&o.perRun, "per-run", 2000, "signatures in each")
	flag.IntVar(&o.trials, "trials", 12, "leaders to kill, and as many to stop; half as many at each distance of part wan")
	flag.IntVar(&o.flood, "flood", 20000, "signatures for the throughput")
	flag.IntVar(&o.total, "total", 100000, "signatures after which memory and disk are looked at")
	flag.IntVar(&o.hot, "hot", 50, "failures of main in hot mode")
	flag.IntVar(&o.fenced, "fenced", 20, "failures of main in fenced mode")
	flag.IntVar(&o.handovers, "handovers", 10, "handovers there and back, in each mode")
	flag.StringVar(&o.timing, "timing", "", "timing in the cluster files of part wan (default that of init)")
	flag.IntVar(&o.apart, "apart", 1000, "requests beside the leader at 80 ms; the other rows of part wan in proportion")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder: settings, state and logs")
	flag.Parse()
	if o.seed == 0 {
		o.seed = rand.Uint64N(1 << 20)
	}

	if err := o.check(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	show.Program{Name: "bench", Limit: limit, Keep: o.keep}.Run(func(ctx context.Context, dir string) (bool, error) {
		return true, run(ctx, o, dir, os.Stdout)
	})
}

// part is one measurement. Those that need a cluster share one, in this order.
type part struct {
	name    string
	cluster bool
	run     func(*bench, context.Context) error
}

func parts() []part {
	return []part{
		{"floor", false, (*bench).floor},
		{"size", false, (*bench).size},
		{"idle", true, (*bench).idle},
		{"latency", true, (*bench).latency},
		{"throughput", true, (*bench).throughput},
		{"memory", true, (*bench).memory},
		{"kill", true, (*bench).kill},
		{"term", true, (*bench).term},
		{"hang", false, (*bench).hang},
		{"wan", false, (*bench).wan},
		{"shipped", false, (*bench).shipped},
		{"failover", false, (*bench).failover},
		{"stock", false, (*bench).stock},
	}
}

func names() (all []string) {
	for _, p := range parts() {
		all = append(all, p.name)
	}
	return all
}

// wanted are the parts to run.
func (o options) wanted() []string {
	if o.parts == "" {
		return names()
	}
	return strings.Split(o.parts, ",")
}

func (o options) check() error {
	for _, name := range o.wanted() {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("no part %q; there are %s", name, strings.Join(names(), ", "))
		}
	}
	return nil
}

// bench is one run of the program.
type bench struct {
	options
	dir     string
	out     io.Writer
	floors  floors
	cluster *testnet.Cluster
	node    *testnet.Node
	key     casper.PublicKey
	load    *load

	restarts []string // of processes, in clusters that are closed
}

func run(ctx context.Context, o options, dir string, out io.Writer) (err error) {
	start := time.Now()
	b := &bench{options: o, dir: dir, out: out, load: newLoad()}
	defer func() { err = errors.Join(err, b.close()) }()
	b.printf("2 of 3 on loopback: mTLS, Raft, fsync, agent; on %s", machine())
	b.printf("cluster file: %v an era, %v a block, so the marks may rise by 4 eras and 400 heights a second; slots "+
		"made up:", eraTime, blockTime)
	b.printf("%d rounds an era, each an echo and a vote, and a finality signature for every 4 of these\n", roundsPerEra)
	for _, p := range parts() {
		if !slices.Contains(o.wanted(), p.name) {
			continue
		}
		if p.cluster {
			if err := b.open(ctx); err != nil {
				return fmt.Errorf("part %s: %w", p.name, err)
			}
		}
		if err := p.run(b, ctx); err != nil {
			return fmt.Errorf("part %s: %w", p.name, err)
		}
	}
	if b.cluster != nil {
		b.restarts = append(b.restarts, b.cluster.Restarts()...)
	}
	b.figure("processes that ended by themselves", fmt.Sprint(len(b.restarts)), "none but those whose disk hung")
	for _, why := range b.restarts {
		b.printf("  %s", why)
	}
	b.printf("\ntotal %.0f s", time.Since(start).Seconds())
	return nil
}

// open starts the cluster that the parts share, once.
func (b *bench) open(ctx context.Context) error {
	if b.cluster != nil {
		return nil
	}
	return b.setup(ctx, filepath.Join(b.dir, "cluster"), nil)
}

func (b *bench) setup(ctx context.Context, dir string, states map[string]string) error {
	if err := b.prepare(ctx, testnet.Settings{Dir: dir, States: states}); err != nil {
		return err
	}
	return b.start(ctx)
}

// prepare makes the files of a cluster, of which the settings say what is not the same in all.
func (b *bench) prepare(ctx context.Context, s testnet.Settings) (err error) {
	if b.key, err = testnet.PublicKey(b.pem); err != nil {
		return err
	}
	s.Binary, s.PEM, s.Chain, s.MinEra, s.MinBlock = b.binary, b.pem, chain, eraTime, blockTime
	b.cluster, err = testnet.Setup(ctx, s)
	return err
}

// start starts its processes, and waits until they are ready.
func (b *bench) start(ctx context.Context) (err error) {
	if err := b.cluster.Start(ctx); err != nil {
		return err
	}
	if _, err := b.cluster.Ready(ctx, comesWithin); err != nil {
		return err
	}
	b.node, err = b.cluster.Node(testnet.Main)
	return err
}

// close ends the cluster, if there is one.
func (b *bench) close() error {
	if b.cluster == nil {
		return nil
	}
	b.restarts = append(b.restarts, b.cluster.Restarts()...)
	err := b.cluster.Close()
	if b.node != nil {
		err = errors.Join(err, b.node.Close())
	}
	b.cluster, b.node = nil, nil
	return err
}

func (b *bench) printf(format string, args ...any) { fmt.Fprintf(b.out, format+"\n", args...) }

// figure prints one figure beside what it is measured against; goal may be empty.
func (b *bench) figure(name, value, goal string) {
	if goal != "" {
		goal = "(goal " + goal + ")"
	}
	b.printf("%-34s %-28s %s", name, value, goal)
}
