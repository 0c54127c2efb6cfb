package stage

import (
	"fmt"
	"slices"
	"time"

	"casper-cosigner/report"
)

// Findings are what the judge found in unit files, as far as it is used (judge units --json).
type Findings struct {
	Clean          bool       `json:"clean"`
	Messages       int        `json:"messages"`
	Instances      []Instance `json:"instances"`
	Contradictions []any      `json:"contradictions"`
	Evidence       []any      `json:"evidence"`
	Invalid        []any      `json:"invalid"`
	Damaged        []any      `json:"damaged"`
}

// Instance is what unit files have of an instance of Zug, which is an era.
type Instance struct {
	ID       string        `json:"instance_id"`
	OurIndex *uint32       `json:"our_index"`
	Rounds   []JudgedRound `json:"rounds"`
}

// JudgedRound is what the unit files of others have of a round. Echoes and Votes are ours.
type JudgedRound struct {
	Round            uint32   `json:"round"`
	Echoes           []string `json:"echoes"`
	Votes            []bool   `json:"votes"`
	Proposal         bool     `json:"proposal"`
	OthersVotedTrue  int      `json:"others_voted_true"`
	OthersVotedFalse int      `json:"others_voted_false"`
}

// Window is a stretch of time, from From until before To; a zero time is no bound.
type Window struct{ From, To time.Time }

// Holds reports whether a time is in the window.
func (w Window) Holds(t time.Time) bool {
	return !t.Before(w.From) && (w.To.IsZero() || t.Before(w.To))
}

func (w Window) whole() bool { return w.From.IsZero() && w.To.IsZero() }

// leastVoters is how many others must have voted in a round for our Vote to be missed: where an era
// is over, nobody votes.
const leastVoters = 2

// Account sums up the rounds of a window.
type Account struct {
	Rounds   int       // in which enough others voted
	Voted    int       // of them, in which another validator has our Vote
	VotedNo  int       // of them, in which it is false
	Echoed   int       // in which another validator has our Echo
	Led      int       // that we led
	Proposed int       // of them, with a proposal
	Lost     []RoundID // as report has it: of a block that may have come nobody knows, where there is a proposal
	Died     []RoundID // likewise: without a proposal of ours, while something of ours was killed or halted
	Absent   []RoundID // that another led without a proposal, and in which no other validator has our Vote
}

// tally sums up the rounds that the judge found, placed in time by the timeline. ours is our index
// where the judge found nothing of ours;
// a round in which something of ours was disturbed is one that had begun and was not over at that
// instant. The newest round is left out: it is not over.
func tally(t *Timeline, f Findings, w Window, ours int, disturbed []time.Time) (Account, error) {
	var a Account
	newest, _ := t.Newest()
	places := t.Index()
	for _, i := range f.Instances {
		number, ok := t.eraOf(i.ID)
		if !ok {
			return a, fmt.Errorf("the watched node's log does not tell of instance %s", i.ID)
		}
		if i.OurIndex != nil {
			ours = int(*i.OurIndex)
		}
		for _, r := range i.Rounds {
			id := RoundID{number, r.Round}
			place, known := places[id]
			open := number > newest.Era || number == newest.Era && r.Round >= newest.ID
			if open || known && !w.Holds(place.Start) || !known && !w.whole() {
				continue
			}
			died := slices.ContainsFunc(disturbed, func(at time.Time) bool {
				return known && Window{place.Start, place.End}.Holds(at)
			})
			led := report.Unseen
			if known && place.Leader >= 0 {
				led = report.Seen(place.Leader == ours)
			}
			a.add(r, report.Round{Era: id.Era, ID: id.Round, Led: led, Vote: report.Seen(len(r.Votes) > 0), Struck: died})
		}
	}
	return a, nil
}

// add counts a round, of which seen holds what the node's log and the clock tell. A round without a
// proposal has no block; of one with a proposal the unit files do not say.
func (a *Account) add(r JudgedRound, seen report.Round) {
	if r.OthersVotedTrue+r.OthersVotedFalse < leastVoters {
		return
	}
	a.Rounds++
	if len(r.Echoes) > 0 {
		a.Echoed++
	}
	if seen.Led == report.Yes {
		a.Led++
	}
	if seen.Led == report.Yes && r.Proposal {
		a.Proposed++
	}
	if len(r.Votes) > 0 {
		a.Voted++
		if slices.Contains(r.Votes, false) {
			a.VotedNo++
		}
	}
	if !r.Proposal {
		seen.Block = report.No
	}
	id := RoundID{seen.Era, seen.ID}
	switch fate := seen.Fate(); {
	case fate.Lost():
		a.Lost = append(a.Lost, id)
	case fate == report.Died:
		a.Died = append(a.Died, id)
	case fate == report.Skipped && seen.Vote == report.No:
		a.Absent = append(a.Absent, id)
	}
}
