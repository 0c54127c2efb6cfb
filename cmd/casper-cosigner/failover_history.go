package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
)

func historyCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use:   "history",
		Short: "show the last changes of mode, roles and marks, and what brought them about",
		Long: `history shows what the log holds of changes: the leader's, or if none leads, that of
the cosigner which has applied most.`,
		Args: cobra.NoArgs,
	}
	f.add(c)
	output := outputFlag(c, "table")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := checkOutput(*output, "table"); err != nil {
			return err
		}
		h, err := f.history(c.Context())
		if err != nil {
			return err
		}
		if *output == "json" {
			return printJSON(c.OutOrStdout(), h)
		}
		if len(h.Changes) == 0 {
			fmt.Fprintf(c.OutOrStdout(), "Nothing was changed yet.\n")
			return nil
		}
		t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintf(t, "EPOCH\tAT\tWHAT\tCAUSE\tWHY\n")
		for _, r := range h.Changes {
			epoch := "-" // one of the marks makes none
			if r.Epoch > 0 {
				epoch = fmt.Sprint(r.Epoch)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", epoch, r.At.Format(time.RFC3339), r.Text(), cmp.Or(r.Cause, "-"), r.Reason)
		}
		return t.Flush()
	}
	return c
}

// history asks whoever knows most.
func (f *operatorFlags) history(ctx context.Context) (report.History, error) {
	a, err := f.open()
	if err != nil {
		return report.History{}, err
	}
	defer a.close()
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	answers := a.ask(ctx)
	i := report.Foremost(answers)
	if i < 0 {
		var said []error
		for _, r := range answers {
			said = append(said, errorf("cosigner %s at %s: %s", r.Name, r.Address, r.Error))
		}
		return report.History{}, &fault{code: exitUnavailable, err: errorf("no cosigner answers:\n%w", errors.Join(said...))}
	}
	r, err := a.clients[i].History(ctx, &cosignerv1.HistoryRequest{})
	if err != nil {
		return report.History{}, &fault{code: exitUnavailable, err: errorf("reading the history of %s: %s",
			answers[i].Name, reason(err))}
	}
	return report.NewHistory(answers[i].Name, r.GetChanges()), nil
}
