// Chaos runs a cluster of real processes under faults drawn from a seed, has many clients ask it
// for the same slots with different values, and judges everything that they were answered.
//
//	chaos [-seed N] [-for 2m]
//	chaos check FILE
//
// Three cosigners and two agents stand on links that can be cut, slowed down and broken. First,
// many times over, the leader is hit the moment it is asked, and then only the other node asks,
// with the other value. Then come faults upon faults: kill -9, SIGTERM, SIGSTOP, partitions both
// ways and one way, delays, broken connections, disks that take no more in the middle of a
// write, changes of mode and of roles by an operator and, since agents go silent, by the
// cosigners themselves. At the end everything is mended, and both nodes ask once more for every
// slot, for another value.
//
// It promises to exit with 0 only if the whole history holds, and at least half of the planned
// faults of each kind came about. The history is in a file, which check judges again. The seed
// fixes the faults and what is asked for; what they lead to differs from run to run.
//
// Clocks that jump, and disks that hang, need root here. Packages world and virtual have clocks of
// their own; world has disks that hang or lose what was not synced; raftstore's
// TestHungDiskOnTheLeader has one that hangs under real Raft, and the bench's part hang one under
// a real process.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"casper-cosigner/testnet/history"
)

// beyond is how much longer than its faults a run may take.
const beyond = 2 * time.Minute

// options are the command line.
type options struct {
	binary, pem string
	seed        uint64
	length      time.Duration
	keep        bool
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "bin/casper-cosigner", "the program")
	flag.StringVar(&o.pem, "pem", "testdata/node-1.secret_key.pem", "a validator's key")
	flag.Uint64Var(&o.seed, "seed", 0, "of the faults and of what is asked for; 0: drawn")
	flag.DurationVar(&o.length, "for", 2*time.Minute, "how long there are faults")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder: history, settings, state and logs")
	flag.Parse()
	if o.seed == 0 {
		o.seed = rand.Uint64N(1 << 32)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	held, err := perform(ctx, o, flag.Args(), os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
	}
	if err != nil || !held {
		os.Exit(1)
	}
}

// perform does what the command line says and reports whether the history holds.
func perform(ctx context.Context, o options, args []string, out io.Writer) (held bool, err error) {
	switch {
	case len(args) == 2 && args[0] == "check":
		return check(args[1], out)
	case len(args) > 0:
		return false, errors.New("want no arguments, or: check FILE")
	}
	ctx, cancel := context.WithTimeout(ctx, o.length+beyond)
	defer cancel()
	dir, err := os.MkdirTemp("", "casper-chaos-")
	if err != nil {
		return false, fmt.Errorf("making a folder: %w", err)
	}
	r := &run{options: o, dir: dir, out: out}
	err = errors.Join(r.play(ctx), r.close())
	// A run that came to a bad end is judged too: that may say why.
	held, checkErr := check(r.historyFile(), out)
	if err = errors.Join(err, checkErr); held && err == nil && !o.keep {
		return true, os.RemoveAll(dir)
	}
	fmt.Fprintf(out, "history, faults, settings, state and logs are in %s; to judge the history again: %s check %s\n",
		dir, os.Args[0], r.historyFile())
	return held, err
}

// check judges a history's file.
func check(path string, out io.Writer) (held bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("opening the history: %w", err)
	}
	defer f.Close()
	h, err := history.Read(f)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(out, "judging the history of seed %d, %s of faults\n", h.Seed, h.For)
	return history.Check(h).Print(out), nil
}
