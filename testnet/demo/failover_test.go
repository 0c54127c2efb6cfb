package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/rehearse"
	"casper-cosigner/testnet/show"
	"casper-cosigner/testnet/simcasper/hub"
	"casper-cosigner/testnet/simcasper/node"
	"casper-cosigner/testnet/simnet"
	"casper-cosigner/testnet/zug"
)

// TestClaimLosses: a lost round must be able to fail the demo.
func TestClaimLosses(t *testing.T) {
	active := time.UnixMilli(5000)
	for name, c := range map[string]struct {
		losses simnet.Losses
		mode   string
		most   int
		holds  bool
	}{
		"hot, nothing lost":                     {simnet.Losses{Of: 3}, hot, 0, true},
		"hot, one lost":                         {simnet.Losses{Rounds: []hub.Round{{Began: 1}}}, hot, 0, false},
		"hot, one of one":                       {simnet.Losses{Rounds: make([]hub.Round, 1)}, hot, 1, true},
		"hot, two of one":                       {simnet.Losses{Rounds: make([]hub.Round, 2)}, hot, 1, false},
		"hot, a finality signature lost":        {simnet.Losses{Finality: make([]hub.Block, 1)}, hot, 0, false},
		"fenced, lost, begun nobody knows when": {simnet.Losses{Rounds: []hub.Round{{}}}, fenced, 0, false},
		"fenced, lost before":                   {simnet.Losses{Rounds: []hub.Round{{Began: 4999}}}, fenced, 0, true},
		"fenced, lost afterwards": {simnet.Losses{Rounds: []hub.Round{{Began: 4999}, {Began: 5001}}}, fenced, 0,
			false},
		"hot, a block of ours lost": {simnet.Losses{Rounds: []hub.Round{{Ours: true, Skipped: true}}}, hot, 0, false},
		"hot, a proposal died":      {simnet.Losses{Died: make([]hub.Round, 1)}, hot, 0, true},
		"fenced, a finality one lost too": {simnet.Losses{Rounds: []hub.Round{{Began: 4999}}, Finality: make([]hub.Block, 1)},
			fenced, 0, false},
	} {
		s := networkShow()
		s.claimLosses(c.losses, c.mode, active, c.most)
		if s.Act().Claims[0].Holds != c.holds {
			t.Errorf("%s: holds is %v", name, s.Act().Claims[0].Holds)
		}
	}
}

// networkShow has a network of which nothing runs.
func networkShow() *demo {
	s := &demo{Show: show.New(io.Discard, 0), Rehearsal: &rehearse.Rehearsal{
		Net: &simnet.Network{Settings: simnet.Defaults(), Cluster: &testnet.Cluster{}}}}
	s.Begin("test", "An act")
	return s
}

// TestAgain: a hanging disk excuses what did not hold, and nothing else does.
func TestAgain(t *testing.T) {
	for name, c := range map[string]struct {
		ends  string // what the process says that ends by itself the first time
		plays int
		holds bool
	}{
		"disk hangs":   {"c1: storing has taken over 1s: " + diskHangs, 2, true},
		"it panics":    {"c1: panic", 1, false},
		"nothing ends": {"", 1, false},
	} {
		s, plays := networkShow(), 0
		s.again(func(context.Context) error {
			plays++
			s.Begin("again", "Once more")
			s.Claimf(plays == 2, "it is the second time")
			s.rows = append(s.rows, row{})
			if c.ends != "" && plays == 1 {
				s.restarts = append(s.restarts, c.ends)
			}
			return nil
		})(t.Context())
		if plays != c.plays || len(s.Acts) != 2 || s.Act().Holds() != c.holds || len(s.rows) != 1 {
			t.Errorf("%s: played %d times, %+v", name, plays, s.Act())
		}
	}
}

