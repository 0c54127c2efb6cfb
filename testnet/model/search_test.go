package model

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"casper-cosigner/rule/machine"
)

// found is what a search came to.
type found struct {
	states int
	early  int     // how many times a share might be given for what is not applied
	double []state // the shortest run to two values, nil if there is none
	wedged []state // and to where the slot can never be finished
	forged []state // and to a share for a value that no log holds as a node asked for it
}

// search visits every state within the bounds, the nearest first, until it finds two values.
func (b bounds) search() (f found) {
	r := &rules{fenced: b.fenced, said: map[view]uint8{}, live: map[left]bool{}}
	states, before := []state{{}}, []int{-1}
	seen := map[state]struct{}{b.canonical(states[0]): {}}
	way := func(i int) (path []state) {
		for ; i >= 0; i = before[i] {
			path = append([]state{states[i]}, path...)
		}
		return path
	}
	for i := 0; i < len(states); i++ {
		s := states[i]
		if bits.OnesCount8(b.signed(&s)) > 1 {
			f.states, f.double = len(states), way(i)
			return f
		}
		if f.wedged == nil && !b.traitor && !b.live(r, &s) {
			f.wedged = way(i)
		}
		if f.forged == nil && b.gaveForged(&s) {
			f.forged = way(i)
		}
		b.next(r, &s, func(x state) {
			x = b.canonical(x)
			if _, known := seen[x]; !known {
				seen[x] = struct{}{}
				states, before = append(states, x), append(before, i)
			}
		})
	}
	f.states, f.early = len(states), r.early
	return f
}

// gaveForged reports whether somebody gave a share for a value that nobody can claim within the
// bounds: by an entry that says what no node signed.
func (b bounds) gaveForged(s *state) bool {
	for value := one; value <= other; value++ {
		for _, n := range s.nodes[:b.nodes] {
			if n.gave&(1<<value) != 0 && !slices.Contains(b.alphabet, value) {
				return true
			}
		}
	}
	return false
}

// canonical returns the least of all states that differ from s only in who is who, the first aside.
func (b bounds) canonical(s state) state {
	least := s
	for _, order := range orders[b.nodes] {
		if x := s.renamed(order); x.less(&least) {
			least = x
		}
	}
	return least
}

// orders are the other orders of the nodes, by how many there are: who takes whose place.
var orders = map[int][][]int{
	3: {{0, 2, 1}},
	4: {{0, 1, 3, 2}, {0, 2, 1, 3}, {0, 2, 3, 1}, {0, 3, 1, 2}, {0, 3, 2, 1}},
}

func (s *state) renamed(order []int) state {
	x := state{terms: s.terms}
	for to, from := range order {
		n := s.nodes[from]
		if n.sender > 0 {
			for i, was := range order {
				if was == int(n.sender)-1 {
					n.sender = uint8(i + 1)
					break
				}
			}
		}
		acked := n.acked
		for i, was := range order {
			n.acked[i] = acked[was]
		}
		x.nodes[to] = n
	}
	return x
}

func (s *state) less(o *state) bool {
	for i := range s.nodes {
		if c := s.nodes[i].compare(&o.nodes[i]); c != 0 {
			return c < 0
		}
	}
	return false
}

func (n *node) compare(o *node) int {
	if *n == *o {
		return 0
	}
	a, b := n.bytes(), o.bytes()
	for i := range a {
		if a[i] != b[i] {
			return int(a[i]) - int(b[i])
		}
	}
	return 0
}

func (n *node) bytes() (all [8 + 3*mostLog + mostNodes]uint8) {
	all = [len(all)]uint8{n.term, n.sender, n.size, n.applied, n.ledger, n.gave, n.at}
	if n.leads {
		all[7] = 1
	}
	for i, e := range n.log {
		all[8+3*i], all[9+3*i], all[10+3*i] = e.term, e.command, n.did[i]
	}
	copy(all[8+3*mostLog:], n.acked[:])
	return all
}

// signed returns the values that are signed, a bit each: the first cosigner's share is to be had.
func (b bounds) signed(s *state) (values uint8) {
	for value := one; value <= other; value++ {
		shares := 1
		for id := 1; id < b.nodes; id++ {
			shares += int(s.nodes[id].gave >> value & 1)
		}
		if shares >= b.threshold {
			values |= 1 << value
		}
	}
	return values
}

