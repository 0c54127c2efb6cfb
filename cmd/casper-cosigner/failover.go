package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// change is a change of mode or roles at the leader.
type change struct {
	what string // what is done, as in "making node-b active"
	// check says why there is nothing to do, or returns why it may not be done.
	check func(seen *cosignerv1.StatusResponse) (already string, err error)
	// do makes the change on top of the epoch and returns the new one.
	do func(ctx context.Context, client cosignerv1.AdminServiceClient, epoch uint64) (uint64, error)
}

func promoteCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use:   "promote NODE",
		Short: "make a node the active one",
		Long: `promote makes a node the active one; it stays so until an operator or a failure of
that node changes it. A node that is not ready is refused.

--force makes it active all the same. No slot gets two values by that, but a node
that is not ready cannot vote before it has caught up. In fenced mode nobody else is
asked: the validator misses every round until then, 4 to 8 of them when a node that
was just restarted was tried. In hot mode the others go on to be served. And the
failover rules may give the role to another node again.`,
		Example: `  casper-cosigner failover promote node-b --reason "kernel update on node-a"`,
		Args:    cobra.ExactArgs(1),
	}
	why := reasonFlag(c)
	force := c.Flags().Bool("force", false, "even if it is not ready: may cost rounds, never safety")
	f.add(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		node, refused := args[0], false
		err := f.change(c, change{
			what: "making " + node + " active",
			check: func(seen *cosignerv1.StatusResponse) (string, error) {
				refused = !isReady(seen, node)
				if seen.GetActive() == node {
					return node + " is active already", nil
				}
				return "", nil
			},
			do: func(ctx context.Context, a cosignerv1.AdminServiceClient, epoch uint64) (uint64, error) {
				r, err := a.Activate(ctx, &cosignerv1.ActivateRequest{Node: node, Reason: *why, Epoch: epoch, Force: *force})
				refused = refused && status.Code(err) == codes.FailedPrecondition
				return r.GetEpoch(), err
			},
		})
		if refused && !*force {
			return withHint(err, "`casper-cosigner failover status` says what it lacks; wait until it is ready",
				"--force makes it active all the same, which costs rounds in fenced mode until it has caught up")
		}
		return err
	}
	return c
}

// isReady reports whether the leader takes the node for ready. One that it does not know is not.
func isReady(seen *cosignerv1.StatusResponse, node string) bool {
	return slices.ContainsFunc(seen.GetNodes(), func(n *cosignerv1.NodeStatus) bool { return n.GetName() == node && n.GetReady() })
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
		return f.change(c, change{
			what: "switching to " + args[0],
			check: func(seen *cosignerv1.StatusResponse) (string, error) {
				if seen.GetMode() == mode {
					return "the mode is " + args[0] + " already", nil
				}
				return "", nil
			},
			do: func(ctx context.Context, a cosignerv1.AdminServiceClient, epoch uint64) (uint64, error) {
				r, err := a.SetMode(ctx, &cosignerv1.SetModeRequest{Mode: mode, Reason: *why, Epoch: epoch})
				return r.GetEpoch(), err
			},
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
		what, is := "suspending "+args[0], args[0]+" is suspended already"
		if *end {
			what, is = "ending the suspension of "+args[0], args[0]+" is not suspended"
		}
		return f.change(c, change{
			what: what,
			check: func(seen *cosignerv1.StatusResponse) (string, error) {
				if slices.Contains(seen.GetSuspended(), args[0]) != *end {
					return is, nil
				}
				return "", nil
			},
			do: func(ctx context.Context, a cosignerv1.AdminServiceClient, epoch uint64) (uint64, error) {
				r, err := a.Suspend(ctx, &cosignerv1.SuspendRequest{Node: args[0], Suspended: !*end, Reason: *why, Epoch: epoch})
				return r.GetEpoch(), err
			},
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
func (f *operatorFlags) change(c *cobra.Command, x change) error {
	return f.withLeader(c, func(ctx context.Context, client cosignerv1.AdminServiceClient, seen *cosignerv1.StatusResponse) error {
		was := fmt.Sprintf("%d (%s active, %s)", seen.GetEpoch(), seen.GetActive(), modeName(seen.GetMode()))
		already, err := x.check(seen)
		if err != nil {
			return err
		}
		if already != "" {
			fmt.Fprintf(c.OutOrStdout(), "Nothing was changed: %s. Epoch %s.\n", already, was)
			return nil
		}
		epoch, err := x.do(ctx, client, seen.GetEpoch())
		if err != nil {
			return changeFault(x.what, err)
		}
		fmt.Fprintf(c.OutOrStdout(), "Done: %s. Epoch %d, was %s.\n", x.what, epoch, was)
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
