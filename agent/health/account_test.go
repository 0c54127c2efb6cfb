package health

import (
	"slices"
	"testing"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

var epoch = time.Unix(1_900_000_000, 0)

// at is so many seconds after the epoch.
func at(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * float64(time.Second))) }

// The answers.
var (
	signedAnswer  = &cosignerv1.SignResponse{Answer: &cosignerv1.SignResponse_Signed{Signed: &cosignerv1.Signed{}}}
	boundAnswer   = &cosignerv1.SignResponse{Answer: &cosignerv1.SignResponse_Bound{Bound: &cosignerv1.Bound{}}}
	refusedAnswer = &cosignerv1.SignResponse{Answer: &cosignerv1.SignResponse_Refused{Refused: &cosignerv1.Refused{}}}
)

func echo(era uint64, round uint32) casper.Message {
	return casper.Echo{Round: casper.Round{Era: era, ID: round}}
}

func vote(era uint64, round uint32) casper.Message {
	return casper.Vote{Round: casper.Round{Era: era, ID: round}}
}

func finality(height uint64) casper.Message { return casper.Finality{Height: height, Era: 99} }

// TestAsked: each kind of slot has a place of its own, which only moves up.
func TestAsked(t *testing.T) {
	messages := []casper.Message{echo(3, 7), vote(3, 7), casper.Handshake{}, finality(50), echo(3, 6), finality(50),
		finality(49), echo(2, 900), vote(3, 8), echo(4, 0), finality(51)}
	// The newest round and height after each, and the seconds at which those were asked for
	// last and first.
	type place struct {
		era             uint64
		round           uint32
		height          uint64
		asked, advanced float64
	}
	rounds := []place{
		{3, 7, 0, 0, 0}, {3, 7, 0, 1, 0}, {3, 7, 0, 1, 0}, {3, 7, 0, 1, 0}, {3, 7, 0, 4, 0}, {3, 7, 0, 4, 0}, {3, 7, 0, 4, 0},
		{3, 7, 0, 7, 0}, {3, 8, 0, 8, 8}, {4, 0, 0, 9, 9}, {4, 0, 0, 9, 9},
	}
	heights := []place{
		{}, {}, {}, {0, 0, 50, 3, 3}, {0, 0, 50, 3, 3}, {0, 0, 50, 5, 3}, {0, 0, 50, 6, 3}, {0, 0, 50, 6, 3},
		{0, 0, 50, 6, 3},
		{0, 0, 50, 6, 3}, {0, 0, 51, 10, 10},
	}
	progress := func(p place) failover.Progress {
		if p == (place{}) {
			return failover.Progress{}
		}
		return failover.Progress{Asked: at(p.asked), Advanced: at(p.advanced)}
	}
	var r account
	for i, m := range messages {
		r.asked(m, signedAnswer, at(float64(i)))
		want := failover.Asks{Rounds: progress(rounds[i]), Heights: progress(heights[i]),
			Place: failover.Place{Era: rounds[i].era, Round: rounds[i].round, Height: heights[i].height}}
		if r.Asks != want {
			t.Errorf("after %d, %v: %+v, want %+v", i, m.Kind(), r.Asks, want)
		}
	}
}

// TestAskedForTheFirst: the first round of the first era and the genesis block are places
// like others.
func TestAskedForTheFirst(t *testing.T) {
	var r account
	r.asked(echo(0, 0), signedAnswer, at(1))
	r.asked(finality(0), signedAnswer, at(2))
	if r.Rounds.Advanced != at(1) || r.Heights.Advanced != at(2) {
		t.Errorf("rounds %+v, heights %+v", r.Rounds, r.Heights)
	}
}

func TestBlocked(t *testing.T) {
	var r account
	steps := []struct {
		m      casper.Message
		answer *cosignerv1.SignResponse
		want   time.Time
	}{
		{echo(1, 1), signedAnswer, time.Time{}},
		{vote(1, 1), nil, at(1)},
		{finality(5), nil, at(1)},
		{casper.Handshake{}, nil, at(1)},
		{echo(1, 2), refusedAnswer, time.Time{}},
		{casper.Handshake{}, nil, at(5)},
		{casper.Handshake{}, boundAnswer, time.Time{}},
	}
	for i, s := range steps {
		if r.asked(s.m, s.answer, at(float64(i))); r.Blocked != s.want {
			t.Errorf("after %d: blocked since %v, want %v", i, r.Blocked, s.want)
		}
	}
}

// TestRefused: since when all that is asked for a slot and answered is refused; handshakes tell
// nothing, nor does silence.
func TestRefused(t *testing.T) {
	var r account
	steps := []struct {
		m      casper.Message
		answer *cosignerv1.SignResponse
		want   time.Time
	}{
		{echo(1, 1), signedAnswer, time.Time{}},
		{vote(1, 1), nil, time.Time{}},
		{casper.Handshake{}, refusedAnswer, time.Time{}},
		{finality(5), refusedAnswer, at(3)},
		{echo(1, 2), nil, at(3)},
		{casper.Handshake{}, signedAnswer, at(3)},
		{echo(1, 2), refusedAnswer, at(3)},
		{vote(1, 2), boundAnswer, time.Time{}},
		{vote(1, 3), refusedAnswer, at(8)},
	}
	for i, s := range steps {
		if r.asked(s.m, s.answer, at(float64(i))); r.Refused != s.want {
			t.Errorf("after %d: refused since %v, want %v", i, r.Refused, s.want)
		}
	}
}

