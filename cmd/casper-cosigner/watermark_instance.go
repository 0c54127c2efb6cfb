package main

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/spf13/cobra"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
)

func watermarkInstanceCommand() *cobra.Command {
	var f operatorFlags
	var era uint64
	var spec string
	var without []string
	c := &cobra.Command{
		Use:   "instance",
		Short: "after an emergency restart: let nodes vote in an era that runs again",
		Long: `instance names the chainspec under which an era runs again. A node speaks under one
chainspec an era; what it asks for under another is refused as OTHER_INSTANCE, and
"status" shows under which that was. Once it is named, each node has a voice there
too. No slot gets a second value: rounds under another chainspec are other slots,
and what was signed in the first run stays. Three can be named an era.`,
		Example: `  casper-cosigner watermark instance --era 21802 --chainspec 5a0c...e1 --reason "restart of 2026-11-30"`,
		Args:    cobra.NoArgs,
	}
	c.Flags().Uint64Var(&era, "era", 0, "the era that runs again")
	c.Flags().StringVar(&spec, "chainspec", "", "hash of the chainspec, 64 hex digits")
	withoutFlag(c, &without)
	required(c, "era", "chainspec")
	why := reasonFlag(c)
	f.add(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		hash, err := hex.DecodeString(spec)
		if err != nil || len(hash) != len(casper.Hash{}) {
			return usageFault(errorf("--chainspec %q: want 64 hex digits", spec))
		}
		return f.withLeader(c, func(ctx context.Context, client cosignerv1.AdminServiceClient,
			_ *cosignerv1.StatusResponse) error {
			_, err := client.SetInstance(ctx, &cosignerv1.SetInstanceRequest{Era: era, Chainspec: hash, Reason: *why,
				Without: without})
			if err != nil {
				return changeFault("naming the chainspec", err)
			}
			fmt.Fprintf(c.OutOrStdout(), "Done: in era %d each node may vote under chainspec %x too.\n", era, hash)
			return nil
		})
	}
	return c
}
