package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"casper-cosigner/testnet/simnet"
)

// row is one trouble of main's in the table.
type row struct {
	act, mode, cause string
	took             string // until the standby was active
	vote             string // until its first vote
	back             string // from when main came back until it was active again
	losses           simnet.Losses
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// printTable prints how main's troubles went.
func (s *demo) printTable() {
	fmt.Fprintf(s.Out, "\nMain fails (rounds of %v, failover_after %v)\n", s.Net.Block, failoverAfter)
	w := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  what\tmode\tcause\tstandby active\tits first vote\tmain active again\trounds lost\tblocks of "+
		"ours lost\tfinality lost")
	for _, r := range s.rows {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\t%d of %d\t%d\t%d\n", r.act, r.mode, r.cause, r.took, r.vote, r.back,
			len(r.losses.Rounds), r.losses.Of, r.losses.Led(), len(r.losses.Finality))
	}
	w.Flush()
	fmt.Fprintln(s.Out, "\n  standby active, its first vote: from the failure on; main active again: from when main "+
		"came back")
	fmt.Fprintln(s.Out, "  in hot mode a standby votes before it is active")
}

// plural writes "1 request", "2 requests".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
