package testimony

import (
	"fmt"
	"slices"
	"testing"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/witness"
)

// large is a cluster of n cosigners in which c1 comes last by its name.
func large(n int) witness.Members {
	m := members()
	m.Threshold, m.Keys = n/2+1, map[string]witness.Key{"c1": public(1)}
	for i := 2; i <= n; i++ {
		m.Keys[fmt.Sprintf("a%02d", i)] = public(byte(i))
	}
	return m
}

// showsAll returns as much as an agent may remember of a cluster of n, in the order of the names:
// of c1 it is nothing that the rig's state lacks.
func showsAll(n int, oldestFirst bool) (all []*cosignerv1.SignedStatement) {
	for i := 2; i <= n+1; i++ {
		var of []*cosignerv1.SignedStatement
		for p := range byte(witness.Each) {
			number := byte((i-1)%n + 1)
			of = append(of, says(number, 100-uint64(p), func(s *witness.Statement) {
				if s.Session = (witness.ID{number, 50 + p}); number != 1 {
					s.Name = fmt.Sprintf("a%02d", number)
				}
			}))
		}
		if oldestFirst {
			slices.Reverse(of)
		}
		all = append(all, of...)
	}
	return all
}

// TestLargeClusters: in a cluster of any size one ping of each agent suffices, in whatever order
// it shows what it remembers, and the last of it is heeded as the first.
func TestLargeClusters(t *testing.T) {
	lost := says(1, 90, func(s *witness.Statement) { s.Boot, s.Session = 6, witness.ID{1, 66} })
	for _, n := range []int{3, 9, 15} {
		for _, oldestFirst := range []bool{false, true} {
			what := fmt.Sprintf("%d cosigners, oldest first %v", n, oldestFirst)
			for _, at := range []int{0, n*witness.Each - 1} {
				all := showsAll(n, oldestFirst)
				all[at] = lost
				r := newRig(t, func(r *rig) { r.of = large(n) })
				r.HeardAgent("a", all)
				r.shut(what, "agent a", "signed by c1", "another process")
			}
			r := newRig(t, func(r *rig) { r.of = large(n) })
			r.HeardAgent("a", showsAll(n, oldestFirst))
			r.HeardAgent("b", showsAll(n, oldestFirst))
			r.opens(what)
		}
	}
}

// TestHeardToItsEnd: an agent that shows more of the members than is verified in a second is heard
// once all of it was. One that shows false statements for ever is waited for as one that is silent.
func TestHeardToItsEnd(t *testing.T) {
	var much, forged []*cosignerv1.SignedStatement
	for n := range byte(checks(members())) {
		much = append(much, says(1, 10+uint64(n), func(s *witness.Statement) { s.Session = witness.ID{1, 100 + n} }))
		forged = append(forged, says(2, 200+uint64(n), nil))
		forged[n].Signature[0] ^= 1
	}
	lost := says(1, 101, nil)
	r := newRig(t, nil)
	r.HeardAgent("b", nil)
	r.HeardAgent("a", append(much, lost))
	r.shut("heard in part", "not heard yet", "a (in part")
	if s := r.Status(); !slices.Equal(s.Unheard, []string{"a"}) {
		t.Errorf("%v unheard", s.Unheard)
	}
	r.pass(time.Second)
	r.HeardAgent("a", append(much, lost))
	r.shut("heard to its end", "agent a", "signed by c1", "ended at entry 100")

	r = newRig(t, nil)
	r.HeardAgent("b", nil)
	for range 30 {
		r.HeardAgent("a", append(forged, says(3, 100, nil)))
		r.shut("still heard in part", "a (in part")
		r.pass(time.Second)
	}
	r.opens("the wait is over")

	// What cannot be read may be what it has lost: a later release wrote that, or it is damaged.
	later, short := says(1, 101, nil), says(1, 101, nil)
	later.Text[0]++
	short.Key = short.Key[:5]
	for _, unread := range []*cosignerv1.SignedStatement{later, short, {}, nil} {
		all := []*cosignerv1.SignedStatement{unread, says(2, 100, nil), stranger(9, 1)}
		r = newRig(t, nil)
		r.HeardAgent("b", all[1:])
		r.HeardAgent("a", all)
		r.shut("one cannot be read", "a (in part: 1 of")
		r.pass(30 * time.Second)
		r.opens("the wait is over")

		r = newRig(t, func(r *rig) { r.held.Started = false })
		r.HeardAgent("b", nil)
		r.HeardAgent("a", all[:1])
		r.pass(30 * time.Second)
		r.shut("to be founded", "agent a shows 1 statements that this release cannot read", "--without a")
		r.HeardAgent("a", nil)
		if err := r.MayFound(); err != nil {
			t.Errorf("it shows nothing any more: %v", err)
		}
	}

	r = newRig(t, func(r *rig) { r.held.Started = false })
	r.HeardAgent("b", nil)
	r.HeardAgent("a", append(forged, says(3, 100, nil)))
	r.shut("to be founded", "agent a shows more than 64 new statements")
}

// TestUnsignedIsCheap: what nobody signed has the state looked up once a call, however much of it
// comes: that takes locks which signing waits for.
func TestUnsignedIsCheap(t *testing.T) {
	var own, foreign []*cosignerv1.SignedStatement
	for n := range byte(100) {
		own = append(own, says(1, 10+uint64(n), func(s *witness.Statement) { s.Boot, s.Session = 6, witness.ID{1, 6} }))
		foreign = append(foreign, stranger(n, 60))
		own[n].Signature[0] ^= 1
		foreign[n].Signature[0] ^= 1
	}
	r := newRig(t, nil)
	r.HeardAgent("a", nil)
	r.HeardAgent("b", nil)
	r.opens("at first")
	if r.Own() == nil { // from here on its session is known
		t.Fatal("states nothing")
	}
	for what, hear := range map[string]func(){
		"an agent shows own ones":        func() { r.HeardAgent("a", own) },
		"a cosigner shows own ones":      func() { r.HeardCosigner("c2", own) },
		"an agent shows another cluster": func() { r.HeardAgent("b", foreign) },
	} {
		r.looks = 0
		if hear(); r.looks != 1 {
			t.Errorf("%s: the state was looked up %d times", what, r.looks)
		}
	}
}
