package held_test

import (
	"math/rand/v2"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/held"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

const (
	self   = "c1"
	leader = "c2"
)

func vote(round uint32, value bool) casper.Message {
	return casper.Vote{Round: casper.Round{Era: 12, ID: round, Validator: 1}, Value: value}
}

func claim(node string, m casper.Message) machine.Command {
	return machine.Claim{Claim: watermark.Claim{Message: m, Node: node}}
}

// ask is what the leader of term 5 asks for: true for node a, false for node b.
func ask(m casper.Message) held.Claim {
	slot, _ := casper.SlotOf(m)
	c := held.Claim{Asker: leader, Term: 5, Slot: slot, Message: m, Node: "a"}
	if v, ok := m.(casper.Vote); ok && !v.Value {
		c.Node = "b"
	}
	return c
}

func founded() *machine.State {
	s := machine.New()
	s.Apply(machine.Genesis{First: watermark.Mark{Era: 10}, Active: "a"})
	return s
}

// following returns the log of a cosigner in term 5, all of whose 7 entries are applied.
func following(applied *machine.State) *held.Log {
	l := held.New(self)
	l.Begin(5, 7)
	l.Rerun(applied, nil)
	return l
}

func sent(index uint64, c machine.Command) held.Entry {
	return held.Entry{Index: index, Term: 5, From: leader, Version: machine.Oldest, Command: c}
}

var answers = map[held.Answer]string{
	held.Waits: "waits", held.Holds: "holds", held.Other: "other", held.Absent: "absent", held.Over: "over",
	held.Redated: "redated", held.Stranger: "stranger",
}

func TestJudge(t *testing.T) {
	v, w, x := vote(3, true), vote(3, false), vote(4, true)
	with := func(c held.Claim, edit func(*held.Claim)) held.Claim {
		edit(&c)
		return c
	}
	tests := []struct {
		name   string
		happen func(*held.Log)
		claim  held.Claim
		want   held.Answer
	}{
		{"nothing came", nil, ask(v), held.Waits},
		{"its claim came", func(l *held.Log) { l.Store(sent(8, claim("a", v))) }, ask(v), held.Holds},
		{"the claim of another value came", func(l *held.Log) { l.Store(sent(8, claim("b", w))) }, ask(v), held.Other},
		{"the same by another node came", func(l *held.Log) { l.Store(sent(8, claim("b", v))) }, ask(v), held.Redated},
		{"one of another value, then its own", func(l *held.Log) {
			l.Store(sent(8, claim("b", w)))
			l.Store(sent(9, claim("a", v)))
		}, ask(v), held.Other},
		{"another one asks", func(l *held.Log) { l.Store(sent(8, claim("a", v))) },
			with(ask(v), func(c *held.Claim) { c.Asker = "c3" }), held.Waits},
		{"in an earlier term", func(l *held.Log) { l.Store(sent(8, claim("a", v))) },
			with(ask(v), func(c *held.Claim) { c.Term = 4 }), held.Over},
		{"in a later term", func(l *held.Log) { l.Store(sent(8, claim("a", v))) },
			with(ask(v), func(c *held.Claim) { c.Term = 6 }), held.Waits},
		{"the term is over", func(l *held.Log) { l.Store(sent(8, claim("a", v))); l.Enter(6) }, ask(v), held.Over},
		{"the same one leads again", func(l *held.Log) { l.Store(sent(8, claim("a", v))); l.Enter(6) },
			with(ask(v), func(c *held.Claim) { c.Term = 6 }), held.Waits},
		{"and has sent something since", func(l *held.Log) {
			l.Store(sent(8, claim("a", v)))
			l.Enter(6)
			l.Store(held.Entry{Index: 9, Term: 6, From: leader})
		}, with(ask(v), func(c *held.Claim) { c.Term = 6 }), held.Holds},
		{"of an earlier term, sent now", func(l *held.Log) {
			l.Store(held.Entry{Index: 8, Term: 4, From: leader, Version: machine.Oldest, Command: claim("a", v)})
		}, ask(v), held.Waits},
		{"of a later term, sent now", func(l *held.Log) {
			l.Store(held.Entry{Index: 8, Term: 6, From: leader, Version: machine.Oldest, Command: claim("a", v)})
			l.Enter(6)
		}, with(ask(v), func(c *held.Claim) { c.Term = 6 }), held.Waits},
		{"its own entry", func(l *held.Log) {
			l.Store(held.Entry{Index: 8, Term: 5, From: self, Version: machine.Oldest, Command: claim("a", v)})
		}, with(ask(v), func(c *held.Claim) { c.Asker = self }), held.Waits},
		{"its own entry, another one asks", func(l *held.Log) {
			l.Store(held.Entry{Index: 8, Term: 5, From: self, Version: machine.Oldest, Command: claim("a", v)})
		}, ask(v), held.Waits},
		{"it is not known who sent it", func(l *held.Log) {
			l.Store(held.Entry{Index: 8, Term: 5, Version: machine.Oldest, Command: claim("a", v)})
		},
			with(ask(v), func(c *held.Claim) { c.Asker = "" }), held.Waits},
		{"it was cut off", func(l *held.Log) { l.Store(sent(8, claim("a", v))); l.Cut(8) }, ask(v), held.Waits},
		{"after a gap", func(l *held.Log) { l.Store(sent(9, claim("a", v))) }, ask(v), held.Waits},
		{"it is lost", func(l *held.Log) { l.Store(sent(8, claim("a", v))); l.Lose() }, ask(v), held.Waits},
		{"the log is shorter than said", func(l *held.Log) { l.Store(sent(8, claim("a", x))) },
			with(ask(v), func(c *held.Claim) { c.Index = 9 }), held.Waits},
		{"the log is as long as said", func(l *held.Log) { l.Store(sent(8, claim("a", x))) },
			with(ask(v), func(c *held.Claim) { c.Index = 8 }), held.Absent},
		{"the node is suspended before", func(l *held.Log) {
			l.Store(sent(8, machine.Suspend{Node: "a", Suspended: true}))
			l.Store(sent(9, claim("a", v)))
		}, with(ask(v), func(c *held.Claim) { c.Index = 9 }), held.Absent},
		{"the node has used up its instance before", func(l *held.Log) {
			l.Store(sent(8, claim("a", casper.Vote{Round: casper.Round{Era: 12, Validator: 2}})))
			l.Store(sent(9, claim("a", v)))
		}, with(ask(v), func(c *held.Claim) { c.Index = 9 }), held.Absent},
		{"an entry of a later version came before", func(l *held.Log) {
			e := sent(8, machine.Suspend{Node: "c", Suspended: true})
			e.Version = machine.Version
			l.Store(e)
			l.Store(sent(9, claim("a", v)))
		}, with(ask(v), func(c *held.Claim) { c.Index = 9 }), held.Absent},
		{"the era is pruned before", func(l *held.Log) {
			l.Store(sent(8, claim("b", casper.Vote{Round: casper.Round{Era: 40, Validator: 1}})))
			l.Store(sent(9, claim("a", v)))
		}, with(ask(v), func(c *held.Claim) { c.Index = 9 }), held.Absent},
		{"the fence is closed before", func(l *held.Log) {
			l.Store(sent(8, machine.SetMode{Mode: failover.Fenced}))
			l.Store(sent(9, claim("b", w)))
		}, with(ask(w), func(c *held.Claim) { c.Index = 9 }), held.Absent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			applied := founded()
			l := following(applied)
			if tt.happen != nil {
				tt.happen(l)
			}
			if got := l.Judge(applied, tt.claim); got != tt.want {
				t.Errorf("got %q, want %q", answers[got], answers[tt.want])
			}
		})
	}
}

