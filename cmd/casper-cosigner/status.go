package main

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// watchEvery is how often status --watch looks.
const watchEvery = 2 * time.Second

func statusCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use:   "status",
		Short: "show who leads, who is active and what is wrong",
		Long: `status asks every cosigner. It exits with 0 when all is well, 3 when something is
missing but signing goes on, 4 when nothing is signed.`,
		Args: cobra.NoArgs,
	}
	f.add(c)
	output := outputFlag(c, "table")
	watch := c.Flags().Bool("watch", false, "look again every two seconds until interrupted")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := checkOutput(*output, "table"); err != nil {
			return err
		}
		a, err := f.open()
		if err != nil {
			return err
		}
		defer a.close()
		look := func(ctx context.Context) (statusJSON, error) {
			limited, cancel := context.WithTimeout(ctx, f.timeout)
			defer cancel()
			s := newStatus(a.file, a.ask(limited), time.Now())
			if ctx.Err() != nil {
				return s, nil // interrupted: what was seen is not worth showing
			}
			return s, printStatus(c, s, *output, *watch)
		}
		if *watch {
			return watchStatus(c.Context(), look)
		}
		s, err := look(c.Context())
		if err != nil {
			return err
		}
		return s.exit()
	}
	return c
}

// watchStatus looks until it is interrupted. The exit code is that of the last full look.
func watchStatus(ctx context.Context, look func(context.Context) (statusJSON, error)) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var last statusJSON
	for {
		s, err := look(ctx)
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return last.exit()
		}
		last = s
		select {
		case <-tick.C:
		case <-ctx.Done():
			return last.exit()
		}
	}
}

func printStatus(c *cobra.Command, s statusJSON, output string, watch bool) error {
	w := c.OutOrStdout()
	if output == "json" {
		return printJSON(w, s)
	}
	if watch && isTerminal(w) {
		fmt.Fprint(w, "\x1b[H\x1b[2J") // to the top, and clear
	}
	return s.printTable(w)
}

// exit is the state as an exit code; the output says the rest.
func (s statusJSON) exit() error {
	switch s.State {
	case stateDegraded:
		return &fault{code: exitDegraded}
	case stateNoQuorum:
		return &fault{code: exitNoQuorum}
	}
	return nil
}