// TestClaimHandshakes: one node that came in without the validator's key is noticed.
func TestClaimHandshakes(t *testing.T) {
	for standbys, holds := range map[int]bool{1: false, 2: true} {
		s := networkShow()
		s.upgrades, s.Net.Dir = 1, t.TempDir()
		f, err := os.Create(s.Net.Transcript())
		if err != nil {
			t.Fatal(err)
		}
		out := testnet.NewTranscript(f)
		out.Note(testnet.TranscriptLine{Node: testnet.Standby}, casper.Vote{}, testnet.Answer{Kind: testnet.Signed})
		for range 2 {
			out.Note(testnet.TranscriptLine{Node: testnet.Main}, casper.Handshake{}, testnet.Answer{Kind: testnet.Signed})
		}
		for range standbys {
			out.Note(testnet.TranscriptLine{Node: testnet.Standby}, casper.Handshake{}, testnet.Answer{Kind: testnet.Signed})
		}
		if err := errors.Join(out.Close(), f.Close(), s.claimHandshakes()); err != nil {
			t.Fatal(err)
		}
		if s.Act().Claims[0].Holds != holds {
			t.Errorf("%d of the standby: holds is %v", standbys, s.Act().Claims[0].Holds)
		}
	}
}

func TestClaimEnds(t *testing.T) {
	for why, holds := range map[string]bool{"c1: " + diskHangs: true, "c1: panic": false} {
		s := networkShow()
		s.restarts = []string{why}
		if s.claimEnds(); s.Act().Claims[0].Holds != holds {
			t.Errorf("%s: holds is %v", why, s.Act().Claims[0].Holds)
		}
	}
	s := networkShow()
	if s.claimEnds(); s.Act().Claims[0].Text != "no process ended by itself" {
		t.Errorf("none ended: %q", s.Act().Claims[0].Text)
	}
}

