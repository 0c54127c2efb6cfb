package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
)

// change is a change of mode or roles at the leader.
type change struct {
	what string // what is done, as in "making node-b active"
	// done says how things are once it is, as in "node-b is active, hot".
	done func(seen *cosignerv1.StatusResponse) string
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
that node changes it. A node that is suspended is refused, and so is one that is not
ready. A stock node that is out of this era, as a passive one always is, is taken in
hot mode: who votes goes on to the end of the era.

--force makes it active all the same. No slot gets two values by that, but a node
that is not ready cannot vote before it has caught up. In fenced mode nobody else is
asked: the validator misses every round until then, 4 to 8 of them when a node that
was just restarted was tried. In hot mode the others go on to be served. And the
failover rules may give the role to another node again.`,
		Example: `  casper-cosigner failover promote node-b --reason "kernel update on node-a"`,
		Args:    one("a NODE"),
	}
	why := reasonFlag(c)
	force := c.Flags().Bool("force", false, "even if it is not ready: may cost rounds, never safety")
	f.add(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		node, refused := args[0], false
		err := f.change(c, change{
			what: "making " + node + " active",
			done: func(seen *cosignerv1.StatusResponse) string { return rolesText(node, seen.GetMode()) },
			check: func(seen *cosignerv1.StatusResponse) (string, error) {
				suspended := slices.Contains(seen.GetSuspended(), node) // which is refused, and --force is no remedy
				refused = !report.IsReady(seen, node) && !suspended
				if seen.GetActive() == node && !suspended {
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
			return withHint(err, "wait until `casper-cosigner failover status` shows it ready; --force makes it active all "+
				"the same, "+
				"which in fenced mode costs rounds until it has caught up")
		}
		return err
	}
	return c
}

func modeCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use:   "mode hot|fenced",
		Short: "hot: every node is served, the active one first; fenced: consensus for the active one only",
		Args:  one("hot or fenced"),
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
			done: func(seen *cosignerv1.StatusResponse) string { return rolesText(seen.GetActive(), mode) },
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
		Args: one("a NODE"),
	}
	end := c.Flags().Bool("end", false, "give the rights back")
	force := c.Flags().Bool("force", false, "even if no other node is left: nobody signs then")
	c.MarkFlagsMutuallyExclusive("end", "force")
	why := reasonFlag(c)
	f.add(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		what, done, is := "suspending "+args[0], args[0]+" is suspended", args[0]+" is suspended already"
		if *end {
			what, done, is = "ending the suspension of "+args[0], args[0]+" is no longer suspended", args[0]+" is not suspended"
		}
		return f.change(c, change{
			what: what,
			done: func(*cosignerv1.StatusResponse) string { return done },
			check: func(seen *cosignerv1.StatusResponse) (string, error) {
				switch {
				case slices.Contains(seen.GetSuspended(), args[0]) != *end:
					return is, nil
				case !*end && !*force && report.IsLast(seen, args[0]):
					return "", &fault{code: exitRefused,
						err: errorf("%s: nobody would sign; --force if that is what you want", what)}
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

// reasonFlag adds --reason, which must be given, and say something.
func reasonFlag(c *cobra.Command) *string {
	why := c.Flags().String("reason", "", "why, for the record")
	required(c, "reason")
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if c.Flags().Changed("reason") && strings.TrimSpace(*why) == "" {
			return errorf("--reason is blank: say why, for the record")
		}
		return nil
	}
	return why
}

// change makes one change at the leader, on top of the epoch that it shows. Another change in
// between is refused there.
func (f *operatorFlags) change(c *cobra.Command, x change) error {
	return f.withLeader(c, func(ctx context.Context, client cosignerv1.AdminServiceClient,
		seen *cosignerv1.StatusResponse) error {
		already, err := x.check(seen)
		if err != nil {
			return err
		}
		if already != "" {
			fmt.Fprintf(c.OutOrStdout(), "Nothing was changed: %s. Epoch %d (%s active, %s).\n", already, seen.GetEpoch(),
				seen.GetActive(), report.ModeName(seen.GetMode()))
			return nil
		}
		epoch, err := x.do(ctx, client, seen.GetEpoch())
		if err != nil {
			return changeFault(x.what, err)
		}
		fmt.Fprintf(c.OutOrStdout(), "Done: %s, epoch %d. Before: %s active, %s, epoch %d.\n", x.done(seen), epoch,
			seen.GetActive(), report.ModeName(seen.GetMode()), seen.GetEpoch())
		return nil
	})
}

func rolesText(active string, m cosignerv1.Mode) string {
	return active + " is active, " + report.ModeName(m)
}
