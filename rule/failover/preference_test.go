package failover

import (
	"slices"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
)

const (
	round = 8 * time.Second
	grace = 100 * time.Millisecond
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func zug(era uint64, id uint32) casper.Slot {
	return casper.Slot{Kind: casper.KindEcho, Era: era, Round: id}
}

func height(h uint64) casper.Slot { return casper.Slot{Kind: casper.KindFinality, Height: h} }

// asked is one request that was seen before the decision.
type asked struct {
	node string
	slot casper.Slot
	ago  time.Duration
}

func TestDecide(t *testing.T) {
	// The active node asked for round 10 and height 100 six seconds ago, and voted late in
	// round 9 since.
	main10 := []asked{{"main", zug(5, 10), 6 * time.Second}, {"main", zug(5, 9), time.Second}}
	well := append(slices.Clone(main10), asked{"main", height(100), 6 * time.Second})
	quiet := func(rounds time.Duration) []asked {
		return []asked{{"main", zug(5, 10), rounds * round}, {"main", height(100), rounds * round}}
	}
	const turn = round - 6*time.Second // until the active node's turn for what comes next
	bound := Place{Era: 5, Round: 10, Height: 100}
	for _, c := range []struct {
		name  string
		mode  Mode
		seen  []asked
		bound Place
		node  string
		slot  casper.Slot
		want  Verdict
		wait  time.Duration
	}{
		{"the active node is served", Hot, nil, bound, "main", zug(5, 11), Serve, 0},
		{"nobody was ever seen: the standby is served", Hot, nil, bound, "standby", zug(5, 11), Serve, 0},
		{"the active is well: the standby waits", Hot, well, bound, "standby", zug(5, 11), Wait, turn + grace},
		{"so it does for a late vote", Hot, well, bound, "standby", zug(5, 3), Wait, grace},
		{"two rounds ahead", Hot, well, bound, "standby", zug(5, 12), Refuse, 0},
		{"round 1 of the next era is next", Hot, well, bound, "standby", zug(6, 1), Wait, turn + grace},
		{"round 2 of the next era is not", Hot, well, bound, "standby", zug(6, 2), Refuse, 0},
		{"nor when round 0 is bound already: the era is not to be had ahead", Hot, well, Place{Era: 6, Round: 0, Height: 100},
			"standby", zug(6, 2), Refuse, 0},
		{"nor is the era after", Hot, well, bound, "standby", zug(7, 0), Refuse, 0},
		{"the next height waits longer", Hot, well, bound, "standby", height(101), Wait, turn + round},
		{"two heights ahead", Hot, well, bound, "standby", height(102), Refuse, 0},
		{"the active is silent", Hot, []asked{{"main", zug(5, 10), 17 * time.Second}}, bound, "standby",
			zug(5, 12), Serve, 0},
		{"the active asks, but stands still", Hot, []asked{{"main", zug(5, 10), 17 * time.Second}, {"main", zug(5, 10), 0}},
			Place{Era: 5, Round: 11, Height: 100}, "standby", zug(5, 12), Serve, 0},
		{"the active catches up, far behind what is bound",
			Hot, []asked{{"main", zug(5, 3), time.Second}, {"main", zug(5, 4), 0}},
			Place{Era: 5, Round: 40, Height: 140}, "standby", zug(5, 41), Serve, 0},
		{"behind in rounds, well in heights: a round", Hot, append(slices.Clone(well), asked{"main", height(139), 0}),
			Place{Era: 5, Round: 40, Height: 140}, "standby", zug(5, 11), Serve, 0},
		{"behind in rounds, well in heights: a height", Hot, append(slices.Clone(well), asked{"main", height(139), 0}),
			Place{Era: 5, Round: 40, Height: 140}, "standby", height(139), Wait, heightGrace},
		{"the active votes, but never asks for a height", Hot, main10, bound, "standby", height(101), Serve, 0},
		{"the active asks for heights, but does not vote", Hot, []asked{{"main", height(100), 0}}, bound, "standby",
			zug(5, 11), Serve, 0},
		{"the active follows the chain, does not vote, and is behind: a height that it has not come to", Hot,
			[]asked{{"main", height(99), 7 * time.Second}, {"main", height(100), 0}}, bound, "standby", height(120), Serve, 0},
		{"two rounds without a block: the next height", Hot, quiet(2), bound, "standby", height(101), Serve, 0},
		{"two rounds without a block: the one after", Hot, quiet(2), bound, "standby", height(102), Wait, round},
		{"two rounds without a block: and one more", Hot, quiet(2), bound, "standby", height(103), Wait, 2 * round},
		{"two rounds without a block: further than the chain can be", Hot, quiet(2), bound, "standby",
			height(104), Refuse, 0},
		{"three rounds without a block", Hot, quiet(3), bound, "standby", height(102), Serve, 0},
		{"two rounds without a vote, though blocks come", Hot, append(quiet(2), asked{"main", height(101), 0}),
			Place{Era: 5, Round: 10, Height: 101}, "standby", height(102), Serve, 0},
		{"others took three heights meanwhile, and it goes on",
			Hot, append(quiet(2), asked{"main", zug(5, 11), 0}, asked{"main", height(101), 0}),
			Place{Era: 5, Round: 10, Height: 104}, "standby", height(105), Refuse, 0},
		{"though they have gone ahead in rounds too",
			Hot, append(quiet(2), asked{"main", zug(5, 11), 0}, asked{"main", height(101), 0}),
			Place{Era: 5, Round: 40, Height: 104}, "standby", height(105), Refuse, 0},
		{"they took more, and it follows nobody",
			Hot, append(quiet(2), asked{"main", zug(5, 11), 0}, asked{"main", height(101), 0}),
			Place{Era: 5, Round: 11, Height: 105}, "standby", height(106), Refuse, 0},
		{"silent, and the chain can be there", Hot, quiet(20), Place{Era: 5, Round: 10, Height: 120}, "standby",
			height(121), Serve, 0},
		{"silent, and the chain cannot be there", Hot, quiet(20), Place{Era: 5, Round: 10, Height: 121}, "standby",
			height(122), Refuse, 0},
		{"fenced: the standby gets no round", Fenced, nil, bound, "standby", zug(5, 11), Refuse, 0},
		{"fenced: the next height waits", Fenced, well, bound, "standby", height(101), Wait, turn + round},
		{"fenced: it does get a height", Fenced, nil, bound, "standby", height(101), Serve, 0},
		{"fenced: the active is served", Fenced, nil, bound, "main", zug(5, 11), Serve, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &Preference{Round: round, Grace: grace}
			for _, a := range c.seen {
				p.Asked(a.node, a.slot, start.Add(-a.ago))
			}
			got := p.Decide(State{Mode: c.mode, Active: "main"}, c.node, c.slot,
				Bound{Place: c.bound, HeightAt: start.Add(-6 * time.Second)}, start)
			if got.Verdict != c.want || c.want == Wait && got.Until != start.Add(c.wait) {
				t.Errorf("got verdict %d until %v, want %d after %v", got.Verdict, got.Until.Sub(start), c.want, c.wait)
			}
			why := refusal.NotPreferred
			if c.mode == Fenced {
				why = refusal.NotActive
			}
			if c.want != Refuse {
				why = refusal.None
			}
			if got.Why != why {
				t.Errorf("got %v, want %v", got.Why, why)
			}
		})
	}
}

