package show

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Program is how a show is run from a command line.
type Program struct {
	Name  string
	Limit time.Duration // when it gives up
	Keep  bool          // the folder, even if all held
}

// Run has something played in a new folder until it is over, a signal comes or the limit has
// passed, and ends the process: with 0 if all of it held.
func (p Program) Run(play func(ctx context.Context, dir string) (held bool, err error)) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, p.Limit)
	held, err := p.inFolder(os.Stdout, func(dir string) (bool, error) { return play(ctx, dir) })
	cancel()
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", p.Name, err)
	}
	if err != nil || !held {
		os.Exit(1)
	}
	os.Exit(0)
}

// inFolder has something played in a new folder, and reports whether all of it held. The folder
// is removed if it did, unless it is to be kept; else what is in it may tell why not, and out is
// told where it is.
func (p Program) inFolder(out io.Writer, play func(dir string) (held bool, err error)) (held bool, err error) {
	dir, err := os.MkdirTemp("", "casper-"+p.Name+"-")
	if err != nil {
		return false, fmt.Errorf("making a folder: %w", err)
	}
	if held, err = play(dir); held && err == nil && !p.Keep {
		return true, os.RemoveAll(dir)
	}
	fmt.Fprintf(out, "\nSettings, state and logs are in %s\n", dir)
	return held, err
}
