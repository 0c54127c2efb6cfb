// Stockdemo shows a pair of stock nodes on networks of real casper-nodes, as published, without an
// edit of ours: four or five validators on the loopback address, one of which is a main and a
// standby with one key, each behind a gate and an agent, and three cosigners. It kills and
// restarts, cuts a host off, has other validators evicted and taken in again, takes all nodes to a
// new version, and lets the other validators be the judges. One pair is of a stock node and one
// without a key. Two networks are controls, which must be banned: the same two nodes with no gate,
// and with gates that go by our key's index.
//
// It says for each promise whether it held, and exits with 0 only if every one does. What it is
// played on, and by whom it is judged, is that of casperdemo: package stage. It needs root, for the
// gates mount; what they mount is nobody else's and ends with it.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"casper-cosigner/testnet/casperdemo/stage"
	"casper-cosigner/testnet/show"
)

// limit is when the demo gives up.
const limit = 70 * time.Minute

// eraTime is so long that all acts in which a node is started again are played in the first era. In
// later ones casper-node 2.0.3 ends by itself after that, over and over (stage.Launcher).
const eraTime = 6 * time.Minute

// inside says that this process has mounts of its own.
const inside = "STOCKDEMO_INSIDE"

func main() {
	if dir := os.Getenv(launching); dir != "" {
		os.Exit(launch(dir))
	}
	if os.Getenv(inside) == "" {
		os.Exit(alone())
	}
	var o stage.Options
	json := flag.String("json", "", "file for the figures")
	only := flag.String("only", "", "play these acts or networks only, by name, with commas")
	results := flag.String("results", "", "file for the results, in Markdown")
	keep := flag.Bool("keep", false, "keep the folder: settings, state and logs")
	era := flag.Duration("era-time", eraTime, "least time of an era of networks A and B")
	flag.StringVar(&o.Node, "node", "", "casper-node, as published")
	flag.StringVar(&o.Remote, "remote", "", "casper-node with a remote signer, for the node without the key")
	flag.StringVar(&o.Defaults, "defaults", "", "the program localnet-defaults")
	byIndex := flag.String("by-index", "bin/gate-by-index", "the program with a gate that goes by an index")
	flag.StringVar(&o.Binary, "binary", "bin/casper-cosigner", "the program")
	flag.StringVar(&o.Judge, "judge", "bin/judge", "the judge")
	flag.Uint64Var(&o.Seed, "seed", 0, "of keys and instants (default: drawn, and printed)")
	flag.DurationVar(&o.BlockTime, "block-time", 4*time.Second, "least time between blocks")
	flag.Parse()
	if o.Node == "" || o.Remote == "" || o.Defaults == "" {
		fmt.Fprintln(os.Stderr, "stockdemo: name casper-node with --node, the one with a remote signer with --remote "+
			"and localnet-defaults with --defaults (make casper-node-stock and make casper-node build them)")
		os.Exit(2)
	}
	for o.Seed == 0 {
		o.Seed = rand.Uint64N(1_000_000)
	}
	p := show.Program{Name: "stockdemo", Limit: limit, Keep: *keep}
	p.Run(func(ctx context.Context, dir string) (held bool, err error) {
		var printed bytes.Buffer
		s, err := stage.New(ctx, o, dir, io.MultiWriter(os.Stdout, &printed))
		if err != nil {
			return false, err
		}
		d := &demo{Stage: s, era: *era, byIndex: *byIndex}
		held, err = d.play(ctx, *only)
		if *results != "" {
			err = errors.Join(err, d.writeResults(*results, *only, printed.String()))
		}
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