// TestLostLeads: a round that our validator led in vain shows in a proposal that was not taken and
// a vote for no block.
func TestLostLeads(t *testing.T) {
	type step struct {
		m      casper.Message
		answer *cosignerv1.SignResponse
	}
	yes := func(era uint64, round uint32) casper.Message {
		return casper.Vote{Round: casper.Round{Era: era, ID: round}, Value: true}
	}
	lead := func(era uint64, round uint32) []step {
		return []step{{echo(era, round), boundAnswer}, {vote(era, round), signedAnswer}}
	}
	three := slices.Concat(lead(1, 4), lead(1, 7), lead(2, 0))
	for name, c := range map[string]struct {
		steps []step
		want  [3]float64 // ends of leads, by the second; 0: none
	}{
		"three in a row":     {three, [3]float64{6, 4, 2}},
		"four in a row":      {slices.Concat(three, lead(2, 9)), [3]float64{8, 6, 4}},
		"in the first round": {lead(0, 0), [3]float64{2}},
		"others' rounds between": {slices.Concat(lead(1, 4), []step{{echo(1, 5), signedAnswer}, {yes(1, 5), signedAnswer}},
			lead(1, 6)), [3]float64{6, 2}},
		"another's without block": {[]step{{echo(1, 4), signedAnswer}, {vote(1, 4), signedAnswer},
			{vote(1, 5), signedAnswer}}, [3]float64{}},
		"one that has its block": {slices.Concat(three, []step{{echo(2, 9), boundAnswer}, {yes(2, 9), signedAnswer}}),
			[3]float64{}},
		"for it, and it is lost": {[]step{{echo(1, 4), boundAnswer}, {yes(1, 4), boundAnswer}}, [3]float64{2}},
		"against it, and it is in": {slices.Concat(three, []step{{echo(2, 9), boundAnswer}, {vote(2, 9), boundAnswer}}),
			[3]float64{}},
		"own proposal": {[]step{{echo(1, 4), signedAnswer}, {vote(1, 4), signedAnswer}}, [3]float64{}},
		"no vote": {[]step{{echo(1, 4), boundAnswer}, {echo(1, 7), boundAnswer}, {vote(1, 4), signedAnswer}},
			[3]float64{}},
		"asked again": {slices.Concat(lead(1, 4), lead(1, 4), []step{{vote(1, 4), boundAnswer}}), [3]float64{2}},
		"a vote not answered yet": {[]step{{echo(1, 4), boundAnswer}, {vote(1, 4), nil}, {yes(1, 4), refusedAnswer},
			{vote(1, 4), signedAnswer}}, [3]float64{4}},
		"an old round": {slices.Concat(lead(2, 4), lead(1, 9)), [3]float64{2}},
	} {
		var r account
		for i, s := range c.steps {
			r.asked(s.m, s.answer, at(float64(i+1)))
		}
		for i, seconds := range c.want {
			if got := r.LostLeads[i]; seconds == 0 && !got.IsZero() || seconds > 0 && got != at(seconds) {
				t.Errorf("%s: lost leads %v, want %v", name, r.LostLeads, c.want)
				break
			}
		}
	}
}

// TestShutdown: it is forgotten once the node runs again, and not by an answer that the
// ending process gave.
func TestShutdown(t *testing.T) {
	up := func(d time.Duration) func(*account) {
		return func(r *account) { r.answered(Status{Uptime: d}, at(10), at(10)) }
	}
	asks := func(seconds float64) func(*account) {
		return func(r *account) { r.asked(casper.Handshake{}, refusedAnswer, at(seconds)) }
	}
	tests := map[string]struct {
		then  func(*account)
		known bool
	}{
		"an answer of before":          {up(time.Hour), true},
		"just older than the shutdown": {up(10*time.Second + time.Millisecond), true},
		"started since":                {up(3 * time.Second), false},
		"started at once":              {up(10 * time.Second), false},
		"a request of before":          {asks(2), true},
		"it asks again":                {asks(2.001), false},
	}
	for name, test := range tests {
		r := account{Node: failover.Node{Shutdown: at(0)}}
		if test.then(&r); r.Shutdown.IsZero() == test.known {
			t.Errorf("%s: shutdown %v", name, r.Shutdown)
		}
	}
}

func TestFault(t *testing.T) {
	var r account
	steps := []struct {
		era  uint64
		new  bool
		at   time.Time
		last uint64
	}{
		{7, true, at(0), 7}, {7, false, at(0), 7}, {6, false, at(0), 7}, {8, true, at(3), 8},
	}
	for i, s := range steps {
		if got := r.Accuses(s.era, at(float64(i))); got != s.new || r.Fault != s.at || r.FaultEra != s.last {
			t.Errorf("after %d: new %v, fault %v of era %d", i, got, r.Fault, r.FaultEra)
		}
	}
	r = account{}
	if !r.Accuses(0, at(1)) || r.Fault != at(1) {
		t.Error("a fault in the first era does not count")
	}
}

// TestStatusKnown: of an answer of /status all is kept that is told, but for the error of an
// attempt before.
func TestStatusKnown(t *testing.T) {
	r := account{Node: failover.Node{Status: failover.Status{Error: "no"}}}
	r.answered(validating(), at(1), at(1))
	want := failover.Status{At: at(1), Reactor: "Validate", Era: 17, Height: 1204, Lowest: 200, Round: 8 * time.Second,
		Key: validating().Key, Peers: 3, Version: "2.0.3-0123abcde-cosigner1", UpgradeEra: 18}
	if r.Status != want {
		t.Errorf("got  %+v\nwant %+v", r.Status, want)
	}
	r.answered(Status{State: "CatchUp"}, at(2), at(2))
	if r.Status != (failover.Status{At: at(2), Reactor: "CatchUp"}) {
		t.Errorf("of a node without a block or an era: %+v", r.Status)
	}
}
