package tlspoint_test

import (
	"slices"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/tlspoint"
)

// registered is a registration as All yields it.
type registered struct {
	node string
	tlspoint.Registration
}

func point(n byte) casper.TLSPoint { return casper.TLSPoint{2, n} }

func all(p *tlspoint.Registry) []registered {
	var list []registered
	for node, r := range p.All() {
		list = append(list, registered{node, r})
	}
	return list
}

type step struct {
	node  string
	point byte
	at    int64
	want  refusal.Reason
}

func at(node string, n byte, at int64) registered {
	return registered{node, tlspoint.Registration{Point: point(n), At: at}}
}

// story is a sequence of registrations and what is left of them.
type story struct {
	name  string
	steps []step
	left  []registered
}

func stories() []story {
	return []story{
		{"first at time 0", []step{{"a", 1, 0, refusal.None}}, []registered{{"a", tlspoint.Registration{Point: point(1)}}}},
		{"four in a minute", []step{
			{"a", 1, 1000, refusal.None},
			{"a", 2, 1000, refusal.None},
			{"a", 3, 2000, refusal.None},
			{"a", 4, 60999, refusal.None},
			{"a", 5, 60999, refusal.PointsTooOften},
			{"a", 5, 61000, refusal.None}, // drops 1
			{"a", 6, 61000, refusal.None},
			{"a", 7, 61000, refusal.PointsTooOften},
		}, []registered{at("a", 3, 2000), at("a", 4, 60999), at("a", 5, 61000), at("a", 6, 61000)}},
		{"the fifth drops the first", []step{
			{"a", 1, 1000, refusal.None},
			{"a", 2, 101000, refusal.None},
			{"a", 3, 201000, refusal.None},
			{"a", 4, 301000, refusal.None},
			{"b", 1, 301000, refusal.PointTaken},
			{"a", 5, 401000, refusal.None},
			{"b", 1, 401000, refusal.None}, // free again
			{"a", 1, 501000, refusal.PointTaken},
		}, []registered{at("a", 2, 101000), at("a", 3, 201000), at("a", 4, 301000), at("a", 5, 401000), at("b", 1, 401000)}},
		{"once more changes nothing", []step{
			{"a", 1, 1000, refusal.None},
			{"a", 2, 1000, refusal.None},
			{"a", 1, 500000, refusal.None},
			{"a", 3, 600000, refusal.None},
			{"a", 4, 600000, refusal.None},
			{"a", 1, 600000, refusal.None}, // too soon for another
			{"a", 5, 700000, refusal.None}, // drops 1, which is the oldest still
		}, []registered{at("a", 2, 1000), at("a", 3, 600000), at("a", 4, 600000), at("a", 5, 700000)}},
		{"another node's point", []step{
			{"a", 1, 1000, refusal.None},
			{"b", 1, 1000, refusal.PointTaken},
			{"b", 1, 1 << 62, refusal.PointTaken},
			{"b", 2, 1000, refusal.None}, // a refused one starts no minute
			{"a", 2, 500000, refusal.PointTaken},
		}, []registered{{"a", tlspoint.Registration{Point: point(1), At: 1000}}, {"b",
			tlspoint.Registration{Point: point(2), At: 1000}}}},
		{"another node's older point", []step{
			{"a", 1, 0, refusal.None},
			{"a", 2, 100000, refusal.None},
			{"b", 1, 200000, refusal.PointTaken},
		}, []registered{{"a", tlspoint.Registration{Point: point(1)}}, {"a",
			tlspoint.Registration{Point: point(2), At: 100000}}}},
		{"clock set back", []step{
			{"a", 1, 5000000, refusal.None},
			{"a", 2, 5000000, refusal.None},
			{"a", 3, 5000000, refusal.None},
			{"a", 4, 1400000, refusal.None}, // an hour back
			{"a", 5, 1400000, refusal.None}, // locks nobody out
			{"a", 6, 5000001, refusal.PointsTooOften},
		}, []registered{at("a", 2, 5000000), at("a", 3, 5000000), at("a", 4, 1400000), at("a", 5, 1400000)}},
	}
}

func TestRegister(t *testing.T) {
	for _, tt := range stories() {
		t.Run(tt.name, func(t *testing.T) {
			var p tlspoint.Registry
			for i, s := range tt.steps {
				if got := p.Register(s.node, point(s.point), s.at); got != s.want {
					t.Errorf("step %d, %+v: outcome %d", i, s, got)
				}
				if has := p.Has(s.node, point(s.point)); has != (s.want == refusal.None) {
					t.Errorf("step %d, %+v: has it: %v", i, s, has)
				}
			}
			if got := all(&p); !slices.Equal(got, tt.left) {
				t.Errorf("left %v, want %v", got, tt.left)
			}
			var again tlspoint.Registry
			for node, r := range p.All() {
				if err := again.Restore(node, r); err != nil {
					t.Error(err)
				}
			}
			if got := all(&again); !slices.Equal(got, tt.left) {
				t.Errorf("restored %v, want %v", got, tt.left)
			}
		})
	}
}

func TestEmpty(t *testing.T) {
	var p tlspoint.Registry
	c := p.Clone()
	if p.Has("a", point(1)) || c.Has("", casper.TLSPoint{}) || len(all(&p)) > 0 {
		t.Error("something is registered")
	}
	c.Register("a", point(1), 0)
	if p.Has("a", point(1)) {
		t.Error("a clone's registration shows in the original")
	}
}

func TestCloneStands(t *testing.T) {
	var p tlspoint.Registry
	p.Register("a", point(1), 0)
	for n := range byte(6) {
		was, c := all(&p), p.Clone()
		if r := p.Register("a", point(10+n), int64(n+1)*100000); r != refusal.None {
			t.Fatal(r)
		}
		p.Register(string('b'+n), point(20+n), 0)
		if !slices.Equal(all(&c), was) {
			t.Fatalf("the clone of %v became %v", was, all(&c))
		}
		then := all(&p)
		c.Register("a", point(30+n), 1<<40)
		if !slices.Equal(all(&p), then) {
			t.Fatalf("%v became %v by its clone", then, all(&p))
		}
	}
}

func TestAllStopsWhenTold(t *testing.T) {
	var p tlspoint.Registry
	p.Register("b", point(2), 0)
	p.Register("a", point(1), 0)
	for node := range p.All() {
		if node != "a" {
			t.Errorf("%s comes first", node)
		}
		break
	}
}
