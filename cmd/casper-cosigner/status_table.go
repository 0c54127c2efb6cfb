package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"casper-cosigner/report"
)

// printStatus writes the status for people.
func printStatus(w io.Writer, s report.Status) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "state\t%s\n", stateName(s.State))
	fmt.Fprintf(t, "validator\t%s on %s\n", s.Validator, s.Chain)
	fmt.Fprintf(t, "leader\t%s\n", cmp.Or(s.Leader, "none"))
	if s.From != "" {
		fmt.Fprintf(t, "active\t%s, mode %s, epoch %d\n", cmp.Or(s.Active, "none"), s.Mode, s.Epoch)
		if s.Since != nil {
			fmt.Fprintf(t, "since\t%s, %s\n", s.Since.Format(time.RFC3339), report.Ago(s.At, s.Since))
		}
		fmt.Fprintf(t, "reason\t%s\n", s.Because())
		if s.Hold != nil {
			fmt.Fprintf(t, "hold\t%s\n", s.Hold.Text(s.At))
		}
		if s.Judgement != nil {
			fmt.Fprintf(t, "next\t%s\n", s.Judgement.Text(s.At))
			if r := s.Judgement.Rearm; r != nil {
				fmt.Fprintf(t, "votes\t%s\n", r.Text(s.At))
			}
		}
		fmt.Fprintf(t, "suspended\t%s\n", cmp.Or(strings.Join(s.Suspended, ", "), "none"))
		fmt.Fprintf(t, "newest\tera %d round %d height %d\n", s.Newest.Era, s.Newest.Round, s.Newest.Height)
		fmt.Fprintf(t, "floor\tera %d height %d\n", s.Floor.Era, s.Floor.Height)
		fmt.Fprintf(t, "pruned\tera %d height %d\n", s.Pruned.Era, s.Pruned.Height)
	}
	printCosigners(t, s.Cosigners)
	if len(s.Nodes) > 0 {
		printNodes(t, s)
	}
	if len(s.Refusals) > 0 {
		fmt.Fprintf(t, "\nREFUSED\tNODE\tSLOT\tWHY\n")
		for _, r := range s.Refusals {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", report.Ago(s.At, r.At), r.Node, r.Slot, r.Reason)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if err := printProblems(w, s.Problems); err != nil {
		return err
	}
	return printLines(w, "HINTS", s.Hints)
}

func stateName(state report.State) string {
	return strings.ToUpper(strings.ReplaceAll(string(state), "_", " "))
}

func printProblems(w io.Writer, problems []string) error { return printLines(w, "PROBLEMS", problems) }

// printLines writes lines under a heading, or nothing if there are none.
func printLines(w io.Writer, heading string, lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "\n%s\n  %s\n", heading, strings.Join(lines, "\n  "))
	return err
}

func printCosigners(w io.Writer, all []report.Cosigner) {
	fmt.Fprintf(w, "\nCOSIGNER\tSTATE\tTERM\tAPPLIED\tFILE\tCOMMITMENTS IN STOCK\tROUND TRIP\t"+
		"TORN\tDIFFERING\tVERSION\n")
	for _, c := range all {
		if !c.Reachable {
			state := "no answer"
			if c.Refused || c.Foreign {
				state = "not known"
			}
			fmt.Fprintf(w, "%s\t%s\t-\t-\t-\t-\t-\t-\t-\t-\n", c.Name, state)
			continue
		}
		state := "not ready"
		if c.Ready {
			state = "ready"
		}
		if c.Leads {
			state += ", leads"
		}
		file := "same"
		if !c.SameFile {
			file = "DIFFERS"
		}
		var stock, trips []string
		for _, p := range c.Peers {
			trips = append(trips, p.Name+" "+p.RTT())
			stock = append(stock, fmt.Sprintf("%s %d", p.Name, p.Commitments))
		}
		if c.AttestsOnly {
			stock = []string{"none, it attests only"}
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%d\t%d\t%s\n", c.Name, state, c.Term, c.Applied, file,
			cmp.Or(strings.Join(stock, ", "), "-"), cmp.Or(strings.Join(trips, ", "), "-"), c.TornRecords, c.DifferingSlots,
			c.Version)
	}
}

func printNodes(w io.Writer, s report.Status) {
	fmt.Fprintf(w, "\nNODE\tROLE\tSTATE\tLAST PING\tLAST REQUEST\tERA\tROUND\tHEIGHT\n")
	for _, n := range s.Nodes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\n", n.Name, n.Role(), s.StateOf(n), report.Ago(s.At, n.LastPing),
			report.Ago(s.At, n.LastRequest), n.Era, n.Round, n.Height)
	}
}
