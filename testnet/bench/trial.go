package main

import (
	"fmt"
	"strings"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/simnet"
)

// trial is one time that main fails.
type trial struct {
	way    string
	span   int           // from when main failed until the next span; -1: it was not made to
	active told          // by which the standby became active; zero: it did not
	took   time.Duration // from when main failed until then
	voted  bool          // the standby, in the round that was open then or in the next
	failed error         // what kept the trial from its end
	loss   loss
}

// sum is what a number of trials come to.
type sum struct {
	trials, failed int
	moved          testnet.Latencies // until the standby was active, of those trials in which that came about
	late           int               // of these, over the limit
	voted          int
	worst          int // rounds and finality signatures lost in the worst trial
	after          int // rounds lost that began after the standby was active
	loss           loss
}

func sumOf(all []trial, limit time.Duration) (s sum) {
	for _, t := range all {
		s.trials++
		if t.failed != nil {
			s.failed++
		}
		if !t.active.heard.IsZero() {
			s.moved = append(s.moved, t.took)
			s.after += len(simnet.Since(t.loss.rounds, t.active.At))
			if t.took > limit {
				s.late++
			}
		}
		if t.voted {
			s.voted++
		}
		s.worst = max(s.worst, len(t.loss.rounds)+len(t.loss.finality))
		s.loss.add(t.loss)
	}
	return s
}

// whole reports whether there were as many trials as there should be, and each came to its end.
func (s sum) whole(want int) bool { return s.trials == want && s.failed == 0 }

// lossless reports whether no trial lost anything but rounds whose proposal may have died.
func (s sum) lossless() bool { return s.worst == 0 }

// prompt reports whether the standby became active in all trials, each time within the limit.
func (s sum) prompt() bool { return len(s.moved) == s.trials && s.late == 0 }

// each lists a number for each trial.
func each(all []trial, number func(trial) int) string {
	var b strings.Builder
	for _, t := range all {
		fmt.Fprintf(&b, " %d", number(t))
	}
	return strings.TrimSpace(b.String())
}

func lostRounds(t trial) int   { return len(t.loss.rounds) }
func lostFinality(t trial) int { return len(t.loss.finality) }

// ofWay are the trials of one way to fail.
func ofWay(all []trial, way string) (some []trial) {
	for _, t := range all {
		if t.way == way {
			some = append(some, t)
		}
	}
	return some
}

// handover is one planned change of the active node.
type handover struct {
	node    string // that is to be active
	asked   time.Time
	active  told
	span    int
	command time.Duration // that it took
	first   time.Duration // from the command until the new active node's first signature; 0: none
	failed  error
	loss    loss
}

// handoverSum is what a number of them come to.
type handoverSum struct {
	count, failed, silent int
	command, first        testnet.Latencies
	loss                  loss
}

func sumHandovers(all []handover) (s handoverSum) {
	for _, h := range all {
		s.count++
		s.loss.add(h.loss)
		if h.failed != nil {
			s.failed++
			continue
		}
		s.command = append(s.command, h.command)
		if h.first == 0 {
			s.silent++
			continue
		}
		s.first = append(s.first, h.first)
	}
	return s
}

// lost is how many rounds and finality signatures they cost.
func (s handoverSum) lost() int { return len(s.loss.rounds) + len(s.loss.finality) }
