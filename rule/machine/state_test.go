package machine_test

import (
	"math"
	"reflect"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/watermark"
)

// started returns a state with node a active, eras from 5 and heights from 50 on.
func started() *machine.State {
	s := machine.New()
	s.Apply(machine.Genesis{First: watermark.Mark{Era: 5, Height: 50}, Active: "a", At: 1000})
	return s
}

func refused(why refusal.Reason) machine.Result {
	return machine.Result{Outcome: machine.Refused, Why: why}
}

func TestGenesisComesFirstAndOnce(t *testing.T) {
	s := machine.New()
	for _, c := range everyCommand() {
		if _, ok := c.(machine.Genesis); ok {
			continue
		}
		if r := s.Apply(c); r != (refused(refusal.NotStarted)) || s.Started() {
			t.Errorf("%T before Genesis: %+v", c, r)
		}
	}
	first := watermark.Mark{Era: 12, Height: 267}
	if r := s.Apply(machine.Genesis{First: first, Active: "a", At: 1000}); r.Outcome != machine.Done || !s.Started() {
		t.Fatalf("Genesis: %+v", r)
	}
	want := failover.State{Mode: failover.Hot, Active: "a", Since: 1000, Reason: "genesis"}
	if r := s.Apply(machine.Genesis{Active: "b", At: 2000}); r != refused(refusal.AlreadyStarted) {
		t.Errorf("second Genesis: %+v", r)
	}
	if s.Table().Pruned() != first || !reflect.DeepEqual(s.Roles(), want) {
		t.Errorf("the second Genesis left %v, %+v", s.Table().Pruned(), s.Roles())
	}
	era, height := s.Advances()
	if era != (machine.Advance{At: 1000, Left: 2000}) || height != (machine.Advance{At: 1000, Left: 64000}) {
		t.Errorf("advances %+v, %+v", era, height)
	}
}

