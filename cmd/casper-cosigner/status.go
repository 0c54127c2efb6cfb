package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"casper-cosigner/report"
)

func statusCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use:   "status",
		Short: "show who leads, who is active and what is wrong",
		Long: `status asks every cosigner. It exits with 0 when all is well, 3 when something is
missing or wrong though the cosigners can sign, 4 when they cannot, 6 when that is
not known since they and this operator do not take each other's certificates.`,
		Args: cobra.NoArgs,
	}
	f.add(c)
	l := looking{every: 2 * time.Second}
	l.add(c, "two seconds")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return f.look(c, l, func(w io.Writer, _ report.Cluster, s report.Status) error {
			if l.output == "json" {
				return printJSON(w, s)
			}
			l.clear(w)
			return printStatus(w, s)
		})
	}
	return c
}

// exitOf is the state as an exit code; the output says the rest.
func exitOf(s report.Status) error {
	switch s.State {
	case report.Degraded:
		return &fault{code: exitDegraded}
	case report.NoQuorum:
		return &fault{code: exitNoQuorum}
	case report.Unknown:
		return &fault{code: exitUnavailable}
	}
	return nil
}

// looking is how often the cosigners are asked, and how the answer is printed.
type looking struct {
	every  time.Duration
	watch  bool
	output string
}

func (l *looking) add(c *cobra.Command, every string) {
	c.Flags().StringVarP(&l.output, "output", "o", "table", "table or json")
	c.Flags().BoolVar(&l.watch, "watch", false, fmt.Sprintf("look again every %s until interrupted", every))
}

// clear begins a terminal's screen anew when it is watched.
func (l *looking) clear(w io.Writer) {
	if l.watch && isTerminal(w) {
		fmt.Fprint(w, "\x1b[H\x1b[2J") // to the top, and clear
	}
}
