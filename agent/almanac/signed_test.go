package almanac

import (
	"slices"
	"testing"

	"github.com/rs/zerolog"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/units/unitstest"
)

var (
	us  = unitstest.New(1, 1)
	era = unitstest.Instance("era")
)

// ours is an almanac of our validator's.
func ours() *Almanac { return New(Config{Validator: us.Public(), Logger: zerolog.Nop()}) }

// ping has one agent hear another one, as with a ping and its answer.
func ping(from, to *Almanac) {
	to.Heard("from", from.Facts("to"))
	from.Heard("to", to.Facts("from"))
}

// TestSigned: what a node was granted another one's agent has after a few pings, whichever of the
// two is started anew, and says so once.
func TestSigned(t *testing.T) {
	a, b := ours(), ours()
	const rounds = toldAtOnce + 50
	for round := range uint32(rounds) {
		a.Granted(us.Vote(era, round, true))
	}
	a.Granted(us.Vote(era, 0, true))
	a.Granted(unitstest.New(2, 1).Vote(era, rounds, true)) // not ours
	a.Granted(us.Vote(unitstest.Instance("another"), 0, true))
	count := func(of *Almanac, want int) {
		t.Helper()
		if n := len(of.Signed(era)); n != want {
			t.Errorf("has %d, want %d", n, want)
		}
	}
	ping(a, b)
	count(b, toldAtOnce)
	ping(a, b)
	count(b, rounds)
	if f := a.Facts("to"); len(f.GetBallots()) != 0 {
		t.Errorf("%d are told again", len(f.GetBallots()))
	}
	if f := b.Facts("from"); len(f.GetBallots()) != 0 {
		t.Errorf("%d of another node are told as its own", len(f.GetBallots()))
	}
	b = ours() // started anew: it has nothing, and says so
	for range 3 {
		ping(a, b)
	}
	count(b, rounds)
	a = ours() // its list begins anew
	a.Granted(us.Vote(era, rounds, true))
	for range 2 {
		ping(a, b)
	}
	count(b, rounds+1)
}

// TestSignedByUs: what another agent tells of others' messages, or made up, is not kept.
func TestSignedByUs(t *testing.T) {
	hostile, b := New(Config{Validator: unitstest.New(2, 1).Public()}), ours()
	hostile.Granted(unitstest.New(2, 1).Vote(era, 0, true))
	if len(hostile.Facts("to").GetBallots()) != 1 {
		t.Fatal("nothing is told")
	}
	ping(hostile, b)
	if all := b.Signed(era); len(all) != 0 {
		t.Errorf("kept %v", all)
	}
}

// TestSignedIsBounded: the oldest go.
func TestSignedIsBounded(t *testing.T) {
	s := newSigned(1)
	var list []casper.Ballot
	for round := range uint32(3 * mostSigned) {
		s.begins += s.add(&list, "", casper.Ballot{Kind: casper.KindVote, Round: round})
	}
	if len(list) > mostSigned || len(s.known) != len(list) || s.begins+uint64(len(list)) != 3*mostSigned ||
		list[len(list)-1].Round != 3*mostSigned-1 {
		t.Errorf("%d are kept, %d known, from %d on", len(list), len(s.known), s.begins)
	}
}

// TestSignedTwice: a value that another agent tells first hides neither what a third one tells nor
// what the own node was granted; and of each there is one a slot.
func TestSignedTwice(t *testing.T) {
	yes, no, echo := us.Vote(era, 0, true), us.Vote(era, 0, false), us.Echo(era, 1, "a")
	agentOf := func(all ...casper.Ballot) *Almanac {
		a := ours()
		for _, b := range all {
			a.Granted(b)
		}
		return a
	}
	b := ours()
	b.Heard("hostile", agentOf(no, us.Echo(era, 1, "b")).Facts("to"))
	b.Heard("honest", agentOf(yes, echo).Facts("to"))
	b.Heard("hostile", agentOf(us.Echo(era, 1, "c")).Facts("to"))
	b.Granted(yes)
	want := []casper.Ballot{no, us.Echo(era, 1, "b"), yes, echo}
	if got := b.Signed(era); !slices.Equal(got, want) {
		t.Errorf("has %v, want %v", got, want)
	}
	own := us.Echo(era, 1, "d")
	b.Granted(own)
	b.Granted(us.Echo(era, 1, "e"))
	if got := b.Signed(era); !slices.Equal(got, slices.Insert(want, 0, own)) {
		t.Errorf("has %v, want %v first", got, own)
	}
	s := &b.signed
	for range 4 {
		s.forget(s.others[0])
		s.others = s.others[1:]
	}
	if len(s.known) != 1 || len(s.known[slotOf(own)]) != 1 {
		t.Errorf("known are still %v", s.known)
	}
}
