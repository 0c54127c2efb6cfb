package turn_test

import (
	"reflect"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/turn"
	"casper-cosigner/rule/watermark"
)

const (
	era   = 2 * time.Hour
	block = 8 * time.Second
	grace = 100 * time.Millisecond
)

// now is when is decided. Ten seconds before, the marks moved and main, which is active, asked for
// what is newest.
var now = time.UnixMilli(1_800_000_000_000)

func echo(node string, era uint64, round uint32) watermark.Claim {
	return watermark.Claim{Node: node, Message: casper.Echo{Round: casper.Round{Era: era, ID: round}}}
}

func final(node string, height uint64, block byte) watermark.Claim {
	return watermark.Claim{Node: node, Message: casper.Finality{Height: height, Block: casper.Hash{block}}}
}

func request(c watermark.Claim) turn.Request {
	slot, _ := casper.SlotOf(c.Message)
	return turn.Request{Claim: c, Slot: slot}
}

// started is a log that begins with era 10 and height 1000, where main has the echo of round 5 and
// the block at 1000.
func started() *machine.State {
	m := machine.New()
	m.Apply(machine.Genesis{First: watermark.Mark{Era: 10, Height: 1000}, Active: "main"})
	m.Apply(machine.Claim{Claim: echo("main", 10, 5)})
	m.Apply(machine.Claim{Claim: final("main", 1000, 1)})
	return m
}

// desk is that of the leader of this log.
func desk() turn.Desk {
	d := turn.NewDesk(era, block, grace)
	for _, c := range []watermark.Claim{echo("main", 10, 5), final("main", 1000, 1)} {
		d.Preference.Asked("main", request(c).Slot, now.Add(-10*time.Second))
	}
	return d
}

func look(m *machine.State, c watermark.Claim) turn.Facts {
	f := turn.Look(m, m.Check(machine.Place{}, c))
	f.Moved = turn.Moved{Era: now.Add(-10 * time.Second), Height: now.Add(-10 * time.Second)}
	return f
}

