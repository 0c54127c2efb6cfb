package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func inspectCommand() *cobra.Command {
	var keys openFlags
	c := &cobra.Command{
		Use:     "inspect FILE",
		Short:   "show what a share file says, without the secret",
		Example: "  casper-cosigner keygen inspect share.age --identity share.identity",
		Args:    one("a FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			ids, err := keys.read()
			if err != nil {
				return err
			}
			s, err := keys.open(args[0], ids)
			if err != nil {
				return err
			}
			share, err := s.KeyShare()
			if err != nil {
				return errorf("%s: %w", args[0], err)
			}
			cluster := s.Cluster
			if cluster == "" {
				cluster = "any"
			}
			out := c.OutOrStdout()
			fmt.Fprintf(out, "validator    %v\nshare        %d of %d\nthreshold    %d\nepoch        %d\ncluster      %s\n"+
				"split        %v\n", s.Validator, s.ID, s.Size, s.Threshold, s.Epoch, cluster, share.Group().Fingerprint())
			for i, commitment := range s.Commitments {
				fmt.Fprintf(out, "commitment %d %x\n", i, commitment)
			}
			if _, ok := s.Piece(); ok {
				fmt.Fprintf(out, "seed piece   yes: %d such files are the key itself\n", s.Threshold)
			}
			fmt.Fprintf(out, "The share fits the commitments, and these the validator's key.\n")
			return nil
		},
	}
	keys.add(c)
	return c
}
