package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"casper-cosigner/report"
)

func failoverStatusCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use:   "status",
		Short: "show who is active and why, how each node is and what comes next",
		Long: `status shows the leader's judgement: who is active and what made it so, whether each
node is ready and if not why, what is about to change, and the pings between agents
and cosigners. It exits as "casper-cosigner status" does. --watch draws it anew each
second; where no terminal is, it prints a line each second instead.`,
		Args: cobra.NoArgs,
	}
	f.add(c)
	l := looking{every: time.Second}
	l.add(c, "second")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return f.look(c, l, func(w io.Writer, in report.Cluster, s report.Status) error {
			v := report.NewFailoverStatus(in, s)
			switch {
			case l.output == "json":
				return printJSON(w, v)
			case l.watch && !isTerminal(w):
				_, err := fmt.Fprintln(w, v.Line())
				return err
			}
			l.clear(w)
			return printFailover(w, v)
		})
	}
	return c
}

// printFailover writes the view for people.
func printFailover(w io.Writer, v report.FailoverStatus) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "state\t%s\n", stateName(v.State))
	if v.From != "" {
		fmt.Fprintf(t, "active\t%s, mode %s, epoch %d\n", cmp.Or(v.Active, "none"), v.Mode, v.Epoch)
		if v.Since != nil { // of a hold as well, so it is not since when the node is active
			fmt.Fprintf(t, "last change\t%s, %s: %s\n", v.Since.UTC().Format(time.RFC3339), report.Ago(v.At, v.Since),
				v.Because())
		}
		fmt.Fprintf(t, "next\t%s\n", v.Next())
		fmt.Fprintf(t, "hold\t%s\n", v.Hold.Text(v.At))
		fmt.Fprintf(t, "cool-down\t%s\n", v.CoolDownText())
	}
	set := v.Settings
	fmt.Fprintf(t, "failover\t%s, after %v\n", set.Failover, report.Span(set.FailoverAfter))
	fmt.Fprintf(t, "return\t%s to %s, after %v\n", set.Failback, v.Main, report.Span(set.FailbackAfter))
	if len(v.Nodes) > 0 {
		failoverNodes(t, v)
		pingTable(t, v)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return printProblems(w, v.Problems)
}

func failoverNodes(w io.Writer, v report.FailoverStatus) {
	fmt.Fprintf(w, "\nNODE\tROLE\tSTATE\tPING\tREQUEST\tERA\tROUND\tHEIGHT\tLAG\t/STATUS\n")
	for _, n := range v.Nodes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\n",
			n.Name, n.Role(), v.StateOf(n), report.Ago(v.At, n.LastPing),
			report.Ago(v.At, n.LastRequest), n.Era, n.Round, n.Height, n.Lag(), n.Health.Text(v.At))
	}
}

// pingTable shows how each agent, a row, reaches each other member, a column.
func pingTable(w io.Writer, v report.FailoverStatus) {
	fmt.Fprintf(w, "\nPINGS FROM\tTO %s\n", strings.Join(v.Members, "\t"))
	for _, n := range v.Nodes {
		row := []string{n.Name}
		for _, name := range v.Members {
			row = append(row, pingCell(v, n, name))
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
}

// pingCell is how the node's agent reaches the member.
func pingCell(v report.FailoverStatus, n report.Node, to string) string {
	i := slices.IndexFunc(n.Pings, func(p report.Ping) bool { return p.To == to })
	if i < 0 {
		return "-"
	}
	return n.Pings[i].Text(v.At)
}
