package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"casper-cosigner/testnet/localnet"
)

const (
	// heavyBond is what our validator has where the others cannot decide without it: twice theirs, so 2 of 5; a quorum is more
	// than two thirds (casper-node zug.rs, quorum_threshold).
	heavyBond = 1_000_000_000_000_000
)

// network is one of the long run and what is played on it, between "start" and "judges".
type network struct {
	name, title string
	blockTime   time.Duration
	layout
	acts []act
}

func (s *long) networks() []network {
	return []network{
		{name: "A", title: "the main is killed, halted, restarted", blockTime: 8 * time.Second, layout: layout{eraTime: eraTime}, acts: []act{
			{name: "quiet", title: "Latency, CPU and memory on a quiet machine", play: s.quiet, rounds: true},
			{name: "crashes", title: "The main is killed, halted and restarted, at instants drawn from the seed", play: s.crashes, rounds: true},
			{name: "gone", title: "All cosigners gone for a minute; the chain can do without us", play: s.gone, rounds: true, mayLose: s.roundsWithout()},
		}},
		{name: "B", title: "the chain cannot do without us", blockTime: 4 * time.Second, layout: layout{eraTime: eraTime, bond: heavyBond}, acts: []act{
			{name: "needed", title: "kill -9 of the main", play: s.needed, rounds: true},
			{name: "agent", title: "The main's agent is restarted under the running node", play: s.restartAgent, rounds: true},
			{name: "stands", title: "All cosigners gone for a minute", play: s.stands, rounds: true},
			{name: "socket", title: "The main is started while its agent's socket is missing", play: s.missingSocket, rounds: true},
			{name: "liar", title: "An agent that lies", play: s.liar, rounds: true},
		}},
		{name: "C", title: "short eras, full blocks", blockTime: 2 * time.Second, layout: layout{eraTime: time.Minute}, acts: []act{
			{name: "eras", title: "Eras of a minute, with transfers", play: s.fullBlocks, rounds: true},
		}},
		{name: "D", title: "cut from the other validators, not from the cosigners", blockTime: 4 * time.Second, layout: layout{eraTime: eraTime}, acts: []act{
			{name: "cut-standby", title: "The standby is cut off", play: s.cutStandby, rounds: true},
			{name: "cut-main", title: "The main is cut off, in hot mode", play: s.cutMain, rounds: true, mayLose: 1},
		}},
		{name: "E", title: "roles change by themselves", blockTime: 4 * time.Second, layout: layout{eraTime: eraTime, automatic: true},
			acts: slices.DeleteFunc(slices.Clone(s.roles), func(a act) bool { return !slices.Contains([]string{"kill", "hang", "fenced", "failover"}, a.name) })},
	}
}

// some is n, or 1 of a short run's.
func (s *long) some(n int) int {
	if s.short {
		return 1
	}
	return n
}

// longOptions say what of it to play, and where to write the results.
type longOptions struct {
	only    string // networks or acts, with commas; empty: all
	short   bool   // fewer of everything, to try the acts: the figures are worth nothing then
	results string // a file, in Markdown; empty: none
	commit  string // of the checkout, for the results
}

// long is the run.
type long struct {
	*Stage
	longOptions
	roles []act       // the demo's, of which network E has those in which roles change
	ns    *namespaces // in which our nodes are, if they are
}

// runLong plays the networks, each in a folder of its own, and writes the results even where a claim failed. acts are the demo's.
func runLong(ctx context.Context, on *Stage, o longOptions, acts []act) (held bool, err error) {
	s := &long{Stage: on, longOptions: o, roles: acts}
	r, err := s.newReport(ctx)
	if err != nil {
		return false, err
	}
	root, only := s.dir, chosen(s.only)
	for _, n := range s.networks() {
		acts := slices.DeleteFunc(slices.Clone(n.acts), func(a act) bool { return !only(n.name) && !only(a.name) })
		if len(acts) == 0 || ctx.Err() != nil {
			continue
		}
		s.dir = filepath.Join(root, n.name)
		first := len(s.result.Acts)
		networkErr := s.playNetwork(ctx, n, acts)
		r.add(n, s.result.Acts[first:], networkErr)
		err = errors.Join(err, networkErr)
	}
	s.dir = root
	held = s.end() && err == nil
	if s.results != "" {
		err = errors.Join(err, r.write(s.results))
	}
	return held, err
}

