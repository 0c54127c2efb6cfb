package main

import (
	"fmt"
	"strings"

	"casper-cosigner/testnet/casperdemo/stage"
)

// table is what was lost in each act, and what was earned on each network: the ends of eras hand
// that out, so it belongs to no act.
type table struct{ text strings.Builder }

// add adds the acts of a network.
func (t *table) add(network string, acts []*stage.ActResult) {
	for _, a := range acts {
		c := a.Counts
		if _, judged := c["rounds"]; !judged {
			continue
		}
		known := ""
		if n := c["exits_known"]; n > 0 {
			known = fmt.Sprintf(", %d ends of casper-node by its known bug", n)
		}
		fmt.Fprintf(&t.text, "  %s %-10s %4d rounds, %4d with our vote, %3d lost; %4d blocks, %4d with our signature%s\n",
			network, a.Name, c["rounds"], c["rounds_with_vote"], c["rounds_lost"]+c["rounds_absent"], c["blocks"],
			c["finality_signatures"], known)
		if ours, ended := c["milli_cspr_ours"]; ended {
			others := []string{}
			for _, name := range []string{"validator-2", "validator-3", "validator-4", "validator-5"} {
				if other, there := c["milli_cspr_"+name]; there {
					others = append(others, fmt.Sprintf("%.3f", float64(other)/1000))
				}
			}
			fmt.Fprintf(&t.text, "  %s %-10s %.3f CSPR ours; the other validators, of equal weight: %s\n", network, "rewards",
				float64(ours)/1000, strings.Join(others, ", "))
		}
	}
}

// String is empty where nothing was judged.
func (t *table) String() string {
	if t.text.Len() == 0 {
		return ""
	}
	return "What was lost, by network and act (the judges' line is of all):\n" + t.text.String()
}
