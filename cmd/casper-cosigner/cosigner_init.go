package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
	"casper-cosigner/statedir"
)

const (
	cosignerConfig = configFolder + "/cosigner.toml"
	serviceUser    = "casper-cosigner" // of the units in deploy/systemd
)

func cosignerInitCommand() *cobra.Command {
	var config, fresh string
	var first firstFlags
	var without []string
	c := &cobra.Command{
		Use:   "init",
		Short: "make this cosigner's state directory, once",
		Long: `init checks the folder that "casper-cosigner init" made and "keygen split" put a
share into, and makes the state directory. Era and height, below which it will sign
nothing, come from a node that follows the chain: the era after its next block's,
so that the cosigners wait for the next era by themselves. Give all cosigners of a
cluster the same; init says how. With --new it only makes a key and an age
identity here, for a cluster file that does not know this cosigner yet.`,
		Example: `  casper-cosigner cosigner init --from-node http://127.0.0.1:8888
  casper-cosigner cosigner init --first-era 21802 --first-height 7012400
  casper-cosigner cosigner init --new c4 --config ./cosigner.toml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if fresh != "" {
				return newCosigner(c, config, fresh)
			}
			first.given = c.Flags().Changed("first-era")
			if len(without) > 0 {
				if _, err := knowNodes(config, without); err != nil {
					return err
				}
			}
			if err := initCosigner(c, config, &first, without); err != nil || len(without) == 0 {
				return err
			}
			return typeWords(config, statedir.Words{Absent: without})
		},
	}
	flags := c.Flags()
	flags.StringVar(&config, "config", cosignerConfig, "this host's settings")
	first.add(c)
	flags.StringSliceVar(&without, "without", nil,
		"node whose agent is not there yet: the cluster starts without it once witness_wait is over; "+
			"should it come, what it shows counts")
	flags.StringVar(&fresh, "new", "", "make a key for a cosigner of this name instead")
	c.MarkFlagsOneRequired("from-node", "first-era", "new")
	c.MarkFlagsMutuallyExclusive("first-era", "new")
	c.MarkFlagsMutuallyExclusive("from-node", "new")
	return c
}

func initCosigner(c *cobra.Command, config string, first *firstFlags, without []string) error {
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
	split, err := f.CheckShare(m.Cluster)
	if err != nil {
		return err
	}
	if err := statedir.CheckEmpty(f.StatePath()); err != nil { // before anybody stops a node for it
		return notEmpty(err)
	}
	fmt.Fprintf(c.ErrOrStderr(), "Cosigner %s of cluster %x, validator %v.\n", f.Name, []byte(m.Cluster.ID),
		m.Cluster.Validator)
	if split != "" {
		fmt.Fprintf(c.ErrOrStderr(), "Its share is of split %s: is that the same on each cosigner?\n", split)
	}
	mark, err := first.settle(c, m.Cluster, f.Name)
	if err != nil {
		return err
	}
	identity := statedir.Identity{Cluster: statedir.ID(m.Cluster.ID), Name: f.Name, First: mark}
	if err := statedir.Init(f.StatePath(), identity); err != nil {
		return notEmpty(err)
	}
	out := c.OutOrStdout()
	fmt.Fprintf(out, "Made %s. Never back it up, copy or restore it.\n", f.StatePath())
	fmt.Fprintf(out, "It signs from era %d and height %d on. The same for each other cosigner, on its host, before\n"+
		"that era begins, for the cluster starts only once all have done so:\n", mark.Era, mark.Height)
	users, _ := os.ReadFile("/etc/passwd") // without it nothing is to be added
	fmt.Fprintf(out, "  %scasper-cosigner cosigner init %s--first-era %d --first-height %d --again %d/%d",
		runAs(users, os.Geteuid()), first.elsewhere(), mark.Era, mark.Height, mark.Era, mark.Height)
	if len(without) > 0 {
		fmt.Fprintf(out, " --without %s", strings.Join(without, ","))
	}
	fmt.Fprintln(out)
	if strings.Contains(first.elsewhere(), thisHost) {
		fmt.Fprintf(out, "There, %s is an address of this host that the other one reaches.\n", thisHost)
	}
	fmt.Fprintf(out, "Next: casper-cosigner cosigner run --config %s\n", config)
	return nil
}

// runAs is what root has to put before a command on another host, where the state must belong to
// the service's user, too; nothing if this one's user, by /etc/passwd, is not that.
func runAs(users []byte, uid int) string {
	for line := range strings.Lines(string(users)) {
		fields := strings.Split(line, ":")
		if len(fields) > 2 && fields[0] == serviceUser && fields[2] == strconv.Itoa(uid) {
			return "runuser -u " + serviceUser + " -- "
		}
	}
	return ""
}

// notEmpty adds what to do with a state directory that is there.
func notEmpty(err error) error {
	return withHint(err, "a cosigner that has run goes on with the state it has; `cosigner run`",
		"if the cluster never started, and something that holds the PEM ran since: `cosigner restate --from-node URL`",
		"a lost or damaged state directory must not be made anew: the others refuse it, since it may have signed")
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
