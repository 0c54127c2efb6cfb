package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"casper-cosigner/daemon"
)

// lastWords is how long a process that has to end may take to say why.
const lastWords = 200 * time.Millisecond

func cosignerRunCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "run",
		Short:   "run this cosigner until SIGTERM, which hands leadership over first",
		Example: "  casper-cosigner cosigner run --config /etc/casper-cosigner/cosigner.toml",
		Args:    cobra.NoArgs,
	}
	config := c.Flags().String("config", cosignerConfig, "this host's settings")
	level := logLevelFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		f, err := daemon.ReadCosignerFile(*config)
		if err != nil {
			return err
		}
		return serve(c, *level, func(ctx context.Context, o daemon.Options) error { return daemon.RunCosigner(ctx, f, o) })
	}
	return c
}

// serve runs a daemon until it is asked to stop.
func serve(c *cobra.Command, level string, do func(context.Context, daemon.Options) error) error {
	logger, err := newLogger(c.ErrOrStderr(), level)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err = do(ctx, daemon.Options{Version: version, Logger: logger, Fatal: fatal(logger), Now: time.Now})
	if err != nil {
		logger.Error().Err(err).Msg("stopped")
		return &fault{code: exitFailed}
	}
	logger.Info().Msg("stopped as asked")
	return nil
}

// fatal ends the process at once: its disk or its log can no longer be trusted, so nothing may run
// on. The log may lie on the very disk that hangs, so writing to it gets no more than a moment.
func fatal(logger zerolog.Logger) func(error) {
	return func(err error) {
		said := make(chan struct{})
		go func() {
			defer close(said)
			logger.Error().Err(err).Msg("this process cannot go on safely")
		}()
		select {
		case <-said:
		case <-time.After(lastWords):
		}
		os.Exit(exitFailed)
	}
}
