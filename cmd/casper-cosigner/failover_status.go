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

	"casper-cosigner/cluster"
)

// failoverJSON is what failover status prints as JSON. Durations are seconds.
type failoverJSON struct {
	Schema   string       `json:"schema"`
	At       time.Time    `json:"at"`
	State    string       `json:"state"`
	Problems []string     `json:"problems"`
	Leader   string       `json:"leader"`
	From     string       `json:"from"`
	Main     string       `json:"main"`
	Settings settingsJSON `json:"settings"`
	rolesJSON
	members []string // cosigners and nodes, as the cluster file has them
}

// settingsJSON is the cluster file's settings of failover.
type settingsJSON struct {
	Failover      string  `json:"failover"`
	Failback      string  `json:"failback"`
	PingInterval  float64 `json:"ping_interval"`
	PingTimeout   float64 `json:"ping_timeout"`
	FailoverAfter float64 `json:"failover_after"`
	FailbackAfter float64 `json:"failback_after"`
}

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
		return f.look(c, l, func(w io.Writer, file *cluster.File, s statusJSON) error {
			v := newFailover(file, s)
			switch {
			case l.output == "json":
				return printJSON(w, v)
			case l.watch && !isTerminal(w):
				_, err := fmt.Fprintln(w, v.line())
				return err
			}
			l.clear(w)
			return v.printTable(w)
		})
	}
	return c
}

func newFailover(f *cluster.File, s statusJSON) failoverJSON {
	seconds := func(d cluster.Duration) float64 { return time.Duration(d).Seconds() }
	var members []string
	for _, c := range f.Cosigners {
		members = append(members, c.Name)
	}
	for _, n := range f.Nodes {
		members = append(members, n.Name)
	}
	return failoverJSON{Schema: schema, At: s.At, State: s.State, Problems: s.Problems, Leader: s.Leader, From: s.From, Main: f.Main,
		Settings: settingsJSON{Failover: f.Failover.Policy, Failback: f.Failover.Return,
			PingInterval: seconds(f.Failover.PingInterval), PingTimeout: seconds(f.Failover.PingTimeout),
			FailoverAfter: seconds(f.Failover.After), FailbackAfter: seconds(f.Failover.FailbackAfter)},
		rolesJSON: s.rolesJSON, members: members}
}

// line is the view in one line, for logs.
func (v failoverJSON) line() string {
	parts := []string{fmt.Sprintf("%s active %s, epoch %d, mode %s", v.At.Format(time.RFC3339), cmp.Or(v.Active, "none"), v.Epoch, v.Mode)}
	for _, n := range v.Nodes {
		parts = append(parts, n.Name+" "+v.stateOf(n))
	}
	if v.Hold != nil {
		parts = append(parts, "held "+v.Hold.text(v.At))
	}
	return strings.Join(append(parts, "next "+v.next()), "; ")
}

// next says what is about to change.
func (v failoverJSON) next() string {
	if v.Leader == "" {
		return "nothing: no cosigner leads"
	}
	return v.Judgement.text(v.At)
}

// printTable writes the view for people.
func (v failoverJSON) printTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "state\t%s\n", stateName(v.State))
	if v.From != "" {
		fmt.Fprintf(t, "active\t%s, mode %s, epoch %d\n", cmp.Or(v.Active, "none"), v.Mode, v.Epoch)
		if v.Since != nil { // of a hold as well, so it is not since when the node is active
			fmt.Fprintf(t, "last change\t%s, %s: %s\n", v.Since.UTC().Format(time.RFC3339), ago(v.At, v.Since), v.because())
		}
		fmt.Fprintf(t, "next\t%s\n", v.next())
		fmt.Fprintf(t, "hold\t%s\n", v.Hold.text(v.At))
		fmt.Fprintf(t, "cool-down\t%s\n", v.coolDown())
	}
	set := v.Settings
	fmt.Fprintf(t, "failover\t%s, after %v\n", set.Failover, fromSeconds(set.FailoverAfter))
	fmt.Fprintf(t, "return\t%s to %s, after %v\n", set.Failback, v.Main, fromSeconds(set.FailbackAfter))
	if len(v.Nodes) > 0 {
		v.nodeTable(t)
		v.pingTable(t)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return printProblems(w, v.Problems)
}

func (v failoverJSON) coolDown() string {
	if v.CoolDown == nil {
		return "over"
	}
	return fmt.Sprintf("no failover before %s, %s", v.CoolDown.UTC().Format(time.RFC3339), in(v.At, *v.CoolDown))
}

func (v failoverJSON) nodeTable(w io.Writer) {
	fmt.Fprintf(w, "\nNODE\tROLE\tSTATE\tPING\tREQUEST\tERA\tROUND\tHEIGHT\tLAG\t/STATUS\n")
	for _, n := range v.Nodes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\n", n.Name, n.role(), v.stateOf(n), ago(v.At, n.LastPing),
			ago(v.At, n.LastRequest), n.Era, n.Round, n.Height, n.lag(), n.Health.text(v.At))
	}
}

// text sums /status up.
func (h *healthJSON) text(at time.Time) string {
	switch {
	case h == nil:
		return "-"
	case h.StatusAt == nil && h.StatusError == "":
		return "not asked"
	case h.StatusAt == nil:
		return h.StatusError
	}
	parts := []string{h.Reactor, fmt.Sprintf("height %d", h.Height)}
	if h.RoundSeconds > 0 {
		parts = append(parts, fmt.Sprintf("rounds of %v", fromSeconds(h.RoundSeconds)))
	} else {
		parts = append(parts, "no open era")
	}
	parts = append(parts, plural(int(h.Peers), "peer"), h.Version)
	if h.UpgradeEra != nil {
		parts = append(parts, fmt.Sprintf("upgrade at era %d", *h.UpgradeEra))
	}
	if h.StatusError != "" {
		parts = append(parts, fmt.Sprintf("%s, then %s", ago(at, h.StatusAt), h.StatusError))
	}
	return strings.Join(parts, ", ")
}

// pingTable shows how each agent, a row, reaches each other member, a column.
func (v failoverJSON) pingTable(w io.Writer) {
	fmt.Fprintf(w, "\nPINGS FROM\tTO %s\n", strings.Join(v.members, "\t"))
	for _, n := range v.Nodes {
		row := []string{n.Name}
		for _, name := range v.members {
			row = append(row, v.pingCell(n, name))
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
}

// pingCell is the round-trip time, and how many of the recent pings were lost.
func (v failoverJSON) pingCell(n nodeRow, to string) string {
	i := slices.IndexFunc(n.Pings, func(p pingRow) bool { return p.To == to })
	if i < 0 || n.Pings[i].Sent == 0 {
		return "-"
	}
	p := n.Pings[i]
	lost := fmt.Sprintf("lost %d/%d", p.Lost, p.Sent)
	switch {
	case p.AnsweredAt == nil:
		return "no answer ever, " + lost
	case p.Lost == p.Sent:
		return "last answer " + ago(v.At, p.AnsweredAt) + ", " + lost
	}
	return fmt.Sprintf("%.1f ms, %s", p.RTTSeconds*1000, lost)
}

func fromSeconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond)
}
