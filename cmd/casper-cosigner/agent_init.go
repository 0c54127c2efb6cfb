package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
)

const (
	agentConfig = configFolder + "/agent.toml"

	// maxSocketPath is the longest path that a unix socket's address holds (unix(7)).
	maxSocketPath = 107
)

func agentInitCommand() *cobra.Command {
	var config, fresh string
	c := &cobra.Command{
		Use:   "init",
		Short: "check this node's folder, or make its failover key",
		Long: `init checks the folder that "casper-cosigner init" made: settings, cluster file,
failover key and certificate. With --new it makes a failover key here, for a cluster
file that does not know this node yet.`,
		Example: `  casper-cosigner agent init
  casper-cosigner agent init --new node-c --config ./agent.toml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if fresh != "" {
				return newAgent(c, config, fresh)
			}
			return initAgent(c, config)
		},
	}
	c.Flags().StringVar(&config, "config", agentConfig, "this host's settings")
	c.Flags().StringVar(&fresh, "new", "", "make a failover key for a node of this name instead")
	return c
}

func initAgent(c *cobra.Command, config string) error {
	f, err := daemon.ReadAgentFile(config)
	if err != nil {
		return err
	}
	m, err := f.Host()
	if err != nil {
		return err
	}
	if err := checkRole(m, cluster.Node); err != nil {
		return err
	}
	socket := f.SocketPath()
	if len(socket) > maxSocketPath {
		return withHint(errorf("socket %s: its path is %d bytes long, the system allows %d",
			socket, len(socket), maxSocketPath),
			"a shorter path as socket in "+config)
	}
	entry, _ := m.Cluster.Member(f.Name)
	fmt.Fprintf(c.OutOrStdout(), "Node %s of cluster %x, validator %v: key and certificate are in order.\n",
		f.Name, []byte(m.Cluster.ID), m.Cluster.Validator)
	if _, err := os.Stat(filepath.Dir(socket)); err != nil {
		fmt.Fprintf(c.OutOrStdout(), "The socket's folder, %s, is not there: the systemd unit makes it; else it must be "+
			"writable "+
			"for the agent and open to casper-node's group.\n", filepath.Dir(socket))
	}
	fmt.Fprintf(c.OutOrStdout(), "Failover key %x\nNext: casper-cosigner agent run --config %s\n",
		[]byte(entry.Key), config)
	return nil
}

// newAgent makes the failover key on its own host.
func newAgent(c *cobra.Command, config, name string) error {
	dir := filepath.Dir(config)
	public, key, err := newKey(dir)
	if err != nil {
		return err
	}
	s := setup{nodes: []place{{name: name}}, basePort: defaultPort}
	own := s.hostFiles()[name]
	own.path = config
	if err := writeNew([]newFile{key, own}); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), `Made a failover key and settings in %s. The entry for cluster.toml:

[[node]]
name = '%s'
key = '%x'
address = 'HOST:%d' # where the other agents ping this one

`, dir, name, []byte(public), s.agentPort(0, portPing))
	printAfterNew(c.OutOrStdout(), name)
	return nil
}