// TestClaimOutcomes: what is held is finished whoever asks; a free slot is a matter of rights
// first, of marks then.
func TestClaimOutcomes(t *testing.T) {
	fenced := machine.SetMode{Mode: failover.Fenced}
	suspended := machine.Suspend{Node: "b", Suspended: true}
	held := vote("b", 7, true)
	ofVote := func(c machine.Claim, edit func(*casper.Vote)) machine.Claim {
		m := c.Message.(casper.Vote)
		edit(&m)
		c.Message = m
		return c
	}
	tests := []struct {
		name   string
		before machine.Command
		claim  machine.Claim
		want   any // machine.Done, machine.Held or why it is refused
	}{
		{"free vote of the active", nil, vote("a", 8, true), machine.Done},
		{"free vote of the standby, hot", nil, vote("b", 8, true), machine.Done},
		{"free vote of the standby, fenced", fenced, vote("b", 8, true), refusal.NotActive},
		{"free vote of the active, fenced", fenced, vote("a", 8, true), machine.Done},
		{"free height of the standby, fenced", fenced, final("b", 60, 1), machine.Done},
		{"held slot, fenced", fenced, vote("b", 7, false), machine.Held},
		{"held slot, other node, fenced", fenced, vote("c", 7, false), machine.Held},
		{"free vote of a suspended node", suspended, vote("b", 8, true), refusal.Suspended},
		{"free height of a suspended node", suspended, final("b", 60, 1), refusal.Suspended},
		{"held slot of a suspended node", suspended, vote("b", 7, false), machine.Held},
		{"free vote beside a suspended node", suspended, vote("a", 8, true), machine.Done},
		{"suspension is said before the floor", suspended, vote("b", 1, true), refusal.Suspended},
		{"fence is said before the floor", fenced, vote("b", 1, true), refusal.NotActive},
		{"era below the floor", nil, vote("a", 4, true), refusal.BelowFloor},
		{"height below the floor", nil, final("a", 49, 1), refusal.BelowFloor},
		{"held slot below the floor", machine.SetFloor{Floor: watermark.Mark{Era: 9, Height: 99}}, vote("a",
			7, false), machine.Held},
		{"round too high", nil, ofVote(vote("a", 8, true), func(v *casper.Vote) { v.ID = 7200 }), refusal.RoundTooHigh},
		{"second voice", nil, ofVote(vote("b", 7, true), func(v *casper.Vote) {
			v.ID, v.Validator = 4, 5
		}), refusal.OtherInstance},
		{"no slot", nil, machine.Claim{Claim: watermark.Claim{Message: casper.Handshake{}}}, refusal.NoSlot},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := started()
			s.Apply(held)
			if tt.before != nil {
				if r := s.Apply(tt.before); r.Outcome != machine.Done {
					t.Fatalf("%+v", r)
				}
			}
			var want machine.Result
			switch tt.want {
			case machine.Done:
				want = machine.Result{Outcome: machine.Done, Held: tt.claim.Claim}
			case machine.Held:
				want = machine.Result{Outcome: machine.Held, Held: held.Claim}
			default:
				want = refused(tt.want.(refusal.Reason))
			}
			if got := s.Apply(tt.claim); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

func TestRolesAreCompareAndSet(t *testing.T) {
	s := started()
	for i, c := range []machine.Command{
		machine.Activate{Node: "b", Change: failover.Change{Cause: failover.Silent, Reason: "first", At: 1}},
		machine.SetMode{Mode: failover.Fenced, Change: failover.Change{Epoch: 1, Cause: failover.Operator, Reason: "second",
			At: 2}},
		machine.Suspend{Node: "c", Suspended: true, Change: failover.Change{Epoch: 2, Cause: "third cause", Reason: "third",
			At: 3}},
		machine.Hold{Until: 99, Change: failover.Change{Epoch: 3, Cause: failover.Fault, Reason: "fourth", At: 4}},
	} {
		done := machine.Result{Outcome: machine.Done, Epoch: uint64(i) + 1}
		if r := s.Apply(c); r != done {
			t.Errorf("%T: %+v, want %+v", c, r, done)
		}
		was := s.Roles()
		moved := refused(refusal.EpochMoved)
		moved.Epoch = uint64(i) + 1
		if r := s.Apply(c); r != moved || !reflect.DeepEqual(s.Roles(), was) {
			t.Errorf("%T again: %+v, want %+v", c, r, moved)
		}
	}
	want := failover.State{Mode: failover.Fenced, Active: "b", Epoch: 4, Since: 4, Cause: failover.Fault, Reason: "fourth",
		Suspended: []string{"c"}, HoldUntil: 99, History: []failover.Event{
			{Epoch: 1, At: 1, What: "activate", Subject: "b", Cause: failover.Silent, Reason: "first"},
			{Epoch: 2, At: 2, What: "mode", Subject: "fenced", Cause: failover.Operator, Reason: "second"},
			{Epoch: 3, At: 3, What: "suspend", Subject: "c", Cause: "third cause", Reason: "third"},
			{Epoch: 4, At: 4, What: "hold", Cause: failover.Fault, Reason: "fourth"},
		}}
	if !reflect.DeepEqual(s.Roles(), want) {
		t.Errorf("%+v, want %+v", s.Roles(), want)
	}
}

// TestLongHistory: what a snapshot holds of it is what the state does, also when the oldest
// changes are gone.
func TestLongHistory(t *testing.T) {
	s := started()
	for i := range uint64(200) {
		s.Apply(machine.Hold{Until: int64(i % 2), Change: failover.Change{Epoch: i, At: int64(i)}})
		if got := restored(t, snapshot(t, s)).Roles(); !reflect.DeepEqual(got, s.Roles()) {
			t.Fatalf("after %d changes: %+v, want %+v", i+1, got, s.Roles())
		}
	}
	if h := s.Roles().History; len(h) != failover.KeptEvents || h[0].Epoch != 200-failover.KeptEvents+1 {
		t.Errorf("%d changes, the first of epoch %d", len(h), h[0].Epoch)
	}
}

func TestSetFloor(t *testing.T) {
	s, done := started(), machine.Result{Outcome: machine.Done}
	for _, step := range []struct {
		floor watermark.Mark
		want  machine.Result
	}{
		{watermark.Mark{Era: 9, Height: 50}, done},
		{watermark.Mark{Era: 4, Height: 60}, refused(refusal.BelowPruned)},
		{watermark.Mark{Era: 6, Height: 49}, refused(refusal.BelowPruned)},
		{watermark.Mark{Era: 5, Height: 50}, done},
		{watermark.Mark{Era: math.MaxUint64, Height: math.MaxUint64}, done},
	} {
		was := s.Table().Floor()
		if r := s.Apply(machine.SetFloor{Floor: step.floor}); r != step.want {
			t.Errorf("floor %v: %+v, want %+v", step.floor, r, step.want)
		}
		if step.want == done {
			was = step.floor
		}
		if s.Table().Floor() != was {
			t.Errorf("floor %v after %v", s.Table().Floor(), step.floor)
		}
	}
}

// TestAdvances: the stamp and the tokens of an axis change only with an entry that moved its mark.
func TestAdvances(t *testing.T) {
	era, height := machine.Advance{At: 1000, Left: 2000}, machine.Advance{At: 1000, Left: 64000}
	s := started()
	at := func(c machine.Claim, at int64) machine.Claim {
		c.At, c.TokensLeft = at, at/10
		return c
	}
	for _, step := range []struct {
		name        string
		claim       machine.Claim
		era, height bool // which one moves
	}{
		{"first era", at(vote("a", 5, true), 2000), false, false},
		{"next era", at(vote("a", 6, true), 3000), true, false},
		{"the same again", at(vote("a", 6, false), 4000), false, false},
		{"era before", at(vote("b", 5, true), 5000), false, false},
		{"below the floor", at(vote("b", 4, true), 6000), false, false},
		{"height", at(final("a", 51, 1), 7000), false, true},
		{"other block", at(final("b", 51, 2), 8000), false, false},
		{"height before", at(final("b", 50, 2), 9000), false, false},
		{"far era, by a clock set back", at(vote("a", 600, true), 500), true, false},
	} {
		s.Apply(step.claim)
		moved := machine.Advance{At: step.claim.At, Left: step.claim.TokensLeft}
		if step.era {
			era = moved
		}
		if step.height {
			height = moved
		}
		if e, h := s.Advances(); e != era || h != height {
			t.Errorf("%s: %+v, %+v; want %+v, %+v", step.name, e, h, era, height)
		}
	}
}

// TestSeenAt: what was read back happened when its leader says, on a clock that may be off, but
// never later than now.
func TestSeenAt(t *testing.T) {
	now, wall := time.UnixMilli(5_000_000), time.UnixMilli(1_000_000)
	for _, c := range []struct {
		at       int64
		readBack bool
		want     time.Time
	}{
		{990_000, true, now.Add(-10 * time.Second)},
		{1_000_000, true, now},
		{2_000_000, true, now},
		{990_000, false, now},
		{2_000_000, false, now},
	} {
		if got := (machine.Advance{At: c.at}).SeenAt(now, wall, c.readBack); !got.Equal(c.want) {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}

func TestRegister(t *testing.T) {
	s, done := started(), machine.Result{Outcome: machine.Done}
	point := casper.TLSPoint{2, 1}
	for _, step := range []struct {
		command machine.Register
		want    machine.Result
	}{
		{machine.Register{Node: "a", Point: point, At: 1000}, done},
		{machine.Register{Node: "b", Point: point, At: 999000}, refused(refusal.PointTaken)},
		{machine.Register{Node: "a", Point: casper.TLSPoint{2, 2}, At: 2000}, done},
		{machine.Register{Node: "a", Point: casper.TLSPoint{2, 3}, At: 3000}, done},
		{machine.Register{Node: "a", Point: casper.TLSPoint{2, 4}, At: 4000}, done},
		{machine.Register{Node: "a", Point: casper.TLSPoint{2, 5}, At: 60999}, refused(refusal.PointsTooOften)},
		{machine.Register{Node: "a", Point: point, At: 60999}, done}, // it has that one
	} {
		if r := s.Apply(step.command); r != step.want {
			t.Errorf("%+v: %+v, want %+v", step.command, r, step.want)
		}
	}
	if !s.HasPoint("a", point) || s.HasPoint("b", point) {
		t.Error("the point is not a's alone")
	}
}

// TestCloneStands: no command to the original shows in a clone.
func TestCloneStands(t *testing.T) {
	s := machine.New()
	s.Clone().Apply(machine.Genesis{})
	if s.Started() {
		t.Error("Genesis of the clone started the original")
	}
	for _, c := range everyCommand() {
		s.Apply(c)
	}
	s.Apply(machine.Suspend{Node: "x", Suspended: true, Change: failover.Change{Epoch: s.Roles().Epoch}})
	s.Apply(machine.Suspend{Node: "m", Suspended: true, Change: failover.Change{Epoch: s.Roles().Epoch}})
	was, copied, roles := snapshot(t, s), s.Clone(), s.Roles()
	for _, c := range []machine.Command{
		vote("a", 14, true), final("b", 1<<63-1, 7), machine.SetFloor{Floor: watermark.Mark{Era: 99, Height: math.MaxUint64}},
		machine.Suspend{Node: "x", Change: failover.Change{Epoch: roles.Epoch}}, machine.Suspend{Node: "n",
			Suspended: true, Change: failover.Change{Epoch: roles.Epoch + 1}},
		machine.Hold{Until: 1, Change: failover.Change{Epoch: roles.Epoch + 2}}, machine.Register{Node: "b",
			Point: casper.TLSPoint{3, 3}, At: 1e9},
	} {
		before := snapshot(t, s)
		s.Apply(c)
		if string(snapshot(t, s)) == string(before) {
			t.Errorf("%+v did nothing", c)
		}
		if string(snapshot(t, copied)) != string(was) {
			t.Errorf("%+v shows in the clone", c)
		}
	}
	if !reflect.DeepEqual(roles.Suspended, []string{"m", "x"}) {
		t.Errorf("roles read before became %v", roles.Suspended)
	}
	if last := roles.History[len(roles.History)-1]; last.Epoch != roles.Epoch || last.Subject != "m" {
		t.Errorf("the history read before ends with %+v", last)
	}
}

func TestOutcomeString(t *testing.T) {
	seen := map[string]bool{}
	for o := machine.Outcome(0); o <= machine.Refused; o++ {
		if seen[o.String()] || o.String() == "" {
			t.Errorf("outcome %d is called %q", o, o)
		}
		seen[o.String()] = true
	}
	if machine.Outcome(200).String() != machine.Outcome(0).String() {
		t.Error("an outcome beyond the last has a name")
	}
}

// TestBound: the newest era with its newest round, and the newest height, of whatever
// slots they are.
func TestBound(t *testing.T) {
	s := machine.New()
	if got := s.Bound(); got != (failover.Place{}) {
		t.Errorf("before Genesis: %+v", got)
	}
	s.Apply(machine.Genesis{First: watermark.Mark{Era: 10, Height: 100}, Active: "a"})
	if got := s.Remembers(); got != (failover.Place{}) || s.Bound() == got {
		t.Errorf("while nothing is bound it remembers %+v", got)
	}
	for _, m := range []casper.Message{casper.Vote{Round: casper.Round{Era: 11, ID: 3}},
		casper.Echo{Round: casper.Round{Era: 11, ID: 2}},
		casper.Vote{Round: casper.Round{Era: 10, ID: 9}}, casper.Finality{Height: 104}, casper.Finality{Height: 102}} {
		if r := s.Apply(machine.Claim{Claim: watermark.Claim{Node: "a", Message: m}}); r.Outcome != machine.Done {
			t.Fatalf("%v: %v", m.Kind(), r.Outcome)
		}
	}
	if got := s.Bound(); got != (failover.Place{Era: 11, Round: 3, Height: 104}) || s.Remembers() != got {
		t.Errorf("got %+v, remembers %+v", got, s.Remembers())
	}
}
