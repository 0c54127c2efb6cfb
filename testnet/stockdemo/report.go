package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"casper-cosigner/testnet"
)

// writeResults writes what was measured, and then all that was printed, in Markdown.
func (s *demo) writeResults(path, only, printed string) error {
	var out bytes.Buffer
	v := s.Result.Versions
	fmt.Fprint(&out, "# What was measured on stock casper-nodes\n\nWritten by `make stock-test`; do not edit.\n\n"+
		"| | |\n|---|---|\n")
	for _, row := range [][2]string{
		{"date", s.Result.Started.Format("2006-01-02 15:04 MST")},
		{"took", fmt.Sprintf("%.0f min", s.Result.Seconds/60)},
		{"seed", fmt.Sprint(s.Seed)},
		{"casper-node", v.Node + " as published"},
		{"casper-cosigner", v.Cosigner},
		{"Go", v.Go},
		{"processors", fmt.Sprintf("%d, load at the end %s", v.Processors, testnet.LoadAverage())},
		{"every line holds", fmt.Sprint(s.Result.Holds)},
	} {
		fmt.Fprintf(&out, "| %s | %s |\n", row[0], row[1])
	}
	if only != "" {
		fmt.Fprintf(&out, "\n**Not the whole run**: only %s.\n", only)
	}
	fmt.Fprintf(&out, `
A round counts if another validator has our Vote of it, late ones too. All nodes, cosigners and this
program share the processors.

%[1]s
%[2]s%[1]s

## All that was printed

%[1]s
%[3]s
%[1]s
`, "```", &s.lost, strings.TrimSpace(printed))
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the results: %w", err)
	}
	return nil
}
