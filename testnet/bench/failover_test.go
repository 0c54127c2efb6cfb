package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/simcasper/hub"
	"casper-cosigner/testnet/simcasper/node"
	"casper-cosigner/testnet/simnet"
)

const block = time.Second

func at(ms int64) time.Time { return time.UnixMilli(ms) }

// TestSpans: each round counts in the span in which it ended, or was lost, and what is
// excused is told apart.
func TestSpans(t *testing.T) {
	var s spans
	s.begin(at(1000))
	s.begin(at(5000))
	r := hub.Report{Now: 20_000, Rounds: []hub.Round{
		{Round: 0, Ended: 999, Vote: 999},                   // before all
		{Round: 1, Began: 900, Ended: 1000, Vote: 1000},     // voted in
		{Round: 2, Began: 1000, Ended: 2000, Vote: 3001},    // too late
		{Round: 3, Began: 2000, Ended: 3000, Skipped: true}, // another's
		{Round: 9, Began: 3000, Ended: 4000},                // its vote was due when the next span began
		{Round: 4, Began: 3000, Ended: 5000, Skipped: true, Ours: true},
		{Round: 5, Began: 5001, Ended: 6000, Skipped: true, Ours: true},
		{Round: 6, Ended: 7000, Skipped: true, Ours: true}, // nobody knows when it began
		{Round: 7, Began: 7000, Ended: 11_999},
		{Round: 8, Began: 8000, Ended: 12_000}, // our vote may still come, and so in all later ones
	}, Blocks: []hub.Block{{Height: 1, Added: 4999}, {Height: 2, Added: 5000, Finality: 11_000},
		{Height: 3, Added: 6000, Finality: 12_001}, {Height: 4, Added: 13_000}}}
	first, second := s.loss(r, block, 0), s.loss(r, block, 1)
	if first.of != 3 || len(first.rounds) != 1 || first.rounds[0].Round != 2 || len(first.died) != 0 ||
		first.foreign != 1 ||
		len(first.finality) != 1 {
		t.Errorf("first: %+v", first)
	}
	if second.of != 5 || len(second.died) != 1 || second.died[0].Round != 4 || len(second.finality) != 1 ||
		second.finality[0].Height != 3 {
		t.Errorf("second: %+v", second)
	}
	var lost []uint32
	for _, o := range second.rounds {
		lost = append(lost, o.Round)
	}
	if len(lost) != 4 || lost[0] != 9 || lost[1] != 5 || lost[2] != 6 || lost[3] != 7 {
		t.Errorf("lost in the second: %v", lost)
	}
	if later := simnet.Since(second.rounds, at(5001)); len(later) != 2 {
		t.Errorf("lost after 5001: %v", later)
	}
}

