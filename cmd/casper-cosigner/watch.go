package main

import (
	"context"
	"io"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"casper-cosigner/cluster"
)

// look asks every cosigner and shows what comes of it, once or until it is interrupted. The exit code is that of the last
// look that was shown.
func (f *operatorFlags) look(c *cobra.Command, l looking, show func(io.Writer, *cluster.File, statusJSON) error) error {
	if err := checkOutput(l.output, "table"); err != nil {
		return err
	}
	a, err := f.open()
	if err != nil {
		return err
	}
	defer a.close()
	ctx := c.Context()
	if l.watch {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
		defer stop()
	}
	tick := time.NewTicker(l.every)
	defer tick.Stop()
	var last statusJSON
	for {
		s := a.look(ctx, f.timeout)
		if ctx.Err() != nil { // interrupted: what was seen is not worth showing
			return last.exit()
		}
		if err := show(c.OutOrStdout(), a.file, s); err != nil {
			return err
		}
		last = s
		if !l.watch {
			return last.exit()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return last.exit()
		}
	}
}

// look asks every cosigner and puts the answers together.
func (a *admin) look(ctx context.Context, timeout time.Duration) statusJSON {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return newStatus(a.file, a.ask(ctx), time.Now())
}