// left is what a state leaves to whoever goes on with it: the logs and the ledgers. Terms are only
// compared, and the next is higher than all.
type left struct {
	log    [mostNodes][mostLog]entry
	size   [mostNodes]uint8
	ledger [mostNodes]uint8
}

// live reports whether the slot can be finished from here, by any threshold of the cosigners.
func (b bounds) live(r *rules, s *state) bool {
	var l left
	for id, n := range s.nodes {
		l.log[id], l.size[id], l.ledger[id] = n.log, n.size, n.ledger
	}
	live, known := r.live[l]
	if !known {
		live = b.goesOn(r, s)
		r.live[l] = live
	}
	return live
}

func (b bounds) goesOn(r *rules, s *state) bool {
	for up := range 1 << b.nodes {
		if bits.OnesCount(uint(up)) >= b.threshold && !b.finishes(r, s, up) {
			return false
		}
	}
	return true
}

// finishes reports whether the cosigners that are up can finish the slot, whoever of them is
// elected and whichever value it is asked for.
func (b bounds) finishes(r *rules, s *state, up int) bool {
	for id := range b.nodes {
		if up&(1<<id) == 0 || !b.electable(s, id, up) {
			continue
		}
		n := s.nodes[id]
		v := viewOf(id, &n)
		v.term, v.sender, v.at = s.terms+1, uint8(id+1), s.terms+1
		v.add(noOp)
		if !b.finishesWith(r, s, v, up) {
			return false
		}
	}
	return true
}

// electable reports whether a majority of those that are up may vote for the candidate.
func (b bounds) electable(s *state, candidate, up int) bool {
	votes := 0
	for id := range b.nodes {
		if up&(1<<id) != 0 && !s.nodes[id].newer(&s.nodes[candidate]) {
			votes++
		}
	}
	return votes >= b.majority()
}

// add appends a command in the own term, and applies it with all before it.
func (v *view) add(command uint8) {
	v.log[v.size] = entry{v.term, command}
	v.size++
	for v.applied = 0; v.applied < v.size; v.applied++ {
		v.did[v.applied] = v.log[v.applied].command
	}
}

// finishesWith reports whether the cosigners that are up can sign what the slot holds in the
// leader's log, which they all have; or, if it is free, each value that may be claimed.
func (b bounds) finishesWith(r *rules, s *state, leader view, up int) bool {
	state := r.run(leader.did[:leader.applied])
	if c, bound := state.Table().Lookup(slot); bound {
		return b.signs(r, s, leader, up, c.Message == messages[one])
	}
	for value := one; value <= other; value++ {
		claim := commands[value].(machine.Claim)
		if state.Check(machine.Place{Version: machine.Oldest}, claim.Claim).Outcome != machine.Done {
			continue
		}
		next := leader
		next.add(value)
		if !b.signs(r, s, next, up, value == one) {
			return false
		}
	}
	return true
}

// signs reports whether enough of those that are up give their share.
func (b bounds) signs(r *rules, s *state, leader view, up int, first bool) bool {
	value, shares := other, 0
	if first {
		value = one
	}
	for id := range b.nodes {
		if up&(1<<id) == 0 {
			continue
		}
		v, ledger := leader, s.nodes[id].ledger
		v.id = uint8(id)
		if id == 0 || r.gives(v)&(1<<value) != 0 && (ledger == 0 || ledger == value) {
			shares++
		}
	}
	return shares >= b.threshold
}

// String shows a state as a line: term, * for a leader, the log with what is applied before |, the
// ledger and the shares.
func (s state) String() string {
	var b strings.Builder
	for i, n := range s.nodes {
		fmt.Fprintf(&b, " [c%d T%d", i+1, n.term)
		if n.leads {
			b.WriteByte('*')
		}
		for j, e := range n.log[:n.size] {
			if j == int(n.applied) {
				b.WriteString(" |")
			}
			fmt.Fprintf(&b, " %d%c", e.term, "-12xsfpd"[e.command])
		}
		fmt.Fprintf(&b, " ledger %d gave %03b]", n.ledger, n.gave)
	}
	return b.String()
}
