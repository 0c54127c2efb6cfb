package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"casper-cosigner/report"
)

// casperNode is the release of casper-node whose messages this program knows.
const casperNode = "2.0.3"

func versionCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Args:  cobra.NoArgs,
	}
	output := outputFlag(c, "text")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := checkOutput(*output, "text"); err != nil {
			return err
		}
		if *output == "json" {
			return printJSON(c.OutOrStdout(), map[string]string{
				"schema": report.Schema, "version": version, "casper_node": casperNode, "go": runtime.Version()})
		}
		fmt.Fprintf(c.OutOrStdout(), "casper-cosigner %s (for casper-node %s, %s)\n", version, casperNode, runtime.Version())
		return nil
	}
	return c
}
