// Demo shows the main job on real input: everything that one validator of a real casper-node
// 2.0.3 network signed is asked for again, of a key that is split over three cosigner processes.
// Then it kills them.
//
// Then it shows the failover: a main and a standby, simulated casper-nodes, in a network with three
// other validators, and what becomes of the validator's rounds when the main is killed, hangs, is
// cut off, hands over, or is upgraded.
//
// It makes a folder by the program's own commands, starts the processes, asks through the agents'
// unix sockets as casper-node does, and says for each promise whether it held. At the end another
// program, the judge, which shares no code with the product, reads the transcript. The demo exits
// with 0 only if every line holds.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"casper-cosigner/testnet/show"
)

// The one setting that is not as shipped: the recorded network's eras lasted seconds, so the least
// times that the cluster file states are short as well.
const (
	eraTime   = 8 * time.Second
	blockTime = 650 * time.Millisecond
	chain     = "casper-example"
)

// limit is when the demo gives up.
const limit = 5 * time.Minute

// options are the command line.
type options struct {
	binary, judge, simcasper, recording, pem string
	seed                                     uint64
	keep                                     bool
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "bin/casper-cosigner", "the program")
	flag.StringVar(&o.judge, "judge", "bin/judge", "the judge")
	flag.StringVar(&o.simcasper, "simcasper", "bin/simcasper", "the simulated casper-nodes")
	flag.Uint64Var(&o.seed, "seed", 0, "of the instants at which things fail, and of who leads which round; 0: drawn")
	flag.StringVar(&o.recording, "recording", "testdata/node-1.jsonl", "what a real node signed")
	flag.StringVar(&o.pem, "pem", "testdata/node-1.secret_key.pem", "that node's key")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder: settings, state, logs and transcript")
	flag.Parse()
	if o.seed == 0 {
		o.seed = rand.Uint64N(1 << 20)
	}

	show.Program{Name: "demo", Limit: limit, Keep: o.keep}.Run(func(ctx context.Context, dir string) (bool, error) {
		return run(ctx, o, dir, os.Stdout)
	})
}

// run shows everything in a folder and reports whether every line held.
func run(ctx context.Context, o options, dir string, out io.Writer) (held bool, err error) {
	s, err := newDemo(o, dir, out)
	if err != nil {
		return false, err
	}
	if err := errors.Join(s.play(ctx), s.close()); err != nil {
		return false, err
	}
	s.claimEnds()
	s.printLatencies()
	if err := s.judge(ctx, o.judge, "the transcript of all requests", filepath.Join(dir, transcriptFile)); err != nil {
		return false, err
	}
	if err := s.claimHandshakes(); err != nil {
		return false, err
	}
	if err := s.judge(ctx, o.judge, "what the other validators received", s.Net.Transcript()); err != nil {
		return false, err
	}
	s.printTable()
	return s.Verdict(), nil
}
