package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

const cosignerConfig = configFolder + "/cosigner.toml"

func cosignerInitCommand() *cobra.Command {
	var config, fresh string
	var first watermark.Mark
	var yes bool
	var without []string
	c := &cobra.Command{
		Use:   "init",
		Short: "make this cosigner's state directory, once",
		Long: `init checks the folder that "casper-cosigner init" made and "keygen split" put a
share into, and makes the state directory. With --new it only makes a key and an age
identity here, for a cluster file that does not know this cosigner yet.`,
		Example: `  casper-cosigner cosigner init --first-era 21802 --first-height 7012400
  casper-cosigner cosigner init --new c4 --config ./cosigner.toml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if fresh != "" {
				return newCosigner(c, config, fresh)
			}
			if len(without) > 0 {
				if _, err := knowNodes(config, without); err != nil {
					return err
				}
			}
			if err := initCosigner(c, config, first, yes); err != nil || len(without) == 0 {
				return err
			}
			return typeWords(config, statedir.Words{Without: without})
		},
	}
	flags := c.Flags()
	flags.StringVar(&config, "config", cosignerConfig, "this host's settings")
	flags.Uint64Var(&first.Era, "first-era", 0, "first era that may be signed")
	flags.Uint64Var(&first.Height, "first-height", 0, "first block height that may be signed")
	flags.BoolVar(&yes, "yes", false, "do not ask")
	flags.StringSliceVar(&without, "without", nil, "node whose agent is not there yet: the cluster starts without hearing it")
	flags.StringVar(&fresh, "new", "", "make a key for a cosigner of this name instead")
	c.MarkFlagsRequiredTogether("first-era", "first-height")
	c.MarkFlagsOneRequired("first-era", "new")
	c.MarkFlagsMutuallyExclusive("first-era", "new")
	return c
}

func initCosigner(c *cobra.Command, config string, first watermark.Mark, yes bool) error {
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
	if _, _, err := f.OpenShare(m.Cluster); err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), `Cosigner %s of cluster %x, validator %v.
It will sign nothing before era %d and height %d. Both must be later than any era
and height in which a process that holds the validator's PEM ran or will run:
what such a process signed is not known here, and a second value for one of its
slots is a double sign. The cluster starts once all its cosigners state the same.

`, f.Name, []byte(m.Cluster.ID), m.Cluster.Validator, first.Era, first.Height)
	if err := confirm(c, f.Name, yes); err != nil {
		return err
	}
	identity := statedir.Identity{Cluster: statedir.ID(m.Cluster.ID), Name: f.Name, First: first}
	if err := statedir.Init(f.StatePath(), identity); err != nil {
		return withHint(err, "a cosigner that has run goes on with the state it has; `cosigner run`",
			"a lost or damaged state directory must not be made anew: the others refuse it, since it may have signed")
	}
	fmt.Fprintf(c.OutOrStdout(), "Made %s. Never back it up, copy or restore it.\nNext: casper-cosigner cosigner run "+
		"--config %s\n",
		f.StatePath(), config)
	return nil
}

// newCosigner makes what a cosigner keeps secret on its own host.
func newCosigner(c *cobra.Command, config, name string) error {
	dir := filepath.Dir(config)
	public, key, err := newKey(dir)
	if err != nil {
		return err
	}
	identity, recipient, err := newIdentity(dir)
	if err != nil {
		return err
	}
	own := setup{cosigners: []place{{name: name}}, basePort: defaultPort}.hostFiles()[name]
	own.path = config
	if err := writeNew([]newFile{key, identity, own}); err != nil {
		return err
	}
	out := c.OutOrStdout()
	fmt.Fprintf(out, `Made a key, an age identity and settings in %s. The entry for cluster.toml:

[[cosigner]]
name = '%s'
key = '%x'
share = 0 # its number; each of 1 to the number of cosigners once
share_recipient = '%s'
address = 'HOST:%d'
raft_address = 'HOST:%d'
admin_address = 'HOST:%d'

`, dir, name, []byte(public), recipient, defaultPort+portData, defaultPort+portRaft, defaultPort+portAdmin)
	printAfterNew(out, name)
	return nil
}
