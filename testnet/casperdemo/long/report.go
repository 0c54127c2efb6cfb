package long

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"casper-cosigner/testnet/casperdemo/stage"
)

// report is the Markdown that --results writes.
type report struct {
	run           *run
	kernel, rustc string
	text          bytes.Buffer // of the networks
}

// newReport reads what can be known of the machine.
func (s *run) newReport(ctx context.Context) (*report, error) {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return nil, fmt.Errorf("reading the kernel's version: %w", err)
	}
	r := &report{run: s, kernel: strings.TrimSpace(string(release)), rustc: "not found"}
	if out, err := exec.CommandContext(ctx, "rustc", "--version").Output(); err == nil {
		r.rustc = strings.TrimPrefix(strings.TrimSpace(string(out)), "rustc ")
	}
	return r, nil
}

// add writes what was shown on a network. err is what ended it early.
func (r *report) add(st network, acts []*stage.ActResult, err error) {
	r.printf("\n## Network %s: %s\n\nBlocks of %v, eras of %v, 4 validators", st.name, st.title, st.blockTime, st.EraTime)
	if st.Bond != 0 {
		r.printf("; ours has twice the weight of each other, so that without it there is no quorum")
	}
	if st.Automatic {
		r.printf("; ping_interval %v, failover_after %v, failback_after %v",
			stage.PingInterval, stage.FailoverAfter, stage.FailbackAfter)
	}
	r.printf(".\n")
	if err != nil {
		r.printf("\n**It ended early:** %s\n", cell(err.Error()))
	}
	for _, a := range acts {
		a.Network = st.name
		r.act(a)
	}
}

func (r *report) act(a *stage.ActResult) {
	r.printf("\n### %s\n\n", a.Name)
	if len(a.Claims)+len(a.Goals) > 0 {
		r.printf("| | |\n|---|---|\n")
	}
	for _, g := range a.Goals {
		r.printf("| %s | %s |\n", reached(g.Holds), cell(g.Text))
	}
	for _, c := range a.Claims {
		r.printf("| %s | %s |\n", verdict(c.Holds), cell(c.Text))
	}
	if len(a.Said) > 0 {
		r.printf("\n```\n%s\n```\n", strings.Join(a.Said, "\n"))
	}
	if len(a.Disturbances) > 0 {
		r.printf("\n| what | era/round | into the round | votes again after |\n|---|---|---|---|\n")
	}
	for _, d := range a.Disturbances {
		r.printf("| %s | %d/%d | %s | %s |\n", cell(d.What), d.Era, d.Round, d.Into, d.Back)
	}
	if len(a.Counts) > 0 {
		r.printf("\nCounts: ")
	}
	for i, name := range slices.Sorted(maps.Keys(a.Counts)) {
		if i > 0 {
			r.printf(", ")
		}
		r.printf("%s %d", name, a.Counts[name])
	}
	r.printf("\n")
}

func (r *report) printf(format string, args ...any) { fmt.Fprintf(&r.text, format, args...) }

func verdict(holds bool) string {
	if holds {
		return "ok"
	}
	return "**FAILS**"
}

func reached(goal bool) string {
	if goal {
		return "met"
	}
	return "**missed**"
}

// cell is a text that breaks no table.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ").Replace(text)
}

// goal is one of the figures that the product was to reach.
type goal struct {
	what, act string
	value     func(counts map[string]int64) (text string, holds bool)
}

