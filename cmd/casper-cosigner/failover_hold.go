package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
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
	var span holdTime
	c.Flags().Var(&span, "for", "for how long (default until failover resume)")
	why := reasonFlag(c)
	f.add(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if c.Flags().Changed("for") && span.Duration < time.Second {
			return usageFault(errorf("--for %v: want a second or more; without --for it holds until failover resume",
				span.Duration))
		}
		end := "until failover resume"
		if span.Duration > 0 {
			end = "for " + span.Duration.String()
		}
		return f.change(c, change{
			what: "holding the roles " + end,
			done: func(*cosignerv1.StatusResponse) string { return "the roles are held " + end },
			check: func(seen *cosignerv1.StatusResponse) (string, error) {
				held := report.HoldOf(seen.GetHoldUntil())
				switch {
				case held.ForGood() && span.Duration == 0:
					return "the roles are held until failover resume already", nil
				case span.Duration > 0 && held.Outlasts(time.Now().Add(span.Duration)):
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

// holdTime is the flag of how long to hold for.
type holdTime struct{ time.Duration }

// Set reads the flag's text. Go's units end with hours, so the error says what to write for days.
func (h *holdTime) Set(text string) (err error) {
	if h.Duration, err = time.ParseDuration(text); err != nil {
		return errorf("want hours and minutes, such as 48h or 90m, at most 720h")
	}
	return nil
}

// Type names the flag's kind in --help.
func (h *holdTime) Type() string { return "duration" }

// String is empty when nothing is given, so that --help shows no default of its own.
func (h *holdTime) String() string {
	if h.Duration == 0 {
		return ""
	}
	return h.Duration.String()
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
			done: func(*cosignerv1.StatusResponse) string { return "the roles may change by themselves again" },
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
