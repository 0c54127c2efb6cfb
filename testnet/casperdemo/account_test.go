package main

import (
	"reflect"
	"testing"
	"time"
)

const ours = 3

// second is a time of the logs that the tests make up.
func second(n int) time.Time { return time.Date(2026, 1, 1, 0, 0, n, 5e8, time.UTC) }

// judged is a round with everything in it: our Echo and Vote, a proposal, three others' Votes.
func judged(id uint32, change func(*judgedRound)) judgedRound {
	r := judgedRound{Round: id, Echoes: []string{"aa"}, Votes: []bool{true}, Proposal: true, OthersVotedTrue: 3}
	if change != nil {
		change(&r)
	}
	return r
}

func TestTally(t *testing.T) {
	story := tell(t, eraLine(0, 1, "a..b"), roundLine(4, 1, 0), roundLine(8, 2, ours), roundLine(12, 3, 1), roundLine(16, 4, ours),
		eraLine(20, 2, "c..d"), roundLine(24, 1, 0))
	unvoted := func(r *judgedRound) { r.Votes = nil }
	skipped := func(r *judgedRound) { r.Proposal, r.Votes, r.OthersVotedTrue, r.OthersVotedFalse = false, nil, 0, 3 }
	votedDown := func(r *judgedRound) {
		r.Proposal, r.Votes, r.OthersVotedTrue, r.OthersVotedFalse = false, []bool{false}, 0, 3
	}
	over := func(r *judgedRound) { r.Votes, r.OthersVotedTrue = nil, 1 }
	full := func(id uint32) judgedRound { return judged(id, nil) }
	for name, c := range map[string]struct {
		rounds []judgedRound // of era 1
		next   []judgedRound // of era 2
		w      window
		deaths []time.Time
		want   account
	}{
		"all well": {
			rounds: []judgedRound{full(0), full(1), full(2)},
			want:   account{Rounds: 3, Voted: 3, Echoed: 3, Led: 1, Proposed: 1},
		},
		"no Vote of ours": {
			rounds: []judgedRound{full(0), judged(1, unvoted)},
			want:   account{Rounds: 2, Voted: 1, Echoed: 2, Lost: []roundID{{1, 1}}},
		},
		"a Vote against": {
			rounds: []judgedRound{judged(1, func(r *judgedRound) { r.Votes = []bool{false} })},
			want:   account{Rounds: 1, Voted: 1, VotedNo: 1, Echoed: 1},
		},
		"nobody votes where an era is over": {
			rounds: []judgedRound{full(0), judged(4, over)},
			want:   account{Rounds: 1, Voted: 1, Echoed: 1},
		},
		"the proposal died with the node": {
			rounds: []judgedRound{judged(2, skipped)}, deaths: []time.Time{second(10)},
			want: account{Rounds: 1, Echoed: 1, Led: 1, Died: []roundID{{1, 2}}},
		},
		"the node died in the round before": {
			rounds: []judgedRound{judged(2, skipped)}, deaths: []time.Time{second(7)},
			want: account{Rounds: 1, Echoed: 1, Led: 1, Lost: []roundID{{1, 2}}},
		},
		"the node died, but the proposal had gone out": {
			rounds: []judgedRound{judged(2, unvoted)}, deaths: []time.Time{second(10)},
			want: account{Rounds: 1, Echoed: 1, Led: 1, Proposed: 1, Lost: []roundID{{1, 2}}},
		},
		"the node died in a round that another led": {
			rounds: []judgedRound{judged(1, skipped)}, deaths: []time.Time{second(5)},
			want: account{Rounds: 1, Echoed: 1, Absent: []roundID{{1, 1}}},
		},
		"another led it in vain, and we voted": {
			rounds: []judgedRound{judged(1, votedDown)},
			want:   account{Rounds: 1, Voted: 1, VotedNo: 1, Echoed: 1},
		},
		"we led it in vain, and voted": {
			rounds: []judgedRound{judged(2, votedDown)}, deaths: []time.Time{second(7)},
			want: account{Rounds: 1, Voted: 1, VotedNo: 1, Echoed: 1, Led: 1, Lost: []roundID{{1, 2}}},
		},
		"we led it in vain, and the node died": {
			rounds: []judgedRound{judged(2, votedDown)}, deaths: []time.Time{second(10)},
			want: account{Rounds: 1, Voted: 1, VotedNo: 1, Echoed: 1, Led: 1, Died: []roundID{{1, 2}}},
		},
		"nobody knows who led it in vain": {
			rounds: []judgedRound{judged(0, skipped)},
			want:   account{Rounds: 1, Echoed: 1, Lost: []roundID{{1, 0}}},
		},
		"the newest round is not over": {
			rounds: []judgedRound{full(0)}, next: []judgedRound{full(0), judged(1, unvoted), judged(2, unvoted)},
			want: account{Rounds: 2, Voted: 2, Echoed: 2},
		},
		"rounds outside of the window": {
			rounds: []judgedRound{judged(0, unvoted), full(1), full(2), judged(3, unvoted)}, w: window{second(4), second(12)},
			want: account{Rounds: 2, Voted: 2, Echoed: 2, Led: 1, Proposed: 1},
		},
		"a round that the log does not tell of counts in the whole": {
			rounds: []judgedRound{judged(7, unvoted)},
			want:   account{Rounds: 1, Echoed: 1, Lost: []roundID{{1, 7}}},
		},
		"a round that the log does not tell of is in no window": {
			rounds: []judgedRound{judged(7, unvoted)}, w: window{From: second(4)},
		},
	} {
		f := findings{Instances: []instance{{ID: "a0b", Rounds: c.rounds}, {ID: "c0d", Rounds: c.next}}}
		got, err := tally(&story.timeline, f, c.w, ours, c.deaths)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v; %v", name, got, c.want, err)
		}
	}
	if _, err := tally(&story.timeline, findings{Instances: []instance{{ID: "unknown"}}}, window{}, ours, nil); err == nil {
		t.Error("an instance that no log tells of was taken up")
	}
}