func goals() []goal {
	return []goal{
		{"a signature as the node sees it: p50 < 6 ms, p99 < 50 ms", "quiet", func(c map[string]int64) (string, bool) {
			took := func(name string) time.Duration { return time.Duration(c["micros_all_"+name]) * time.Microsecond }
			text := fmt.Sprintf("p50 %v, p99 %v, max %v of %d", took("p50"), took("p99"), took("max"), c["signatures_all"])
			return text, took("p50") < stage.WantedP50 && took("p99") < stage.WantedP99 && took("p50") > 0
		}},
		{"no round and no finality signature lost over 5 kills, 2 halts and 2 restarts of the main at 8 s blocks", "crashes",
			func(c map[string]int64) (string, bool) {
				missing := c["blocks"] - c["finality_signatures"]
				text := fmt.Sprintf("%d of %d rounds lost, %d of %d finality signatures; %d leader rounds whose proposal died",
					c["rounds_lost"], c["rounds"], missing, c["blocks"], c["leader_rounds_died"])
				return text, c["rounds"] > 0 && c["rounds_lost"]+c["rounds_absent"] == 0 && missing == 0
			}},
		{"under 2 % of a processor more than with a key file", "quiet", func(c map[string]int64) (string, bool) {
			more := float64(c["cpu_more_hundredths_percent"]) / 100
			return fmt.Sprintf("%+.2f %%", more), more < wantedCPU
		}},
		{"under 10 MB more than with a key file", "quiet", func(c map[string]int64) (string, bool) {
			more := float64(c["resident_more_kb"]) / (1 << 10)
			return fmt.Sprintf("%+.1f MB resident", more), more < wantedMemory
		}},
	}
}

func (r *report) goals(out *bytes.Buffer) {
	fmt.Fprint(out, "| goal | measured | |\n|---|---|---|\n")
	for _, g := range goals() {
		text, word := "not played", ""
		for _, a := range r.run.Result.Acts {
			if _, settled := a.Counts["rounds"]; a.Name == g.act && settled {
				var holds bool
				text, holds = g.value(a.Counts)
				word = reached(holds)
			}
		}
		fmt.Fprintf(out, "| %s | %s | %s |\n", g.what, text, word)
	}
}

// write writes the file.
func (r *report) write(path string) error {
	s, v := r.run, r.run.Result.Versions
	var out bytes.Buffer
	lines, failed := 0, []string{}
	for _, a := range s.Result.Acts {
		for _, c := range a.Claims {
			lines++
			if !c.Holds {
				failed = append(failed, fmt.Sprintf("- %s, %s: %s", a.Network, a.Name, cell(c.Text)))
			}
		}
	}
	fmt.Fprint(&out, "# What was measured on real casper-nodes\n\nWritten by `make casper-test`; do not edit.\n\n"+
		"| | |\n|---|---|\n")
	for _, row := range [][2]string{
		{"commit", s.Commit},
		{"date", s.Result.Started.Format("2006-01-02 15:04 MST")},
		{"took", fmt.Sprintf("%.0f min", s.Result.Seconds/60)},
		{"seed", fmt.Sprint(s.Seed)},
		{"casper-node", v.Node},
		{"casper-cosigner", v.Cosigner},
		{"Go", v.Go},
		{"rustc", r.rustc},
		{"kernel", r.kernel + ", " + v.System},
		{"processors", fmt.Sprint(v.Processors)},
	} {
		fmt.Fprintf(&out, "| %s | %s |\n", row[0], cell(row[1]))
	}
	if s.Short || s.Only != "" {
		fmt.Fprintf(&out, "\n**Not the whole run** (short: %v, only: %q): its figures are worth nothing.\n", s.Short, s.Only)
	}
	fmt.Fprintf(&out, "\n**%d of %d lines hold.**\n", lines-len(failed), lines)
	if len(failed) > 0 {
		fmt.Fprintf(&out, "\nWhat does not:\n\n%s\n", strings.Join(failed, "\n"))
	}
	fmt.Fprint(&out, "\n")
	r.goals(&out)
	fmt.Fprintf(&out, `
A round is lost if it had a proposal and no other validator ever received our Vote of it, or if we led it and
no other has a proposal of it. A leader round whose proposal died with a node of ours is counted apart, and so is
a round without our Vote that another led without a proposal, which an act may lose as little. All nodes,
cosigners and this program share the processors.
`)
	out.Write(r.text.Bytes())
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the results: %w", err)
	}
	return nil
}
