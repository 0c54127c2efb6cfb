package stage

import (
	"reflect"
	"testing"
	"time"
)

const ours = 3

// second is a time of the logs that the tests make up.
func second(n int) time.Time { return time.Date(2026, 1, 1, 0, 0, n, 5e8, time.UTC) }

// judged is a round with everything in it: our Echo and Vote, a proposal, three others' Votes.
func judged(id uint32, change func(*JudgedRound)) JudgedRound {
	r := JudgedRound{Round: id, Echoes: []string{"aa"}, Votes: []bool{true}, Proposal: true, OthersVotedTrue: 3}
	if change != nil {
		change(&r)
	}
	return r
}

func TestTally(t *testing.T) {
	story := tell(t, eraLine(0, 1, "a..b"), roundLine(4, 1, 0), roundLine(8, 2, ours), roundLine(12, 3, 1),
		roundLine(16, 4, ours), eraLine(20, 2, "c..d"), roundLine(24, 1, 0))
	unvoted := func(r *JudgedRound) { r.Votes = nil }
	skipped := func(r *JudgedRound) { r.Proposal, r.Votes, r.OthersVotedTrue, r.OthersVotedFalse = false, nil, 0, 3 }
	votedDown := func(r *JudgedRound) {
		r.Proposal, r.Votes, r.OthersVotedTrue, r.OthersVotedFalse = false, []bool{false}, 0, 3
	}
	over := func(r *JudgedRound) { r.Votes, r.OthersVotedTrue = nil, 1 }
	full := func(id uint32) JudgedRound { return judged(id, nil) }
	for name, c := range map[string]struct {
		rounds []JudgedRound // of era 1
		next   []JudgedRound // of era 2
		w      Window
		deaths []time.Time
		want   Account
	}{
		"all well": {
			rounds: []JudgedRound{full(0), full(1), full(2)},
			want:   Account{Rounds: 3, Voted: 3, Echoed: 3, Led: 1, Proposed: 1},
		},
		"no Vote of ours": {
			rounds: []JudgedRound{full(0), judged(1, unvoted)},
			want:   Account{Rounds: 2, Voted: 1, Echoed: 2, Lost: []RoundID{{1, 1}}},
		},
		"a Vote against": {
			rounds: []JudgedRound{judged(1, func(r *JudgedRound) { r.Votes = []bool{false} })},
			want:   Account{Rounds: 1, Voted: 1, VotedNo: 1, Echoed: 1},
		},
		"nobody votes where an era is over": {
			rounds: []JudgedRound{full(0), judged(4, over)},
			want:   Account{Rounds: 1, Voted: 1, Echoed: 1},
		},
		"the proposal died with the node": {
			rounds: []JudgedRound{judged(2, skipped)}, deaths: []time.Time{second(10)},
			want: Account{Rounds: 1, Echoed: 1, Led: 1, Died: []RoundID{{1, 2}}},
		},
		"the node died in the round before": {
			rounds: []JudgedRound{judged(2, skipped)}, deaths: []time.Time{second(7)},
			want: Account{Rounds: 1, Echoed: 1, Led: 1, Lost: []RoundID{{1, 2}}},
		},
		"the node died, but the proposal had gone out": {
			rounds: []JudgedRound{judged(2, unvoted)}, deaths: []time.Time{second(10)},
			want: Account{Rounds: 1, Echoed: 1, Led: 1, Proposed: 1, Lost: []RoundID{{1, 2}}},
		},
		"the node died in a round that another led": {
			rounds: []JudgedRound{judged(1, skipped)}, deaths: []time.Time{second(5)},
			want: Account{Rounds: 1, Echoed: 1, Absent: []RoundID{{1, 1}}},
		},
		"another led it in vain, and we voted": {
			rounds: []JudgedRound{judged(1, votedDown)},
			want:   Account{Rounds: 1, Voted: 1, VotedNo: 1, Echoed: 1},
		},
		"we led it in vain, and voted": {
			rounds: []JudgedRound{judged(2, votedDown)}, deaths: []time.Time{second(7)},
			want: Account{Rounds: 1, Voted: 1, VotedNo: 1, Echoed: 1, Led: 1, Lost: []RoundID{{1, 2}}},
		},
		"we led it in vain, and the node died": {
			rounds: []JudgedRound{judged(2, votedDown)}, deaths: []time.Time{second(10)},
			want: Account{Rounds: 1, Voted: 1, VotedNo: 1, Echoed: 1, Led: 1, Died: []RoundID{{1, 2}}},
		},
		"nobody knows who led it in vain": {
			rounds: []JudgedRound{judged(0, skipped)},
			want:   Account{Rounds: 1, Echoed: 1, Lost: []RoundID{{1, 0}}},
		},
		"the newest round is not over": {
			rounds: []JudgedRound{full(0)}, next: []JudgedRound{full(0), judged(1, unvoted), judged(2, unvoted)},
			want: Account{Rounds: 2, Voted: 2, Echoed: 2},
		},
		"rounds outside of the window": {
			rounds: []JudgedRound{judged(0, unvoted), full(1), full(2), judged(3, unvoted)}, w: Window{second(4), second(12)},
			want: Account{Rounds: 2, Voted: 2, Echoed: 2, Led: 1, Proposed: 1},
		},
		"a round that the log does not tell of counts in the whole": {
			rounds: []JudgedRound{judged(7, unvoted)},
			want:   Account{Rounds: 1, Echoed: 1, Lost: []RoundID{{1, 7}}},
		},
		"a round that the log does not tell of is in no window": {
			rounds: []JudgedRound{judged(7, unvoted)}, w: Window{From: second(4)},
		},
	} {
		f := Findings{Instances: []Instance{{ID: "a0b", Rounds: c.rounds}, {ID: "c0d", Rounds: c.next}}}
		got, err := tally(&story.Timeline, f, c.w, ours, c.deaths)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v; %v", name, got, c.want, err)
		}
	}
	if _, err := tally(&story.Timeline, Findings{Instances: []Instance{{ID: "unknown"}}}, Window{}, ours,
		nil); err == nil {
		t.Error("an instance that no log tells of was taken up")
	}
}