// TestApplied: what is applied is held whoever asks, in whatever term, and whatever is stored.
func TestApplied(t *testing.T) {
	v, w := vote(3, true), vote(3, false)
	applied := founded()
	applied.Apply(claim("a", v))
	for _, l := range []*held.Log{held.New(self), following(applied)} {
		for _, asker := range []string{self, leader, "c3", ""} {
			for _, term := range []uint64{0, 4, 5, 6} {
				slot, _ := casper.SlotOf(v)
				c := held.Claim{Asker: asker, Term: term, Slot: slot, Message: v, Node: "a"}
				if got := l.Judge(applied, c); got != held.Holds {
					t.Errorf("%q asks in term %d: got %q", asker, term, answers[got])
				}
				c.Message = w
				if got := l.Judge(applied, c); got != held.Other {
					t.Errorf("%q asks for another value in term %d: got %q", asker, term, answers[got])
				}
			}
		}
	}
}

// TestRedated: a slot is held as one node asked for it at one date, be that applied or only stored:
// whoever leads can have an entry say another date than the node signed, but then the two differ.
func TestRedated(t *testing.T) {
	version := machine.Place{Index: 8, Version: machine.Version}
	dated := func(node string, at uint64) machine.Command {
		return machine.Claim{Claim: watermark.Claim{Message: vote(3, true), Node: node, AskedAt: at}}
	}
	applied := founded()
	applied.ApplyAt(version, dated("a", 7))
	stored := following(founded())
	e := sent(8, dated("a", 7))
	e.Version = machine.Version
	stored.Store(e)
	again := sent(9, dated("b", 8)) // it is held as it was claimed first
	again.Version = machine.Version
	stored.Store(again)
	for name, where := range map[string]struct {
		log   *held.Log
		state *machine.State
	}{"applied": {following(applied), applied}, "stored": {stored, founded()}} {
		for _, tt := range []struct {
			node string
			at   uint64
			want held.Answer
		}{{"a", 7, held.Holds}, {"a", 0, held.Redated}, {"a", 6, held.Redated}, {"a", 8, held.Redated},
			{"b", 7, held.Redated}, {"b", 8, held.Redated}, {"", 7, held.Redated}} {
			c := ask(vote(3, true))
			c.Node, c.AskedAt = tt.node, tt.at
			if got := where.log.Judge(where.state, c); got != tt.want {
				t.Errorf("%s, by %q at %d: got %q, want %q", name, tt.node, tt.at, answers[got], answers[tt.want])
			}
		}
		c := ask(vote(3, false))
		c.Node, c.AskedAt = "a", 7
		if got := where.log.Judge(where.state, c); got != held.Other {
			t.Errorf("%s, another value by the same: got %q", name, answers[got])
		}
	}
}