// chosen tells of names in a list with commas; an empty list has all of them.
func chosen(list string) func(string) bool {
	names := strings.Split(list, ",")
	return func(name string) bool { return list == "" || slices.Contains(names, name) }
}

// playNetwork plays one network from its start to the judges. They are asked even where an act failed.
func (s *long) playNetwork(ctx context.Context, st network, acts []act) (err error) {
	s.Printf("\nNetwork %s: %s; blocks of %v, eras of %v\n", st.name, st.title, st.blockTime, st.eraTime)
	s.blockTime, s.layout, s.on, s.ns = st.blockTime, st.layout, nil, nil
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return fmt.Errorf("making the folder of network %s: %w", st.name, err)
	}
	defer func() { err = errors.Join(err, s.closePair()) }()
	if st.name == namespaced {
		ns, err := s.cutOff(ctx)
		if err != nil {
			return err
		}
		if ns == nil {
			return nil
		}
		defer func() { err = errors.Join(err, s.closePair(), ns.Close()) }() // a namespace lasts as long as its nodes
	}
	begins := act{name: "start", title: "Starting", play: s.begins}
	judges := act{name: "judges", title: "The judges", play: s.judgeNetwork}
	playErr := s.play(ctx, 1, append([]act{begins}, acts...))
	if playErr != nil && (ctx.Err() != nil || s.pair == nil || len(s.pair.records) == 0) {
		return playErr
	}
	return errors.Join(playErr, s.play(ctx, len(acts)+2, []act{judges}))
}

// judgeNetwork is what the demo's judges say, and what each validator has earned.
func (s *long) judgeNetwork(ctx context.Context) error {
	record, ours := s.pair.record(), s.pair.ours
	type validator struct{ name, key string }
	all := []validator{{"ours", ours.String()}}
	for _, n := range s.pair.foreign {
		all = append(all, validator{n.Name, n.Validator.String()})
	}
	if err := s.judges(ctx); err != nil {
		return err
	}
	earned, ends, err := earnings(record)
	if err != nil {
		return err
	}
	if ends == 0 {
		s.Sayf("no era ended, so there are no rewards yet")
		return nil
	}
	const mote = 1e-9 // of a CSPR
	for _, v := range all {
		e := earned[v.key]
		s.Sayf("%-12s %3d blocks proposed, %6.3f CSPR of rewards in %d eras", v.name, e.proposed, e.motes*mote, ends)
		s.count("milli_cspr_"+v.name, int(1000*e.motes*mote))
		s.count("blocks_proposed_"+v.name, e.proposed)
	}
	s.Claimf(earned[ours.String()].eras == ends, "we are rewarded at the end of each of %d eras; ours beside the others' above", ends)
	return nil
}

// earned is what one validator got.
type earned struct {
	motes    float64
	eras     int // with a reward
	proposed int // blocks
}

// earnings sums up by validator what the ends of eras hand out; ends is how many there were.
func earnings(record *localnet.Record) (all map[string]earned, ends int, err error) {
	all = map[string]earned{}
	for _, b := range record.Blocks() {
		of := all[b.Block.Proposer.String()]
		of.proposed++
		all[b.Block.Proposer.String()] = of
		if b.Block.End == nil || len(b.Block.End.Rewards) == 0 { // genesis hands out nothing
			continue
		}
		ends++
		for validator, amounts := range b.Block.End.Rewards {
			e := all[validator.String()]
			e.eras++
			for _, amount := range amounts {
				motes, err := strconv.ParseFloat(amount, 64)
				if err != nil {
					return nil, 0, fmt.Errorf("reading a reward of %s: %w", validator, err)
				}
				e.motes += motes
			}
			all[validator.String()] = e
		}
	}
	return all, ends, nil
}
