package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
	"casper-cosigner/statedir"
)

func cosignerReadmitCommand() *cobra.Command {
	var config, starts string
	var check bool
	c := &cobra.Command{
		Use:   "readmit COSIGNER",
		Short: "let another cosigner in again, of which a copy was started",
		Long: `readmit is for a cosigner that does not run, and that refuses another one for good since
a copy of that one's state directory was started. It wants that one's starts.json, from
the directory that is to go on, and compares: only a directory that holds all that this
cosigner saw of it is let in. The copy is still refused. Stop both first, and type this on
the host of each other cosigner, one after the other: first with --check. If one of them
refuses, the directory must not run: its copy did what it does not know. If none does,
type it on each without, destroy the copy, and start that cosigner.`,
		Example: `  casper-cosigner cosigner readmit c3 --starts starts.json --check
  casper-cosigner cosigner readmit c3 --starts starts.json`,
		Args: one("the cosigner"),
	}
	c.RunE = func(c *cobra.Command, args []string) error { return readmit(c, config, args[0], starts, check) }
	c.Flags().StringVar(&config, "config", cosignerConfig, "this host's settings")
	c.Flags().StringVar(&starts, "starts", "", "starts.json of the state directory that is to go on")
	c.Flags().BoolVar(&check, "check", false, "compare, and let nobody in yet")
	required(c, "starts")
	return c
}

func readmit(c *cobra.Command, config, peer, starts string, check bool) error {
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
	was, err := f.Readmit(m, peer, starts, check)
	switch {
	case errors.Is(err, statedir.ErrInUse):
		return running(err)
	case err != nil:
		return &fault{code: exitRefused, err: err, hints: []string{"nothing was changed"}}
	case check:
		fmt.Fprintf(c.OutOrStdout(), "That directory of %s holds all that %s saw of it. Nothing was changed. ", peer, f.Name)
	case was:
		fmt.Fprintf(c.OutOrStdout(), "%s lets %s in again, with that directory. ", f.Name, peer)
	default:
		fmt.Fprintf(c.OutOrStdout(), "%s does not keep %s out for good, and that directory holds all that it saw of it. ",
			f.Name, peer)
	}
	fmt.Fprintf(c.OutOrStdout(), "Next: casper-cosigner cosigner run --config %s\n", config)
	return nil
}