// TestDecide: what a slot holds is finished; what is free is asked of the log, the token bucket and
// the preference, in this order.
func TestDecide(t *testing.T) {
	suspend := machine.Suspend{Node: "standby", Suspended: true}
	fence := machine.SetMode{Mode: failover.Fenced}
	refused := func(why refusal.Reason) turn.Decision { return turn.Decision{Do: turn.Refuse, Why: why} }
	ahead := func(newest, by uint64) turn.Decision {
		return turn.Decision{Do: turn.Refuse, Why: refusal.TooFarAhead, Ahead: turn.Ahead{Newest: newest, By: by}}
	}
	// The tokens after Genesis are 2 eras and 64 heights. Ten seconds are worth 5 blocks, and a
	// hundredth of an era.
	const eras, heights = 2000 + 5, 64000 + 5000
	for _, c := range []struct {
		name   string
		before machine.Command
		claim  watermark.Claim
		want   turn.Decision
	}{
		{"its own message", nil, echo("main", 10, 5), turn.Decision{Do: turn.Finish, Held: echo("main", 10, 5)}},
		{"another's", nil, echo("standby", 10, 5), turn.Decision{Do: turn.Finish, Held: echo("main", 10, 5)}},
		{"another value", nil, final("standby", 1000, 2), turn.Decision{Do: turn.Finish, Held: final("main", 1000, 1)}},
		{"a held slot of a suspended node", suspend, echo("standby", 10, 5),
			turn.Decision{Do: turn.Finish, Held: echo("main", 10, 5)}},
		{"below the floor", nil, echo("main", 9, 0), refused(refusal.BelowFloor)},
		{"suspended", suspend, echo("standby", 10, 6), refused(refusal.Suspended)},
		{"the log speaks before the bucket", suspend, echo("standby", 99, 0), refused(refusal.Suspended)},
		{"three eras ahead", nil, echo("main", 13, 0), ahead(10, 3)},
		{"the bucket speaks before the preference", nil, echo("standby", 13, 0), ahead(10, 3)},
		{"the era that no log can reach", nil, echo("main", 1<<63, 0), ahead(10, 1<<63-10)},
		{"seventy heights ahead", nil, final("main", 1070, 1), ahead(1000, 70)},
		{"the active node, a free round", nil, echo("main", 10, 4), turn.Decision{Do: turn.Claim, Left: 2000}},
		{"the active node, two eras ahead", nil, echo("main", 12, 0), turn.Decision{Do: turn.Claim, Left: eras - 2000}},
		{"the active node, sixty-nine heights ahead", nil, final("main", 1069, 1),
			turn.Decision{Do: turn.Claim, Left: heights - 69000}},
		{"the standby, a late round", nil, echo("standby", 10, 4),
			turn.Decision{Do: turn.Wait, Until: now.Add(grace), Left: 2000}},
		{"the standby, the next height", nil, final("standby", 1001, 1),
			turn.Decision{Do: turn.Wait, Until: now.Add(-10*time.Second + 2*block), Left: heights - 1000}},
		{"the standby, further than the active node", nil, echo("standby", 10, 7),
			turn.Decision{Do: turn.Refuse, Why: refusal.NotPreferred, Left: 2000}},
		{"the standby, fenced", fence, echo("standby", 10, 6), refused(refusal.NotActive)},
		{"the standby, fenced, a height", fence, final("standby", 1001, 1),
			turn.Decision{Do: turn.Wait, Until: now.Add(-10*time.Second + 2*block), Left: heights - 1000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, d := started(), desk()
			if c.before != nil {
				m.Apply(c.before)
			}
			if got := d.Decide(look(m, c.claim), request(c.claim), now); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestNotStarted: before Genesis nothing is known, so nothing is refused for good.
func TestNotStarted(t *testing.T) {
	d, c := desk(), echo("main", 10, 6)
	got := d.Decide(look(machine.New(), c), request(c), now)
	if got != (turn.Decision{Do: turn.Refuse, Why: refusal.NotStarted}) || got.Why.Definite() {
		t.Errorf("got %+v", got)
	}
}

// TestDeadline: whoever waits is answered a moment before its asker gives up, and at once if that
// moment is past.
func TestDeadline(t *testing.T) {
	c := final("standby", 1001, 1)
	itsTurn := now.Add(-10*time.Second + 2*block)
	for _, patience := range []time.Duration{time.Hour, 6*time.Second + turn.AnswerBefore, 3 * time.Second,
		turn.AnswerBefore + 1, turn.AnswerBefore, time.Millisecond, -time.Second} {
		d, r := desk(), request(c)
		r.Deadline = now.Add(patience)
		want := turn.Decision{Do: turn.Wait, Until: now.Add(min(itsTurn.Sub(now), patience-turn.AnswerBefore)), Left: 68000}
		if patience <= turn.AnswerBefore {
			want = turn.Decision{Do: turn.Refuse, Why: refusal.NotPreferred, Left: 68000}
		}
		if got := d.Decide(look(started(), c), r, now); got != want {
			t.Errorf("patience %v: got %+v, want %+v", patience, got, want)
		}
	}
	d, r := desk(), request(c)
	r.Deadline = itsTurn.Add(turn.AnswerBefore)
	if got := d.Decide(look(started(), c), r, itsTurn); got.Do != turn.Claim {
		t.Errorf("its turn has come: got %+v", got)
	}
}

// TestSlowSignatures: a standby whose turn comes in time for its signature waits for it; one whose
// turn comes too late for that is refused while there is time to say so, and is served when it asks
// again. What is left for the signature is bounded, so that some of a node's 250 ms can be waited.
func TestSlowSignatures(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		story string
		takes time.Duration
		times int
		left  time.Duration
	}{
		{"none was made yet", 0, 0, turn.AnswerBefore},
		{"one site", 4 * ms, 50, turn.AnswerBefore},
		{"80 ms apart the least is enough still", 80 * ms, 50, 100 * ms},
		{"in between", 120 * ms, 50, 150 * ms},
		{"claim and share, 80 ms each", 180 * ms, 50, 200 * ms},
		{"the first hung", time.Hour, 1, 118750 * time.Microsecond},
		{"never in time", time.Hour, 50, 200 * ms},
	} {
		d := desk()
		for range c.times {
			d.Signed(c.takes)
		}
		claim := echo("standby", 10, 4) // whose turn comes after the grace
		r := request(claim)
		r.Deadline = now.Add(grace + c.left)
		want := turn.Decision{Do: turn.Wait, Until: now.Add(grace), Left: 2000}
		if got := d.Decide(look(started(), claim), r, now); got != want {
			t.Errorf("%s, just in time: got %+v, want %+v", c.story, got, want)
		}
		r.Deadline = now.Add(250 * ms)
		want.Until = now.Add(min(grace, 250*ms-c.left))
		got := d.Decide(look(started(), claim), r, now)
		if got != want {
			t.Errorf("%s, with a node's patience: got %+v, want %+v", c.story, got, want)
		}
		want = turn.Decision{Do: turn.Claim, Left: 2000}
		if c.left > 250*ms-grace {
			want = turn.Decision{Do: turn.Refuse, Why: refusal.NotPreferred, Left: 2000}
		}
		if got := d.Decide(look(started(), claim), r, got.Until); got != want {
			t.Errorf("%s, then: got %+v, want %+v", c.story, got, want)
		}
		again := now.Add(grace)
		r.Deadline = again.Add(250 * ms)
		if got := d.Decide(look(started(), claim), r, again); got.Do != turn.Claim {
			t.Errorf("%s, asked again: got %+v", c.story, got)
		}
	}
}

// TestFollows: that a node asks for what another has bound already is noted only if it is the same
// value.
func TestFollows(t *testing.T) {
	for _, same := range []bool{true, false} {
		m, d := started(), desk()
		for height := uint64(1001); height <= 1005; height++ { // the standby is ahead
			m.Apply(machine.Claim{Claim: final("standby", height, 1)})
		}
		value := byte(2)
		if same {
			value = 1
		}
		behind, next := final("main", 1001, value), final("standby", 1006, 1)
		d.Preference.Asked("main", request(echo("main", 10, 6)).Slot, now)
		d.Preference.Asked("main", request(behind).Slot, now)
		if got := d.Decide(look(m, behind), request(behind), now); got.Do != turn.Finish {
			t.Fatalf("got %+v", got)
		}
		if got := d.Decide(look(m, next), request(next), now); (got.Do == turn.Claim) != same {
			t.Errorf("same value %v: got %+v", same, got)
		}
	}
}

// TestLook: the facts are those of the state.
func TestLook(t *testing.T) {
	m := started()
	m.Apply(machine.Claim{Claim: echo("main", 11, 3), TokensLeft: 7, At: 8})
	c := echo("standby", 11, 4)
	eras, heights := m.Advances()
	want := turn.Facts{Would: machine.Result{Outcome: machine.Done, Held: c}, Roles: m.Roles(),
		Bound: failover.Place{Era: 11, Round: 3, Height: 1000}, Round: 3, Voter: "main", Eras: eras, Heights: heights}
	got := turn.Look(m, m.Check(machine.Place{}, c))
	if !reflect.DeepEqual(got, want) || got.Eras != (machine.Advance{At: 8, Left: 7}) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestPassive: a passive node is refused what its slot holds as well, so that it is either out of
// an era or votes in it; one that voted last in the era is answered.
func TestPassive(t *testing.T) {
	m, d := started(), desk()
	d.Preference.Passive = []string{"standby"}
	m.Apply(machine.Claim{Claim: echo("main", 10, 6)})
	same, next := echo("standby", 10, 6), echo("standby", 10, 7)
	for _, c := range []watermark.Claim{same, next} {
		if got := d.Decide(look(m, c), request(c), now); got.Do != turn.Refuse || got.Why != refusal.Passive {
			t.Errorf("%v: got %+v", c.Message, got)
		}
	}
	for c, want := range map[watermark.Claim]turn.Do{same: turn.Finish, next: turn.Claim} {
		signed := request(c)
		signed.Signed = true
		if got := d.Decide(look(m, c), signed, now); got.Do != want {
			t.Errorf("%v was signed already: got %+v", c.Message, got)
		}
	}
	m.Apply(machine.Claim{Claim: next})
	if got := d.Decide(look(m, same), request(same), now); got.Do != turn.Finish {
		t.Errorf("the era's voter: got %+v", got)
	}
}
