package main

import (
	"context"

	"github.com/spf13/cobra"

	"casper-cosigner/daemon"
)

func agentRunCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "run",
		Short:   "serve the casper-node on this host until SIGTERM",
		Example: "  casper-cosigner agent run --config /etc/casper-cosigner/agent.toml",
		Args:    cobra.NoArgs,
	}
	config := c.Flags().String("config", agentConfig, "this host's settings")
	level := logLevelFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		f, err := daemon.ReadAgentFile(*config)
		if err != nil {
			return err
		}
		return serve(c, *level, func(ctx context.Context, o daemon.Options) error { return daemon.RunAgent(ctx, f, o) })
	}
	return c
}
