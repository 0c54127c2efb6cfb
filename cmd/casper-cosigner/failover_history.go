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
)

// historyJSON is what failover history prints as JSON.
type historyJSON struct {
	Schema  string      `json:"schema"`
	From    string      `json:"from"`
	Changes []changeRow `json:"changes"` // oldest first
}

type changeRow struct {
	Epoch   uint64    `json:"epoch"`
	At      time.Time `json:"at"`
	What    string    `json:"what"`
	Subject string    `json:"subject,omitempty"`
	Cause   string    `json:"cause"`
	Reason  string    `json:"reason"`
}

func historyCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use:   "history",
		Short: "show the last changes of mode and roles, and what brought them about",
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
			fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\n", r.Epoch, r.At.Format(time.RFC3339), r.text(), cmp.Or(r.Cause, "-"), r.Reason)
		}
		return t.Flush()
	}
	return c
}

// history asks whoever knows most.
func (f *operatorFlags) history(ctx context.Context) (historyJSON, error) {
	a, err := f.open()
	if err != nil {
		return historyJSON{}, err
	}
	defer a.close()
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	replies := a.ask(ctx)
	i := mostAdvanced(replies)
	if i < 0 {
		var said []error
		for _, r := range replies {
			said = append(said, errorf("cosigner %s at %s: %s", r.entry.Name, r.entry.AdminAddress, reason(r.err)))
		}
		return historyJSON{}, &fault{code: exitUnavailable, err: errorf("no cosigner answers:\n%w", errors.Join(said...))}
	}
	r, err := a.clients[i].History(ctx, &cosignerv1.HistoryRequest{})
	if err != nil {
		return historyJSON{}, &fault{code: exitUnavailable, err: errorf("reading the history of %s: %s", replies[i].entry.Name, reason(err))}
	}
	h := historyJSON{Schema: schema, From: replies[i].entry.Name, Changes: []changeRow{}}
	for _, x := range r.GetChanges() {
		h.Changes = append(h.Changes, changeRow{Epoch: x.GetEpoch(), At: time.UnixMilli(x.GetAt()).UTC(), What: x.GetWhat(),
			Subject: x.GetSubject(), Cause: x.GetCause(), Reason: x.GetReason()})
	}
	return h, nil
}

func (r changeRow) text() string {
	if r.Subject == "" {
		return r.What
	}
	return r.What + " " + r.Subject
}
