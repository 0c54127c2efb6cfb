// Package long is casperdemo's longer run: half an hour of acts on five networks of real
// casper-nodes, between the start of each and its judges. The demo does without it.
//
// It promises a Markdown file of all that was claimed and measured, also where a claim failed or a
// network ended early; networks that need more than the machine allows are named there as not
// played. What an act stands on is package stage's.
package long

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"casper-cosigner/testnet/casperdemo/stage"
)

// heavyBond is what our validator has where the others cannot decide without it: twice theirs, so 2
// of 5; a quorum is more than two thirds (casper-node zug.rs, quorum_threshold).
const heavyBond = 1_000_000_000_000_000

// network is one of the long run and what is played on it, between "start" and "judges".
type network struct {
	name, title string
	blockTime   time.Duration
	stage.Layout
	acts []stage.Act
}

func (s *run) networks() []network {
	return []network{
		{name: "A", title: "the main is killed, halted, restarted",
			blockTime: 8 * time.Second, Layout: stage.Layout{EraTime: stage.EraTime}, acts: []stage.Act{
				{Name: "quiet", Title: "Latency, CPU and memory on a quiet machine", Play: s.quiet, Rounds: true},
				{Name: "crashes", Title: "The main is killed, halted and restarted, at instants drawn from the seed",
					Play: s.crashes, Rounds: true},
				{Name: "gone", Title: "All cosigners gone for a minute; the chain can do without us",
					Play: s.gone, Rounds: true, MayLose: s.roundsWithout()},
			}},
		{name: "B", title: "the chain cannot do without us",
			blockTime: 4 * time.Second, Layout: stage.Layout{EraTime: stage.EraTime, Bond: heavyBond}, acts: []stage.Act{
				{Name: "needed", Title: "kill -9 of the main", Play: s.needed, Rounds: true},
				{Name: "agent", Title: "The main's agent is restarted under the running node", Play: s.restartAgent, Rounds: true},
				{Name: "stands", Title: "All cosigners gone for a minute", Play: s.stands, Rounds: true},
				{Name: "socket", Title: "The main is started while its agent's socket is missing",
					Play: s.missingSocket, Rounds: true},
				{Name: "liar", Title: "An agent that lies", Play: s.liar, Rounds: true},
			}},
		{name: "C", title: "short eras, full blocks", blockTime: 2 * time.Second, Layout: stage.Layout{EraTime: time.Minute},
			acts: []stage.Act{
				{Name: "eras", Title: "Eras of a minute, with transfers", Play: s.fullBlocks, Rounds: true},
			}},
		{name: "D", title: "cut from the other validators, not from the cosigners",
			blockTime: 4 * time.Second, Layout: stage.Layout{EraTime: stage.EraTime}, acts: []stage.Act{
				{Name: "cut-standby", Title: "The standby is cut off", Play: s.cutStandby, Rounds: true},
				{Name: "cut-main", Title: "The main is cut off, in hot mode", Play: s.cutMain, Rounds: true, MayLose: 1},
			}},
		{name: "E", title: "roles change by themselves",
			blockTime: 4 * time.Second, Layout: stage.Layout{EraTime: stage.EraTime, Automatic: true},
			acts: slices.DeleteFunc(slices.Clone(s.roles), func(a stage.Act) bool {
				return !slices.Contains([]string{"kill", "hang", "fenced", "failover"}, a.Name)
			})},
	}
}

// some is n, or 1 of a short run's.
func (s *run) some(n int) int {
	if s.Short {
		return 1
	}
	return n
}

// Options say what of it to play, and where to write the results.
type Options struct {
	Only    string // networks or acts, with commas; empty: all
	Short   bool   // fewer of everything, to try the acts: the figures are worth nothing then
	Results string // a file, in Markdown; empty: none
	Commit  string // of the checkout, for the results
}

// run is one of it.
type run struct {
	*stage.Stage
	Options
	roles []stage.Act       // the demo's, of which network E has those in which roles change
	ns    *stage.Namespaces // in which our nodes are, if they are
}

// Run plays the networks, each in a folder of its own, and writes the results even where a claim
// failed. acts are the demo's.
func Run(ctx context.Context, on *stage.Stage, o Options, acts []stage.Act) (held bool, err error) {
	s := &run{Stage: on, Options: o, roles: acts}
	r, err := s.newReport(ctx)
	if err != nil {
		return false, err
	}
	root, only := s.Dir, chosen(s.Only)
	for _, n := range s.networks() {
		acts := slices.DeleteFunc(slices.Clone(n.acts), func(a stage.Act) bool { return !only(n.name) && !only(a.Name) })
		if len(acts) == 0 || ctx.Err() != nil {
			continue
		}
		s.Dir = filepath.Join(root, n.name)
		first := len(s.Result.Acts)
		networkErr := s.playNetwork(ctx, n, acts)
		r.add(n, s.Result.Acts[first:], networkErr)
		err = errors.Join(err, networkErr)
	}
	s.Dir = root
	held = s.End() && err == nil
	if s.Results != "" {
		err = errors.Join(err, r.write(s.Results))
	}
	return held, err
}

// chosen tells of names in a list with commas; an empty list has all of them.
func chosen(list string) func(string) bool {
	names := strings.Split(list, ",")
	return func(name string) bool { return list == "" || slices.Contains(names, name) }
}

// playNetwork plays one network from its start to the judges. They are asked even where
// an act failed.
func (s *run) playNetwork(ctx context.Context, st network, acts []stage.Act) (err error) {
	s.Printf("\nNetwork %s: %s; blocks of %v, eras of %v\n", st.name, st.title, st.blockTime, st.EraTime)
	s.BlockTime, s.Layout, s.On, s.ns = st.blockTime, st.Layout, nil, nil
	if err := os.Mkdir(s.Dir, 0o700); err != nil {
		return fmt.Errorf("making the folder of network %s: %w", st.name, err)
	}
	defer func() { err = errors.Join(err, s.ClosePair()) }()
	if st.name == namespaced {
		ns, err := s.cutOff(ctx)
		if err != nil {
			return err
		}
		if ns == nil {
			return nil
		}
		defer func() { err = errors.Join(err, s.ClosePair(), ns.Close()) }() // a namespace lasts as long as its nodes
	}
	begins := stage.Act{Name: "start", Title: "Starting", Play: s.Begins}
	judges := stage.Act{Name: "judges", Title: "The judges", Play: s.judgeNetwork}
	playErr := s.Play(ctx, 1, append([]stage.Act{begins}, acts...))
	if playErr != nil && (ctx.Err() != nil || s.Pair == nil || len(s.Pair.Records) == 0) {
		return playErr
	}
	return errors.Join(playErr, s.Play(ctx, len(acts)+2, []stage.Act{judges}))
}

// judgeNetwork is what the demo's judges say, and what each validator has earned.
func (s *run) judgeNetwork(ctx context.Context) error { return s.JudgesAndRewards(ctx) }
