package turn_test

import (
	"testing"
	"time"

	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/turn"
	"casper-cosigner/rule/watermark"
)

// TestRounds: an era has as many rounds as its time allows and those that Zug takes ahead, and no
// end: a chain that stood for a day is voted for again in the same era.
func TestRounds(t *testing.T) {
	const day = 24 * time.Hour
	raised := func() *machine.State {
		m := started()
		m.ApplyAt(machine.Place{Version: machine.Version}, machine.SetFloor{Floor: m.Table().Floor()})
		return m
	}
	for _, c := range []struct {
		name  string
		since time.Duration // when the newest era began
		claim watermark.Claim
		want  turn.Ahead // zero if it is not too far
	}{
		{"as far as Zug takes it, at once", 0, echo("main", 10, 7199), turn.Ahead{}},
		{"further, at once", 0, echo("main", 10, 7200), turn.Ahead{Newest: 7199, By: 1}},
		{"every number there is", 0, echo("main", 10, 1<<32-1), turn.Ahead{Newest: 7199, By: 1<<32 - 1 - 7199}},
		{"a block's time later", block, echo("main", 10, 7203), turn.Ahead{}},
		{"and no further", block, echo("main", 10, 7204), turn.Ahead{Newest: 7203, By: 1}},
		{"after a day", day, echo("main", 10, uint32(7199+4*day/block)), turn.Ahead{}},
		{"after a day, and no further", day, echo("main", 10, uint32(7200+4*day/block)),
			turn.Ahead{Newest: uint64(7199 + 4*day/block), By: 1}},
		{"the next era, which began while nobody asked", day, echo("main", 11, 20000), turn.Ahead{}},
		{"a clock that went back", -day, echo("main", 10, 7200), turn.Ahead{Newest: 7199, By: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, d := raised(), desk()
			f := look(m, c.claim)
			f.Moved.Era = now.Add(-c.since)
			got := d.Decide(f, request(c.claim), now)
			if c.want == (turn.Ahead{}) && got.Do != turn.Claim ||
				c.want != (turn.Ahead{}) && (got.Why != refusal.TooFarAhead || got.Ahead != c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// TestLateRound: a vote of an era that was long, and has just ended, is not too far ahead.
func TestLateRound(t *testing.T) {
	m, d := started(), desk()
	for _, c := range []watermark.Claim{echo("main", 10, 20000), echo("main", 11, 0)} {
		c.AskedAt = 1
		r := m.ApplyAt(machine.Place{Index: 2, Version: machine.Version}, machine.Claim{Claim: c})
		if r.Outcome != machine.Done {
			t.Fatalf("%+v", r)
		}
	}
	for round, want := range map[uint32]turn.Do{19990: turn.Claim, 20001: turn.Refuse} {
		c := echo("main", 10, round)
		f := look(m, c)
		f.Moved.Era = now
		if got := d.Decide(f, request(c), now); got.Do != want {
			t.Errorf("round %d: %+v", round, got)
		}
	}
}

// TestRoundsOfVersion2: while a cosigner of the release before may read the log, an era ends there.
func TestRoundsOfVersion2(t *testing.T) {
	m, d, c := started(), desk(), echo("main", 10, 7200)
	f := look(m, c)
	f.Moved.Era = now.Add(-time.Hour)
	if got := d.Decide(f, request(c), now); got.Why != refusal.RoundTooHigh {
		t.Errorf("%+v", got)
	}
}