// TestNewLeader: a new leader has not heard of the active node; at first it takes it to be where
// slots are bound.
func TestNewLeader(t *testing.T) {
	p := &Preference{Round: round, Grace: grace}
	p.Asked("main", zug(5, 90), start.Add(-time.Hour)) // when it led before
	p.Lead(start)
	state, place := State{Mode: Hot, Active: "main"}, Bound{Place: Place{Era: 5, Round: 10, Height: 100}, HeightAt: start}
	for slot, want := range map[casper.Slot]Verdict{zug(5, 11): Wait, zug(5, 12): Refuse, height(101): Wait,
		height(103): Refuse} {
		if got := p.Decide(state, "standby", slot, place, start); got.Verdict != want ||
			(got.Why == refusal.NotPreferred) != (want == Refuse) {
			t.Errorf("%v: got verdict %d, want %d", slot, got.Verdict, want)
		}
	}
	if got := p.Decide(state, "standby", zug(5, 11), place, start.Add(grace)); got.Verdict != Serve {
		t.Errorf("after the grace: got verdict %d", got.Verdict)
	}
	if got := p.Decide(state, "standby", zug(5, 90), place, start.Add(2*round+1)); got.Verdict != Serve {
		t.Errorf("after two rounds without a word of the active node: got verdict %d", got.Verdict)
	}
}

