package main

import (
	"context"
	"io"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"casper-cosigner/report"
)

// look asks every cosigner and shows what comes of it, once or until it is interrupted. The exit
// code is that of the last look that was shown.
func (f *operatorFlags) look(c *cobra.Command, l looking,
	show func(io.Writer, report.Cluster, report.Status) error) error {
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
	var last report.Status
	for {
		s := a.look(ctx, f.timeout)
		if ctx.Err() != nil { // interrupted: what was seen is not worth showing
			return exitOf(last)
		}
		if err := show(c.OutOrStdout(), a.view, s); err != nil {
			return err
		}
		last = s
		if !l.watch {
			return exitOf(last)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return exitOf(last)
		}
	}
}

// look asks every cosigner and puts the answers together.
func (a *admin) look(ctx context.Context, timeout time.Duration) report.Status {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return report.NewStatus(a.view, a.ask(ctx), time.Now())
}
