// Demo shows the main job on real input: everything that one validator of a real casper-node 2.0.3 network signed is
// asked for again, of a key that is split over three cosigner processes. Then it kills them.
//
// It makes a folder by the program's own commands, starts the processes, asks through the agents' unix sockets as
// casper-node does, and says for each promise whether it held. At the end another program, the judge, which shares no code
// with the product, reads the transcript. The demo exits with 0 only if every line holds.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// The one setting that is not as shipped: the recorded network's eras lasted seconds, so the least times that the
// cluster file states are short as well.
const (
	eraTime   = 8 * time.Second
	blockTime = 650 * time.Millisecond
	chain     = "casper-example"
)

// limit is when the demo gives up.
const limit = 3 * time.Minute

// options are the command line.
type options struct {
	binary, judge, recording, pem string
	keep                          bool
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "bin/casper-cosigner", "the program")
	flag.StringVar(&o.judge, "judge", "bin/judge", "the judge")
	flag.StringVar(&o.recording, "recording", "testdata/node-1.jsonl", "what a real node signed")
	flag.StringVar(&o.pem, "pem", "testdata/node-1.secret_key.pem", "that node's key")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder: settings, state, logs and transcript")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	held, err := run(ctx, o, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	if err != nil || !held {
		os.Exit(1)
	}
}

// run shows everything in a folder of its own and reports whether every line held. The folder stays when one did not.
func run(ctx context.Context, o options, out io.Writer) (held bool, err error) {
	dir, err := os.MkdirTemp("", "casper-demo-")
	if err != nil {
		return false, fmt.Errorf("making the demo's folder: %w", err)
	}
	defer func() {
		if held && err == nil && !o.keep {
			err = os.RemoveAll(dir)
			return
		}
		fmt.Fprintf(out, "\nSettings, state, logs and transcript are in %s\n", dir)
	}()
	s, err := newShow(o, dir, out)
	if err != nil {
		return false, err
	}
	if err := errors.Join(s.play(ctx), s.close()); err != nil {
		return false, err
	}
	s.printLatencies()
	if err := s.judge(ctx, o.judge, filepath.Join(dir, transcriptFile)); err != nil {
		return false, err
	}
	return s.printVerdict(), nil
}