// TestVotesSoon: the standby's own vote, in the round that was open or the next, and in time.
func TestVotesSoon(t *testing.T) {
	rounds := []hub.Round{{Era: 1, Round: 1, Began: 1000, Ended: 2000, Vote: 1500},
		{Era: 1, Round: 2, Began: 2000, Ended: 3000, Vote: 3500},
		{Era: 1, Round: 3, Began: 3000, Ended: 4000, Vote: 5001}, {Era: 2, Round: 0, Began: 4000, Ended: 5000, Vote: 4500}}
	vote := func(era uint64, round uint32, ms int64) node.Entry {
		return node.Entry{Kind: "vote", Era: era, Round: round, At: ms, Answer: testnet.Signed}
	}
	refused := vote(1, 2, 2600)
	refused.Answer = testnet.Refused
	for name, c := range map[string]struct {
		entry  node.Entry
		active int64
		want   bool
	}{
		"open":               {vote(1, 2, 2600), 2500, true},
		"next":               {vote(1, 2, 2600), 1999, true},
		"next but one":       {vote(1, 2, 2600), 999, false},
		"next but one again": {vote(2, 0, 4400), 2500, false},
		"the next era's":     {vote(2, 0, 4400), 3500, true},
		"too late":           {vote(1, 3, 4900), 3500, false},
		"before":             {vote(1, 2, 2400), 2500, false},
		"refused":            {refused, 2500, false},
		"an echo":            {node.Entry{Kind: "echo", Era: 1, Round: 2, At: 2600, Answer: testnet.Signed}, 2500, false},
	} {
		if got := votesSoon(hub.Report{Rounds: rounds}, block, []node.Entry{c.entry}, at(c.active)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestFirstSignature(t *testing.T) {
	journal := []node.Entry{{Kind: "vote", At: 90, Answer: testnet.Signed}, {Kind: "vote",
		At: 110, Answer: testnet.Refused},
		{Kind: "finality", At: 120, Answer: testnet.Signed}, {Kind: "echo", At: 130, Answer: testnet.Bound}}
	if got := firstSignature(journal, at(50), at(100)); got != 80*time.Millisecond {
		t.Errorf("got %v", got)
	}
	if got := firstSignature(journal[:3], at(50), at(100)); got != 0 {
		t.Errorf("got %v from nothing", got)
	}
}

// TestSumOf: each goal can be missed by one trial of many.
func TestSumOf(t *testing.T) {
	good := trial{active: told{heard: at(1)}, took: 2 * time.Second, voted: true,
		loss: loss{of: 4, died: make([]hub.Round, 1)}}
	unmoved := trial{loss: loss{of: 4}}
	late, unset, lost, unsigned := good, trial{failed: errors.New("setting up")}, good, good
	late.took++
	lost.active.At = at(10)
	lost.loss.rounds = []hub.Round{{Began: 10}, {Began: 11}}
	unsigned.loss.finality = make([]hub.Block, 1)
	for name, c := range map[string]struct {
		trials                  []trial
		lossless, prompt, whole bool
	}{
		"good":           {[]trial{good, good}, true, true, true},
		"one too few":    {[]trial{good}, true, true, false},
		"not set up":     {[]trial{good, unset}, true, false, false},
		"not moved":      {[]trial{good, unmoved}, true, false, true},
		"late":           {[]trial{good, late}, true, false, true},
		"rounds lost":    {[]trial{good, lost}, false, true, true},
		"finality lost":  {[]trial{good, unsigned}, false, true, true},
		"one of all":     {[]trial{lost, unset}, false, false, false},
		"none at all":    {nil, true, true, false},
		"one more lossy": {[]trial{unsigned, lost}, false, true, true},
	} {
		s := sumOf(c.trials, 2*time.Second)
		if s.lossless() != c.lossless || s.prompt() != c.prompt || s.whole(2) != c.whole {
			t.Errorf("%s: lossless %v, prompt %v, whole %v", name, s.lossless(), s.prompt(), s.whole(2))
		}
	}
	s := sumOf([]trial{good, late, unset, lost, unsigned, unmoved}, 2*time.Second)
	if s.loss.of != 20 || len(s.loss.rounds) != 2 || len(s.loss.finality) != 1 || len(s.loss.died) != 4 || s.voted != 4 ||
		s.after != 1 ||
		len(s.moved) != 4 || s.late != 1 {
		t.Errorf("the sum is %+v", s)
	}
	all := []trial{good, lost}
	all[0].way, all[1].way = "a", "b"
	if each(all, lostRounds) != "0 2" || each(ofWay(all, "b"), lostRounds) != "2" {
		t.Errorf("each: %q", each(all, lostRounds))
	}
}

func TestSumHandovers(t *testing.T) {
	s := sumHandovers([]handover{{command: 5, first: 9, loss: loss{of: 1, rounds: make([]hub.Round, 1)}}, {command: 7},
		{failed: errors.New("refused"), loss: loss{died: make([]hub.Round, 1), finality: make([]hub.Block, 1)}.unexcused()}})
	if s.count != 3 || s.failed != 1 || s.silent != 1 || len(s.command) != 2 || len(s.first) != 1 || s.lost() != 3 {
		t.Errorf("%+v", s)
	}
}

func TestGoal(t *testing.T) {
	var out strings.Builder
	b := &bench{out: &out}
	b.goal("speed", "7", "under 8", true)
	b.goal("speed", "9", "under 8", false)
	if lines := strings.Split(out.String(), "\n"); !strings.HasSuffix(lines[0], "(goal under 8: met)") ||
		!strings.HasSuffix(lines[1], "(goal under 8: MISSED)") {
		t.Error(out.String())
	}
}

// TestEar: the first telling of a change counts, and only what comes after is waited for.
func TestEar(t *testing.T) {
	e, err := openEar()
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	tell := func(text string) {
		r, err := http.Post(e.url, "application/json", strings.NewReader(text))
		if err != nil {
			t.Error(err)
			return
		}
		r.Body.Close()
	}
	if e.active() != testnet.Main {
		t.Errorf("%s is active at first", e.active())
	}
	start := time.Now()
	tell(`{"epoch":2,"at":"2026-01-02T03:04:05.678Z","what":"activate","subject":"node-b","cause":"silent"}`)
	tell(`{"epoch":2,"what":"activate","subject":"node-b","cause":"again"}`)
	tell(`{"epoch":3,"what":"hold"}`)
	tell(`nonsense`)
	got, err := e.await(t.Context(), testnet.Standby, start)
	if err != nil || got.Epoch != 2 || got.Cause != "silent" || got.At.UnixMilli() != 1767323045678 ||
		e.active() != testnet.Standby {
		t.Errorf("heard %+v, %v; %s is active", got, err, e.active())
	}
	if all, _ := e.changes(); len(all) != 2 {
		t.Errorf("heard %+v", all)
	}
	later := time.Now()
	go tell(`{"epoch":4,"what":"activate","subject":"node-b"}`)
	if got, err := e.await(t.Context(), testnet.Standby, later); err != nil || got.Epoch != 4 {
		t.Errorf("heard %+v, %v", got, err)
	}
}
