package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// change is a change of roles at the leader: given the epoch that was seen, it returns the new one.
type change func(ctx context.Context, client cosignerv1.AdminServiceClient, epoch uint64) (uint64, error)

func promoteCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use:     "promote NODE",
		Short:   "make a node the active one",
		Example: `  casper-cosigner failover promote node-b --reason "kernel update on node-a"`,
		Args:    cobra.ExactArgs(1),
	}
	why := reasonFlag(c)
	f.add(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return f.change(c, "making "+args[0]+" active", func(ctx context.Context, a cosignerv1.AdminServiceClient, epoch uint64) (uint64, error) {
			r, err := a.Activate(ctx, &cosignerv1.ActivateRequest{Node: args[0], Reason: *why, Epoch: epoch})
			return r.GetEpoch(), err
		})
	}
	return c
}

func modeCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use:   "mode hot|fenced",
		Short: "hot: every node is served, the active one first; fenced: consensus for the active one only",
		Args:  cobra.ExactArgs(1),
	}
	why := reasonFlag(c)
	f.add(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		modes := map[string]cosignerv1.Mode{"hot": cosignerv1.Mode_MODE_HOT, "fenced": cosignerv1.Mode_MODE_FENCED}
		mode, ok := modes[args[0]]
		if !ok {
			return usageFault(errorf("mode %q: want hot or fenced", args[0]))
		}
		return f.change(c, "switching to "+args[0], func(ctx context.Context, a cosignerv1.AdminServiceClient, epoch uint64) (uint64, error) {
			r, err := a.SetMode(ctx, &cosignerv1.SetModeRequest{Mode: mode, Reason: *why, Epoch: epoch})
			return r.GetEpoch(), err
		})
	}
	return c
}

func suspendCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use:   "suspend NODE",
		Short: "take a node's rights away, or give them back with --end",
		Long: `suspend has the cosigners refuse everything that the node asks for from now on.
What a slot holds already stays, whoever asked for it.`,
		Args: cobra.ExactArgs(1),
	}
	end := c.Flags().Bool("end", false, "give the rights back")
	why := reasonFlag(c)
	f.add(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		what := "suspending " + args[0]
		if *end {
			what = "ending the suspension of " + args[0]
		}
		return f.change(c, what, func(ctx context.Context, a cosignerv1.AdminServiceClient, epoch uint64) (uint64, error) {
			r, err := a.Suspend(ctx, &cosignerv1.SuspendRequest{Node: args[0], Suspended: !*end, Reason: *why, Epoch: epoch})
			return r.GetEpoch(), err
		})
	}
	return c
}

func reasonFlag(c *cobra.Command) *string {
	why := c.Flags().String("reason", "", "why, for the record")
	required(c, "reason")
	return why
}

// change makes one change at the leader, on top of the epoch that it shows. Another change in between is refused there.
func (f *operatorFlags) change(c *cobra.Command, what string, do change) error {
	return f.withLeader(c, func(ctx context.Context, client cosignerv1.AdminServiceClient, seen *cosignerv1.StatusResponse) error {
		epoch, err := do(ctx, client, seen.GetEpoch())
		if err != nil {
			return changeFault(what, err)
		}
		fmt.Fprintf(c.OutOrStdout(), "Done: %s. Epoch %d, was %d (%s active, %s).\n",
			what, epoch, seen.GetEpoch(), seen.GetActive(), modeName(seen.GetMode()))
		return nil
	})
}

func modeName(m cosignerv1.Mode) string {
	switch m {
	case cosignerv1.Mode_MODE_HOT:
		return "hot"
	case cosignerv1.Mode_MODE_FENCED:
		return "fenced"
	}
	return "unknown"
}
