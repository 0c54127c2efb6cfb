package main

import (
	"crypto/rand"
	"fmt"

	"github.com/spf13/cobra"

	"casper-cosigner/cosigner/frost"
	"casper-cosigner/keygen"
	"casper-cosigner/report"
)

func verifyCommand() *cobra.Command {
	var keys openFlags
	c := &cobra.Command{
		Use:   "verify FILE FILE...",
		Short: "check that shares sign together",
		Long: `verify opens share files and has every set of threshold many sign a text that
means nothing on any chain. Doing so brings the shares together in one place:
use a machine that is offline.`,
		Example: "  casper-cosigner keygen verify --identity c1.identity --identity c2.identity share-1.age share-2.age",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ids, err := keys.read()
			if err != nil {
				return err
			}
			var shares []*frost.KeyShare
			var first keygen.ShareFile
			for i, path := range args {
				s, err := keys.open(path, ids)
				if err != nil {
					return err
				}
				share, err := s.KeyShare()
				if err != nil {
					return errorf("%s: %w", path, err)
				}
				if i == 0 {
					first = s
				} else if !s.SameSplit(first) {
					return errorf("%s is of cluster %q, epoch %d; %s is of cluster %q, epoch %d",
						path, s.Cluster, s.Epoch, args[0], first.Cluster, first.Epoch)
				}
				shares = append(shares, share)
			}
			if err := keygen.Verify(shares, rand.Reader); err != nil {
				return withHint(err, fmt.Sprintf("at least %d share files of one split", first.Threshold))
			}
			fmt.Fprintf(c.OutOrStdout(), "%s of %d sign together, any %d of them, for validator %v.\n",
				report.Count(len(shares), "share"), first.Size, first.Threshold, first.Validator)
			return nil
		},
	}
	keys.add(c)
	return c
}
