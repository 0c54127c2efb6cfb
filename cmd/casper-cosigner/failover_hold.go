package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

func holdCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use:   "hold",
		Short: "stop automatic changes of roles, for a time or until resume",
		Long: `hold keeps the active node active, whatever becomes of it, until the time is over or
"failover resume". An operator can still promote. In hot mode the other nodes are
still served when the active one is silent; in fenced mode nobody is.`,
		Example: `  casper-cosigner failover hold --for 2h --reason "work on the standby's network"`,
		Args:    cobra.NoArgs,
	}
	span := c.Flags().Duration("for", 0, "for how long (default until failover resume)")
	why := reasonFlag(c)
	f.add(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if c.Flags().Changed("for") && *span < time.Second {
			return usageFault(errorf("--for %v: want a second or more; without --for it holds until failover resume", *span))
		}
		what := "holding the roles until failover resume"
		if *span > 0 {
			what = "holding the roles for " + span.String()
		}
		return f.change(c, change{
			what: what,
			check: func(seen *cosignerv1.StatusResponse) (string, error) {
				held := holdOf(seen.GetHoldUntil())
				switch {
				case held == nil:
					return "", nil
				case held.Until == nil && *span == 0:
					return "the roles are held until failover resume already", nil
				case *span > 0 && (held.Until == nil || held.Until.After(time.Now().Add(*span))):
					// The longer one may be there for a fault.
					return "", &fault{code: exitRefused, err: errorf("the roles are held for longer already"),
						hints: []string{"`casper-cosigner failover status` shows since when and why; failover resume ends it"}}
				}
				return "", nil
			},
			do: func(ctx context.Context, a cosignerv1.AdminServiceClient, epoch uint64) (uint64, error) {
				r, err := a.Hold(ctx, &cosignerv1.HoldRequest{ForMs: uint64(span.Milliseconds()), Reason: *why, Epoch: epoch})
				return r.GetEpoch(), err
			},
		})
	}
	return c
}

func resumeCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use:   "resume",
		Short: "allow automatic changes of roles again",
		Args:  cobra.NoArgs,
	}
	why := reasonFlag(c)
	f.add(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return f.change(c, change{
			what: "allowing automatic changes of roles",
			check: func(seen *cosignerv1.StatusResponse) (string, error) {
				if seen.GetHoldUntil() == nil {
					return "the roles are not held", nil
				}
				return "", nil
			},
			do: func(ctx context.Context, a cosignerv1.AdminServiceClient, epoch uint64) (uint64, error) {
				r, err := a.Resume(ctx, &cosignerv1.ResumeRequest{Reason: *why, Epoch: epoch})
				return r.GetEpoch(), err
			},
		})
	}
	return c
}
