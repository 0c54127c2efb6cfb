package main

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"casper-cosigner/daemon"
	"casper-cosigner/statedir"
)

func cosignerFoundCommand() *cobra.Command {
	var config string
	var words statedir.Words
	var stopped bool
	c := &cobra.Command{
		Use:   "found",
		Short: "let a new cluster start without an agent, or against what is known",
		Long: `found says on this host that a new cluster may start although an agent is not heard,
although somebody shows a statement that this validator signed later eras or
heights already, or although the chain has come as far as the cluster signs from.
The cosigner says in its log and in "status" what it waits for; it may be running,
and heeds this within a second. Each cosigner wants it typed on its own host. Once
the cluster has started it means nothing any more.`,
		Example: `  casper-cosigner cosigner found --without node-b
  casper-cosigner cosigner found --disregard 5f0c11d2a4be
  casper-cosigner cosigner found --stopped`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			for _, id := range words.Disregard {
				if b, err := hex.DecodeString(id); err != nil || len(b) != 6 {
					return usageFault(errorf("--disregard %q: want the 12 hex digits that the log and `status` name", id))
				}
			}
			if stopped {
				words.Stopped = time.Now().Unix()
			}
			if err := typeWords(config, words); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(),
				"Kept. It counts on this host, until the cluster has started; type it on each cosigner's.")
			return nil
		},
	}
	flags := c.Flags()
	flags.StringVar(&config, "config", cosignerConfig, "this host's settings")
	flags.StringSliceVar(&words.Without, "without", nil,
		"node whose agent is not waited for once witness_wait is over, nor believed of other clusters")
	flags.StringSliceVar(&words.Disregard, "disregard", nil, "ID of a statement that is false, or of a network given up")
	flags.BoolVar(&stopped, "stopped", false,
		"the chain has come as far as the cluster signs from, and nothing that holds the whole key ran since "+
			"`cosigner init`; counts for an hour")
	c.MarkFlagsOneRequired("without", "disregard", "stopped")
	return c
}

// typeWords keeps the words in the state directory of this host.
func typeWords(config string, words statedir.Words) error {
	f, err := knowNodes(config, words.Without)
	if err != nil {
		return err
	}
	return statedir.AddWords(f.StatePath(), words)
}

// knowNodes refuses names that no node has.
func knowNodes(config string, names []string) (*daemon.CosignerFile, error) {
	f, err := daemon.ReadCosignerFile(config)
	if err != nil {
		return nil, err
	}
	m, err := f.Host()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, ok := m.Cluster.Node(name); !ok {
			return nil, usageFault(errorf("--without %q: the cluster file has no node of that name", name))
		}
	}
	return f, nil
}
