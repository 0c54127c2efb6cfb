package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// printTable writes the status for people.
func (s statusJSON) printTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "state\t%s\n", stateName(s.State))
	fmt.Fprintf(t, "validator\t%s on %s\n", s.Validator, s.Chain)
	fmt.Fprintf(t, "leader\t%s\n", cmp.Or(s.Leader, "none"))
	if s.From != "" {
		fmt.Fprintf(t, "active\t%s, mode %s, epoch %d\n", cmp.Or(s.Active, "none"), s.Mode, s.Epoch)
		if s.Since != nil {
			fmt.Fprintf(t, "since\t%s, %s\n", s.Since.Format(time.RFC3339), s.ago(s.Since))
		}
		fmt.Fprintf(t, "reason\t%s\n", s.because())
		if s.Hold != nil {
			fmt.Fprintf(t, "hold\t%s\n", s.Hold.text(s.At))
		}
		if s.Judgement != nil {
			fmt.Fprintf(t, "next\t%s\n", s.Judgement.text(s.At))
		}
		fmt.Fprintf(t, "suspended\t%s\n", cmp.Or(strings.Join(s.Suspended, ", "), "none"))
		fmt.Fprintf(t, "newest\tera %d round %d height %d\n", s.Newest.Era, s.Newest.Round, s.Newest.Height)
		fmt.Fprintf(t, "floor\tera %d height %d\n", s.Floor.Era, s.Floor.Height)
		fmt.Fprintf(t, "pruned\tera %d height %d\n", s.Pruned.Era, s.Pruned.Height)
	}
	s.cosignerTable(t)
	if len(s.Nodes) > 0 {
		s.nodeTable(t)
	}
	if len(s.Refusals) > 0 {
		fmt.Fprintf(t, "\nREFUSED\tNODE\tSLOT\tWHY\n")
		for _, r := range s.Refusals {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.ago(r.At), r.Node, r.Slot, r.Reason)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return printProblems(w, s.Problems)
}

func stateName(state string) string { return strings.ToUpper(strings.ReplaceAll(state, "_", " ")) }

func printProblems(w io.Writer, problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "\nPROBLEMS\n  %s\n", strings.Join(problems, "\n  "))
	return err
}

func (s statusJSON) cosignerTable(w io.Writer) {
	fmt.Fprintf(w, "\nCOSIGNER\tSTATE\tTERM\tAPPLIED\tFILE\tCOMMITMENTS IN STOCK\tTORN\tDIFFERING\tVERSION\n")
	for _, c := range s.Cosigners {
		if !c.Reachable {
			fmt.Fprintf(w, "%s\tno answer\t-\t-\t-\t-\t-\t-\t-\n", c.Name)
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
		var stock []string
		for _, p := range c.Peers {
			stock = append(stock, fmt.Sprintf("%s %d", p.Name, p.Commitments))
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t%d\t%d\t%s\n", c.Name, state, c.Term, c.Applied, file,
			cmp.Or(strings.Join(stock, ", "), "-"), c.TornRecords, c.DifferingSlots, c.Version)
	}
}

func (s statusJSON) nodeTable(w io.Writer) {
	fmt.Fprintf(w, "\nNODE\tROLE\tSTATE\tLAST PING\tLAST REQUEST\tERA\tROUND\tHEIGHT\n")
	for _, n := range s.Nodes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\n", n.Name, n.role(), s.stateOf(n), s.ago(n.LastPing), s.ago(n.LastRequest),
			n.Era, n.Round, n.Height)
	}
}

// ago writes a time as how long before the status it was.
func (s statusJSON) ago(t *time.Time) string { return ago(s.At, t) }
