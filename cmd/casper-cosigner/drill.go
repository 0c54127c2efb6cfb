package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"casper-cosigner/drill"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
	"casper-cosigner/rule/casper"
)

func drillCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use:   "drill",
		Short: "rehearse: make a ready standby active, watch, hand back, say what was lost",
		Long: `drill makes a ready standby active as promote does, watches for some rounds, makes main
active again and watches until the rounds then open are over. It reports each round
without a vote of ours and each height without a finality signature from the first
change on, and exits with 0 only if there is none. Interrupted, it hands back first.

It does not begin unless main is active, main and a standby are well and ready, and
nothing is held or about to change.`,
		Example: `  casper-cosigner failover drill --reason "before the upgrade on Monday"`,
		Args:    cobra.NoArgs,
	}
	why := reasonFlag(c)
	f.add(c)
	yes := c.Flags().Bool("yes", false, "do not ask")
	keep := c.Flags().Duration("keep", 0, "how long the standby stays active (default three rounds)")
	output := outputFlag(c, "table")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := checkOutput(*output, "table"); err != nil {
			return err
		}
		if *keep < 0 {
			return usageFault(errorf("--keep %v: want more than 0", *keep))
		}
		a, err := f.open()
		if err != nil {
			return err
		}
		defer a.close()
		r,
			err := rehearse(c,
			drill.New(&drilled{admin: a}, drill.Settings{View: a.view, Round: time.Duration(a.file.MinBlockTime),
				Timeout: f.timeout, Keep: *keep, Reason: *why, Tell: func(line string) { fmt.Fprintln(c.ErrOrStderr(), line) }}),
			*yes)
		if err != nil {
			return drillFault(err)
		}
		if *output == "json" {
			err = printJSON(c.OutOrStdout(), r)
		} else {
			err = printDrill(c.OutOrStdout(), r)
		}
		return errors.Join(err, r.Fault())
	}
	return c
}

// rehearse asks the operator, and has the rehearsal hand back when it is interrupted.
func rehearse(c *cobra.Command, d *drill.Drill, yes bool) (drill.Result, error) {
	p, err := d.Plan(c.Context())
	if err != nil {
		return drill.Result{}, err
	}
	fmt.Fprintf(c.ErrOrStderr(), "%s becomes active for %v, then %s again; mode %s.\n", p.Standby, p.Keep, p.Main, p.Mode)
	if err := confirm(c, p.Standby, yes); err != nil {
		return drill.Result{}, err
	}
	ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interruption ends the program
	return d.Run(ctx)
}

// drillFault gives a rehearsal that did not come to an end its exit code and what to try.
func drillFault(err error) error {
	var no *drill.NotNowError
	var still *drill.StillActiveError
	switch {
	case errors.As(err, &no):
		return &fault{code: exitRefused, err: err,
			hints: []string{"`casper-cosigner failover status`, and again when all is well"}}
	case errors.As(err, &still):
		return &fault{code: exitUnavailable, err: err,
			hints: []string{fmt.Sprintf("casper-cosigner failover promote %s --reason \"after a rehearsal\"", still.Main)}}
	}
	return err
}

// drilled is the cosigners as a rehearsal wants them.
type drilled struct {
	*admin
	lead leading // at the last look
}

// Look implements drill.Cluster.
func (d *drilled) Look(ctx context.Context) (*cosignerv1.StatusResponse, error) {
	l, err := d.leader(ctx)
	if err != nil {
		return nil, err
	}
	d.lead = l
	return l.seen, nil
}

// Activate implements drill.Cluster.
func (d *drilled) Activate(ctx context.Context, r *cosignerv1.ActivateRequest) error {
	_, err := d.lead.Activate(ctx, r)
	return answerFault(err)
}

// Held implements drill.Cluster.
func (d *drilled) Held(ctx context.Context, do func(node string, m casper.Message)) error {
	return eachHeld(ctx, d.lead, func(held *cosignerv1.ExportWatermarkResponse, m casper.Message) error {
		do(held.GetNode(), m)
		return nil
	})
}

// printDrill writes the result for people.
func printDrill(w io.Writer, r drill.Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "rehearsal\t%s was active for %v; now %s is\n", r.Standby, report.Span(r.KeptSeconds), r.Active)
	if r.Ended != "" {
		fmt.Fprintf(t, "ended early\t%s\n", r.Ended)
	}
	fmt.Fprintf(t, "mode\t%s, epoch %d\n", r.Mode, r.Epoch)
	fmt.Fprintf(t, "rounds\t%d, from era %d round %d; without a vote of ours: %d\n",
		r.Rounds, r.First.Era, r.First.Round, len(r.LostRounds))
	for _, p := range r.LostRounds {
		fmt.Fprintf(t, "\tlost: era %d round %d\n", p.Era, p.Round)
	}
	fmt.Fprintf(t, "not seen\tof each round: %s\n", strings.Join(r.Unseen, ", "))
	fmt.Fprintf(t, "heights\t%d, from %d; without a finality signature of ours: %d\n",
		r.Heights, r.First.Height+1, len(r.LostHeights))
	for _, h := range r.LostHeights {
		fmt.Fprintf(t, "\tlost: height %d\n", h)
	}
	fmt.Fprintf(t, "\nNODE\tASKED BEFORE\tASKED AFTER\tBOUND ECHOES\tVOTES\tFINALITY SIGNATURES\n")
	for _, n := range r.Nodes {
		fmt.Fprintf(t, "%s\t%v\t%v\t%d\t%d\t%d\n", n.Name, n.Before, n.After, n.Echoes, n.Votes, n.Signatures)
	}
	return t.Flush()
}