// TestNotFounded: a log without Genesis holds nothing.
func TestNotFounded(t *testing.T) {
	l := held.New(self)
	l.Begin(5, 0)
	l.Rerun(machine.New(), nil)
	l.Store(sent(1, claim("a", vote(3, true))))
	if got := l.Judge(machine.New(), ask(vote(3, true))); got != held.Waits {
		t.Errorf("got %q", answers[got])
	}
}

// TestRerunAndStoreAgree: whatever was stored, cut off, lost and run again, a log says what one
// says that is run once over all that is left.
func TestRerunAndStoreAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		applied, list := founded(), []held.Entry(nil)
		l := held.New(self)
		l.Begin(5, 0)
		l.Rerun(applied, nil)
		done := 0
		for range 40 {
			switch n := rng.IntN(10); {
			case n < 6:
				e := sent(uint64(len(list))+1, anyCommand(rng))
				list = append(list, e)
				l.Store(e)
			case n < 7 && len(list) > done:
				keep := done + rng.IntN(len(list)-done)
				list = list[:keep]
				l.Cut(uint64(keep) + 1)
			case n < 8 && len(list) > done:
				if c := list[done].Command; c != nil {
					applied.Apply(c)
				}
				done++
			case n < 9:
				l.Lose()
			}
			if !l.Known() && rng.IntN(2) == 0 {
				l.Rerun(applied, list[done:])
			}
		}
		if !l.Known() {
			l.Rerun(applied, list[done:])
		}
		list = append(list, sent(uint64(len(list))+1, nil))
		l.Store(list[len(list)-1])
		compare(t, l, list)
	}
}

// compare asks a log for every value of every slot, and the state that all entries make.
func compare(t *testing.T, l *held.Log, list []held.Entry) {
	t.Helper()
	whole := founded()
	for _, e := range list {
		if e.Command != nil {
			whole.ApplyAt(machine.Place{Index: e.Index, Version: e.Version}, e.Command)
		}
	}
	for round := range uint32(4) {
		for _, value := range []bool{true, false} {
			c := ask(vote(round, value))
			c.Index = uint64(len(list))
			want := held.Absent
			has, ok := whole.Table().Lookup(c.Slot)
			switch {
			case ok && has.Message == c.Message && has.Node == c.Node:
				want = held.Holds
			case ok && has.Message == c.Message:
				want = held.Redated
			case ok:
				want = held.Other
			}
			if got := l.Judge(machine.New(), c); got != want {
				t.Fatalf("round %d, %v: got %q, want %q, of %d entries", round, value, answers[got], answers[want], len(list))
			}
		}
	}
}

// anyCommand is one of few, so that they meet.
func anyCommand(rng *rand.Rand) machine.Command {
	node := []string{"a", "b"}[rng.IntN(2)]
	switch rng.IntN(12) {
	case 0:
		return nil
	case 1:
		return machine.Suspend{Node: node, Suspended: true, Change: failover.Change{Epoch: uint64(rng.IntN(3))}}
	case 2:
		return machine.Suspend{Node: node, Change: failover.Change{Epoch: uint64(rng.IntN(3))}}
	case 3:
		return machine.SetMode{Mode: failover.Fenced, Change: failover.Change{Epoch: uint64(rng.IntN(3))}}
	case 4:
		return claim(node, casper.Vote{Round: casper.Round{Era: 12, ID: 1, Validator: 2}})
	}
	return claim(node, vote(uint32(rng.IntN(4)), rng.IntN(2) == 0))
}