// TestWaitsAddUp: the grace counts from a node's first request for the slot, so that its retries
// are not starved.
func TestWaitsAddUp(t *testing.T) {
	p := &Preference{Round: round, Grace: grace}
	p.Asked("main", zug(5, 10), start.Add(-round))
	state, place := State{Mode: Hot, Active: "main"}, Bound{Place: Place{Era: 5, Round: 10}}
	if got := p.Decide(state, "standby", zug(5, 11), place, start); got.Verdict != Wait {
		t.Fatalf("got verdict %d, want a wait", got.Verdict)
	}
	if got := p.Decide(state, "standby",
		zug(5, 11), place, start.Add(60*time.Millisecond)); got.Until != start.Add(grace) {
		t.Errorf("the retry waits until %v, want %v", got.Until, start.Add(grace))
	}
	if got := p.Decide(state, "standby", zug(5, 11), place, start.Add(grace)); got.Verdict != Serve {
		t.Errorf("got verdict %d after the grace, want it served", got.Verdict)
	}
}

// TestAskedAhead: who asks early does not get the vote that the active node is to ask for a moment
// after its echo.
func TestAskedAhead(t *testing.T) {
	p := &Preference{Round: round, Grace: grace}
	p.Asked("main", zug(5, 10), start)
	state, place, vote := State{Mode: Hot, Active: "main"}, Bound{Place: Place{Era: 5, Round: 10}}, zug(5, 11)
	vote.Kind = casper.KindVote
	if got := p.Decide(state, "standby", vote, place, start); got.Verdict != Wait {
		t.Fatalf("got verdict %d, want a wait", got.Verdict)
	}
	echoed := start.Add(round)
	p.Asked("main", zug(5, 11), echoed)
	if got := p.Decide(state, "standby", vote, place, echoed); got.Verdict != Wait || got.Until != echoed.Add(grace) {
		t.Errorf("got verdict %d until %v, want a wait of %v", got.Verdict, got.Until.Sub(echoed), grace)
	}
}

// TestMissedSlot: what the active node has passed over is not kept from others because it moves on.
func TestMissedSlot(t *testing.T) {
	p := &Preference{Round: round, Grace: grace}
	state, missed := State{Mode: Hot, Active: "main"}, casper.Slot{Kind: casper.KindFinality, Height: 99}
	p.Asked("main", zug(5, 10), start)
	for height := uint64(100); height < 103; height++ {
		now := start.Add(time.Duration(height-100) * time.Second)
		p.Asked("main", casper.Slot{Kind: casper.KindFinality, Height: height}, now)
		p.Asked("main", zug(5, uint32(height-89)), now)
		want := Wait
		if height == 102 {
			want = Serve
		}
		if got := p.Decide(state, "standby", missed, Bound{Place: Place{Era: 5, Round: 10, Height: height}, HeightAt: now},
			now); got.Verdict != want {
			t.Errorf("main is at %d: got verdict %d, want %d", height, got.Verdict, want)
		}
	}
}

// TestSuspendedActive: a suspended node is not waited for.
func TestSuspendedActive(t *testing.T) {
	p := &Preference{Round: round, Grace: grace}
	p.Asked("main", zug(5, 10), start)
	s := State{Mode: Hot, Active: "main", Suspended: []string{"main"}}
	if got := p.Decide(s, "standby", zug(5, 11), Bound{Place: Place{Era: 5, Round: 10}}, start); got.Verdict != Serve {
		t.Errorf("got verdict %d, want it served", got.Verdict)
	}
}

// TestFirstRequestsAreBounded: a flood of slots cannot fill memory.
func TestFirstRequestsAreBounded(t *testing.T) {
	p := &Preference{Round: round, Grace: grace}
	p.Asked("main", zug(5, 1), start)
	for i := range uint32(3 * keptRequests) {
		p.firstRequest(request{"standby", zug(4, i)}, start)
	}
	if len(p.first) > keptRequests || len(p.order) > keptRequests {
		t.Errorf("%d first requests are kept, want at most %d", len(p.first), keptRequests)
	}
}

func TestChanges(t *testing.T) {
	s := State{Mode: Hot, Active: "main"}
	if !s.Activate("standby", Change{Epoch: 0, Reason: "drill", At: 7}) || s.Active != "standby" || s.Epoch != 1 ||
		s.Since != 7 {
		t.Errorf("got %+v after a promotion", s)
	}
	if s.SetMode(Fenced, Change{Epoch: 0}) || s.Mode != Hot {
		t.Errorf("a change against an old epoch went through: %+v", s)
	}
	for i, node := range []string{"b", "a", "c", "b"} {
		s.Suspend(node, true, Change{Epoch: uint64(1 + i)})
	}
	if !slices.Equal(s.Suspended, []string{"a", "b", "c"}) || !s.IsSuspended("b") {
		t.Errorf("suspended: %v", s.Suspended)
	}
	if s.Suspend("b", false, Change{Epoch: 5}); s.IsSuspended("b") {
		t.Errorf("suspended: %v", s.Suspended)
	}
}
