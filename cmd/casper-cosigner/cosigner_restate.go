package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

func cosignerRestateCommand() *cobra.Command {
	var config string
	var first watermark.Mark
	var yes bool
	c := &cobra.Command{
		Use:   "restate",
		Short: "state another first era and height, before the cluster has started",
		Long: `restate is for a cosigner that does not run, of a cluster that does not start because
its cosigners state different first eras and heights. The state directory stays the
one that the others met: do not make it anew. Once the cluster has started it is
refused.`,
		Example: `  casper-cosigner cosigner restate --first-era 21802 --first-height 7012400`,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return restateCosigner(c, config, first, yes) },
	}
	flags := c.Flags()
	flags.StringVar(&config, "config", cosignerConfig, "this host's settings")
	flags.Uint64Var(&first.Era, "first-era", 0, "first era that may be signed")
	flags.Uint64Var(&first.Height, "first-height", 0, "first block height that may be signed")
	flags.BoolVar(&yes, "yes", false, "do not ask")
	for _, name := range []string{"first-era", "first-height"} {
		c.MarkFlagRequired(name)
	}
	return c
}

func restateCosigner(c *cobra.Command, config string, first watermark.Mark, yes bool) error {
	f, err := daemon.ReadCosignerFile(config)
	if err != nil {
		return err
	}
	m, err := f.Host()
	if err != nil {
		return err
	}
	if err := checkRole(m, cluster.Cosigner); err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), `Cosigner %s of cluster %x, validator %v.
It will state that nothing may be signed before era %d and height %d. Both must be
later than any era and height in which a process that holds the validator's PEM ran
or will run. The cluster starts once all its cosigners state the same.

`, f.Name, []byte(m.Cluster.ID), m.Cluster.Validator, first.Era, first.Height)
	if err := confirm(c, f.Name, yes); err != nil {
		return err
	}
	if err := f.Restate(m, first); errors.Is(err, statedir.ErrInUse) {
		return withHint(err, "stop the cosigner on this host first")
	} else if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "%s states era %d and height %d.\nNext: casper-cosigner cosigner run --config %s\n",
		f.StatePath(), first.Era, first.Height, config)
	return nil
}
