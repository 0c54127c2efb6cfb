package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
	"casper-cosigner/statedir"
)

func cosignerRestateCommand() *cobra.Command {
	var config string
	var first firstFlags
	c := &cobra.Command{
		Use:   "restate",
		Short: "state another first era and height, before the cluster has started",
		Long: `restate is for a cosigner that does not run, of a cluster that does not start because
its cosigners state different first eras and heights. The state directory stays the
one that the others met: do not make it anew. Give what the other cosigners state; era and
height are asked for and checked as "cosigner init" does it. Once the cluster has
started it is refused.`,
		Example: `  casper-cosigner cosigner restate --first-era 21802 --first-height 7012400
  casper-cosigner cosigner restate --first-era 21802 --first-height 7012400 --from-node http://127.0.0.1:8888`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			first.given = c.Flags().Changed("first-era")
			return restateCosigner(c, config, &first)
		},
	}
	c.Flags().StringVar(&config, "config", cosignerConfig, "this host's settings")
	first.add(c)
	c.MarkFlagsOneRequired("from-node", "first-era")
	return c
}

func restateCosigner(c *cobra.Command, config string, first *firstFlags) error {
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
	if err := f.CheckRestate(m); err != nil { // before anybody stops a node for it
		return running(err)
	}
	fmt.Fprintf(c.ErrOrStderr(), "Cosigner %s of cluster %x, validator %v.\n", f.Name, []byte(m.Cluster.ID),
		m.Cluster.Validator)
	mark, err := first.settle(c, m.Cluster, f.Name)
	if err != nil {
		return err
	}
	if err := f.Restate(m, mark); err != nil {
		return running(err)
	}
	fmt.Fprintf(c.OutOrStdout(), "%s states era %d and height %d.\nNext: casper-cosigner cosigner run --config %s\n",
		f.StatePath(), mark.Era, mark.Height, config)
	return nil
}

// running adds what to do about a cosigner that has the directory open.
func running(err error) error {
	if errors.Is(err, statedir.ErrInUse) {
		return withHint(err, "stop the cosigner on this host first")
	}
	return err
}
