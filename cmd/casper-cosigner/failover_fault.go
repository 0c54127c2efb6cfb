package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"casper-cosigner/report"
)

func failoverFaultCommand() *cobra.Command {
	return group("fault", "what nodes tell of equivocations of the validator", faultShowCommand())
}

func faultShowCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use:   "show",
		Short: "show each fault that a node tells of, what it comes to, and what to do",
		Long: `show tells which nodes say that the validator equivocated, in which era, and what
came of looking into it: unread (the evidence is not there, or cannot be read),
too_old (the log knows nothing of that era any more), false (nobody signed two
values of a slot with the key) or proven (the key signed what no cosigner was ever
asked for). It shows the two messages that the node holds, and until when roles are
held. It is the view of the leader, or of the cosigner that has applied most, and
exits as "casper-cosigner status" does: 3 while any node tells of a fault.`,
		Args: cobra.NoArgs,
	}
	f.add(c)
	output := outputFlag(c, "table")
	c.RunE = func(c *cobra.Command, _ []string) error {
		l := looking{every: time.Second, output: *output}
		return f.look(c, l, func(w io.Writer, _ report.Cluster, s report.Status) error {
			v := report.NewFaults(s)
			if l.output == "json" {
				return printJSON(w, v)
			}
			return printFaults(w, v)
		})
	}
	return c
}

// printFaults writes the view for people.
func printFaults(w io.Writer, v report.Faults) error {
	if v.From == "" {
		fmt.Fprintln(w, "Not known: no cosigner answers. `casper-cosigner status` says why.")
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "hold\t%s\n", v.Hold.Text(v.At))
	if v.Hold != nil {
		fmt.Fprintf(t, "because\t%s\n", v.Reason)
	}
	if len(v.Faults) == 0 {
		fmt.Fprintf(t, "faults\tnone: no node tells of a fault of the validator\n")
	}
	for _, f := range v.Faults {
		fmt.Fprintf(t, "\nnode\t%s\nera\t%d\ntold\t%s\nproof\t%s\nwhy\t%s\n", f.Node, f.Era, report.Ago(v.At, f.At), f.Proof,
			f.Why)
		for _, m := range f.Messages {
			fmt.Fprintf(t, "message\t%s\n\tround %d, instance %s, validator %d\n\tsignature %s\n", m.Content, m.Round,
				m.Instance, m.Validator, m.Signature)
		}
		fmt.Fprintf(t, "to do\t%s\n", f.Advice())
	}
	return t.Flush()
}