// TestLegend: below the table it says from when its times count.
func TestLegend(t *testing.T) {
	s, out := networkShow(), &bytes.Buffer{}
	s.Out, s.rows = out, []row{{"host killed", hot, "silent", "1.70 s", "0.40 s", "5.00 s",
		simnet.Losses{Of: 3, Died: []hub.Round{{Ours: true, Skipped: true}}}}}
	s.printTable()
	for _, want := range []string{"blocks of ours lost", "0 of 3", "from the failure on", "from when main came back",
		"votes before it is active"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if one, two := plural(1, "request"), plural(2, "request"); one != "1 request" || two != "2 requests" {
		t.Errorf("got %q and %q", one, two)
	}
}

// TestLeaders: whatever the seed, there are old leader slots to come back to.
func TestLeaders(t *testing.T) {
	for from := range uint64(20) {
		c := zug.Chain{Weights: []uint64{1, 1, 1, 1}, Seed: leaders(from)}
		for era := range eras {
			led := 0
			for round := earlyRound; round < lastStrike-1; round++ {
				if c.Leader(zug.FirstEra+era, round) == 0 {
					led++
				}
			}
			if c.Seed < from || led < 2 {
				t.Errorf("from %d: seed %d leads %d in era %d", from, c.Seed, led, zug.FirstEra+era)
			}
		}
	}
}

// TestOpenOrNext: the vote may be in the round that is open, or in the next, and in none
// after that.
func TestOpenOrNext(t *testing.T) {
	rounds := []hub.Round{{Era: 1, Round: 8, Ended: 1000}, {Era: 1, Round: 9, Ended: 2000},
		{Era: 2, Round: 0, Ended: 3000}, {Era: 2, Round: 1, Ended: 4000}}
	for _, c := range []struct {
		then  int64
		era   uint64
		round uint32
		want  bool
	}{
		{1500, 1, 8, true},
		{1500, 1, 9, true},
		{1500, 2, 0, true},
		{1500, 2, 1, false},
		{1500, 2, 2, false}, // not over yet
		{4000, 2, 1, false}, // what was open is not known
	} {
		if got := openOrNext(rounds, time.UnixMilli(c.then), node.Entry{Era: c.era, Round: c.round}); got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}

// TestProposedAnew: in its old leader slots main must be given what is bound there.
func TestProposedAnew(t *testing.T) {
	led := []hub.Round{{Era: 1, Round: 3}, {Era: 1, Round: 5}, {Era: 1, Round: 7}}
	all := []node.Entry{
		{Kind: "echo", Era: 1, Round: 3, Answer: testnet.Unknown}, {Kind: "echo", Era: 1, Round: 3, Answer: testnet.Bound},
		{Kind: "vote", Era: 1, Round: 5, Answer: testnet.Bound}, {Kind: "echo", Era: 2, Round: 5, Answer: testnet.Bound},
		{Kind: "echo", Era: 1, Round: 7, Answer: testnet.Signed},
	}
	if asked, adopted := proposedAnew(all, led); asked != 2 || adopted != 1 {
		t.Errorf("asked for %d, adopted %d", asked, adopted)
	}
}

func TestRefused(t *testing.T) {
	all := []node.Entry{{At: 1, Reason: "NOT_ACTIVE"}, {At: 2}, {At: 9, Reason: "NOT_ACTIVE"},
		{At: 10, Reason: "NOT_ACTIVE"}}
	if got := refused(all, time.UnixMilli(10)); got != 2 {
		t.Errorf("got %d", got)
	}
}

// TestRehearsal: what the other validators have seen of the rounds that were counted.
func TestRehearsal(t *testing.T) {
	r := rehearsal{First: place{1, 9}, Last: place{2, 2}}
	seen := hub.Report{Rounds: []hub.Round{{Era: 1, Round: 8}, {Era: 1, Round: 9, Vote: 1}, {Era: 2, Round: 0},
		{Era: 2, Round: 1, Vote: 1}, {Era: 2, Round: 2}}}
	if rounds, unvoted := r.against(seen); rounds != 3 || unvoted != 1 {
		t.Errorf("%d rounds, %d without a vote", rounds, unvoted)
	}
}

// TestClaimLastEra: the era's last round and its switch block count, and what comes after the
// upgrade does not.
func TestClaimLastEra(t *testing.T) {
	const up = 9000
	voted := hub.Round{Era: 1, Round: 19, Ended: 4000, Vote: 4000}
	final := hub.Block{Height: 20, Added: 4000, Finality: 4100}
	for name, c := range map[string]struct {
		round hub.Round
		block hub.Block
		holds bool
	}{
		"all came":                      {voted, final, true},
		"the last round is lost":        {hub.Round{Era: 1, Round: 19, Ended: 4000}, final, false},
		"the switch block's is lost":    {voted, hub.Block{Height: 20, Added: 4000}, false},
		"the switch block is not there": {voted, hub.Block{Height: 19, Added: 4000, Finality: 4100}, false},
	} {
		s := networkShow()
		r := hub.Report{Now: up, Rounds: []hub.Round{c.round, {Era: 2, Ended: 7000}},
			Blocks: []hub.Block{c.block, {Height: 21, Added: 7000}}}
		s.claimLastEra(before(r, 2, 4500), 1, time.UnixMilli(1000))
		if s.Act().Claims[0].Holds != c.holds {
			t.Errorf("%s: holds is %v", name, s.Act().Claims[0].Holds)
		}
	}
}

func TestLongestGap(t *testing.T) {
	all := []node.Entry{{At: 10}, {At: 30}, {At: 130}, {At: 140}}
	if got := longestGap(all); got != 100*time.Millisecond || longestGap(nil) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	s := &demo{Show: show.New(&out, 0), Rehearsal: &rehearse.Rehearsal{Net: &simnet.Network{Settings: simnet.Defaults()}},
		rows: []row{
			{"node killed", fenced, "node_down", "2.10 s", "2.20 s", "4.00 s",
				simnet.Losses{Rounds: make([]hub.Round, 2), Of: 7, Died: []hub.Round{{Ours: true, Skipped: true}}}}}}
	s.printTable()
	for _, want := range []string{"2.10 s", "2.20 s", "2 of 7", "fenced", "4.00 s"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
