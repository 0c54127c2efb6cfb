package hub

import (
	"testing"
	"time"

	"casper-cosigner/report"
	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet/zug"
)

// TestRecord: what is lost and what is not.
func TestRecord(t *testing.T) {
	const block = time.Second
	at := func(ms int64) time.Time { return time.UnixMilli(1_000_000 + ms) }
	vote := func(round uint32) zug.Signed {
		return zug.Signed{Message: casper.Vote{Round: casper.Round{Era: 1, ID: round}, Value: true}}
	}
	final := func(height uint64) zug.Signed { return zug.Signed{Message: casper.Finality{Height: height, Era: 1}} }
	r := newRecord(ours)

	fresh := r.hear(zug.SyncResponse{Signed: []zug.Signed{vote(0), vote(0), {Validator: 1, Message: casper.Vote{}}}},
		at(0))
	if len(fresh) != 1 || fresh[0] != vote(0) {
		t.Errorf("new is %+v", fresh)
	}
	if fresh := r.hear(vote(0), at(1)); len(fresh) != 0 {
		t.Errorf("heard twice: %+v", fresh)
	}
	r.hear(zug.Proposed{Echo: zug.Signed{Message: casper.Echo{Round: casper.Round{Era: 1, ID: 9}}}}, at(1))
	for round, ms := range []int64{100, 1100, 2100, 3100} {
		r.note(zug.Output{Ended: []zug.Ended{{Era: 1, Round: uint32(round), Skipped: round == 3, Leader: uint32(round % 2)}},
			Blocks: []zug.Block{{Height: uint64(round + 1)}}}, at(ms))
	}
	r.hear(vote(1), at(2100)) // a block's time late
	r.hear(vote(2), at(3101))
	r.hear(final(1), at(6100))
	r.hear(final(2), at(7101))
	var p Report
	r.report(&p)
	for i, want := range []bool{false, false, true, false} {
		if (p.Rounds[i].Seen(block, time.Time{}).Fate() == report.Unvoted) != want || p.Rounds[i].Ours != (i%2 == 0) {
			t.Errorf("round %+v: lost is not %v", p.Rounds[i], want)
		}
	}
	for i, want := range []bool{false, true, true} {
		if p.Blocks[i].Seen(block).Lost() != want {
			t.Errorf("block %+v: lost is not %v", p.Blocks[i], want)
		}
	}
}

// TestSeen: a round was struck that was open then, and nothing is excused that nobody saw begin.
func TestSeen(t *testing.T) {
	const block = time.Second
	for _, c := range []struct {
		round Round
		want  report.Fate
	}{
		{Round{Began: 1000, Ended: 3000, Ours: true, Skipped: true}, report.Died},
		{Round{Began: 2000, Ended: 3000, Ours: true, Skipped: true}, report.Died},
		{Round{Began: 2001, Ended: 3000, Ours: true, Skipped: true}, report.Unpublished},
		{Round{Began: 1000, Ended: 1999, Ours: true, Skipped: true}, report.Unpublished},
		{Round{Ended: 3000, Ours: true, Skipped: true, Vote: 3000}, report.Unpublished},
		{Round{Began: 1000, Ended: 3000, Skipped: true}, report.Skipped},
		{Round{Began: 1000, Ended: 3000, Ours: true}, report.Unvoted},
		{Round{Began: 1000, Ended: 3000, Vote: 4001}, report.Unvoted},
		{Round{Began: 1000, Ended: 3000, Vote: 4000}, report.Kept},
	} {
		if have := c.round.Seen(block, time.UnixMilli(2000)); have.Fate() != c.want || len(have.Unseen()) > 0 {
			t.Errorf("%+v: %+v, fate %d, want %d", c.round, have, have.Fate(), c.want)
		}
	}
	if (Round{Began: 1000, Ended: 3000, Ours: true, Skipped: true}).Seen(block, time.Time{}).Fate() != report.Unpublished {
		t.Error("nothing was struck, and it is excused")
	}
}
