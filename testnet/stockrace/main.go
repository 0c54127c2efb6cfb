// Stockrace has two nodes with one key sign whatever they like in the same slots at the same time,
// each behind a real gate and agent, with three real cosigners, while gates and cosigners are
// killed. The nodes are worse than any casper-node: they want two contents for one slot, write on
// after an error, tear entries, and write zeros and garbage between.
//
// It promises to end with an error at the first slot that has two values, in what was written or in
// what lies in either gate's folder. It needs root and FUSE, and says so where they are missing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"casper-cosigner/testnet/pair"
	"casper-cosigner/testnet/show"
)

// limit is when the race gives up.
const limit = 2 * time.Hour

// options are the command line.
type options struct {
	binary, pem  string
	seed         uint64
	slots, lanes int
	every        int
	perEra       int
}

func main() {
	if err := pair.Apart(); err != nil {
		fmt.Fprintln(os.Stderr, "stockrace: NOTHING WAS RACED:", err)
		os.Exit(1)
	}
	var o options
	flag.StringVar(&o.binary, "binary", "bin/casper-cosigner", "the program")
	flag.StringVar(&o.pem, "pem", "testdata/node-1.secret_key.pem", "a validator's key")
	flag.Uint64Var(&o.seed, "seed", 0, "of what is written and killed; not of how it goes; 0: drawn")
	flag.IntVar(&o.slots, "slots", 100_000, "slots that both nodes want")
	flag.IntVar(&o.lanes, "lanes", 16, "slots that each node is at, at a time")
	flag.IntVar(&o.every, "every", 400, "slots between two kills")
	flag.IntVar(&o.perEra, "era", 2000, "slots of an era")
	keep := flag.Bool("keep", false, "keep the folder: settings, state and logs")
	flag.Parse()
	for o.seed == 0 {
		o.seed = rand.Uint64N(1 << 20)
	}
	p := show.Program{Name: "stockrace", Limit: limit, Keep: *keep}
	p.Run(func(ctx context.Context, dir string) (held bool, err error) {
		r, err := open(ctx, o, dir)
		defer func() { err = errors.Join(err, r.Close()) }()
		if err != nil {
			return false, err
		}
		return true, r.run(ctx, os.Stdout)
	})
}
