package model

import "math/bits"

// bounds are a cluster, and how far it is looked at.
type bounds struct {
	nodes, threshold int
	terms, log       uint8
	alphabet         []uint8 // commands, each at most once in a log
	fenced           bool
	traitor          bool // the first is a traitor, else a thief
	unledgered       bool // nobody has a ledger
	bare             bool // leaders begin without a no-op
	restarts         bool
}

func (b bounds) majority() int { return b.nodes/2 + 1 }

// next calls visit with each state that one step leads to.
func (b bounds) next(r *rules, s *state, visit func(state)) {
	b.elections(s, visit)
	for id := range b.nodes {
		n := &s.nodes[id]
		switch {
		case n.leads && b.traitor && id == 0:
			b.deceptions(s, visit)
		case n.leads:
			b.proposals(s, id, visit)
			b.replications(s, id, visit)
			b.commit(s, id, visit)
		}
		b.shares(r, s, id, visit)
		if b.restarts && (n.leads || n.applied > 0 || n.sender > 0) {
			x := *s
			up := &x.nodes[id]
			up.leads, up.sender, up.at, up.applied = false, 0, 0, 0
			up.did, up.acked = [mostLog]uint8{}, [mostNodes]uint8{}
			visit(x)
		}
	}
}

// elections have each cosigner elected by each majority that may vote for it.
func (b bounds) elections(s *state, visit func(state)) {
	if s.terms == b.terms {
		return
	}
	for voters := range 1 << b.nodes {
		for id := range b.nodes {
			if voters&(1<<id) == 0 || bits.OnesCount(uint(voters)) != b.majority() || !b.vote(s, id, voters) {
				continue
			}
			x := *s
			x.terms++
			for v := range b.nodes {
				if voters&(1<<v) != 0 {
					x.nodes[v].enter(x.terms)
				}
			}
			n := &x.nodes[id]
			n.leads = true
			if n.size < b.log && x.terms > 1 && !b.bare && (!b.traitor || id > 0) {
				n.push(entry{term: x.terms})
				n.got(id)
			}
			visit(x)
		}
	}
}

func (n *node) enter(term uint8) {
	if term > n.term {
		n.term, n.leads, n.acked = term, false, [mostNodes]uint8{}
	}
}

// vote reports whether the voters may elect a candidate. A traitor votes for anybody, and shows
// whatever log it needs.
func (b bounds) vote(s *state, candidate, voters int) bool {
	if b.traitor && candidate == 0 {
		return true
	}
	for v := range b.nodes {
		if voters&(1<<v) == 0 || b.traitor && v == 0 {
			continue
		}
		if s.nodes[v].newer(&s.nodes[candidate]) {
			return false
		}
	}
	return true
}

// proposals have a leader append each command.
func (b bounds) proposals(s *state, id int, visit func(state)) {
	for _, command := range b.alphabet {
		if n := &s.nodes[id]; n.size < b.log && !n.has(command) {
			x := *s
			x.nodes[id].push(entry{n.term, command})
			x.nodes[id].got(id)
			visit(x)
		}
	}
}

// replications have each follower take each part of the leader's log, and answer; or be told what
// is committed.
func (b bounds) replications(s *state, leader int, visit func(state)) {
	l := &s.nodes[leader]
	for id := range b.nodes {
		n := &s.nodes[id]
		switch {
		case id == leader || n.term > l.term:
			continue
		case b.traitor && id == 0: // it says that it has everything
			if l.acked[id] < l.size {
				x := *s
				x.nodes[leader].acked[id] = l.size
				visit(x)
			}
			continue
		}
		for k := uint8(1); k <= l.size; k++ {
			x := *s
			x.nodes[id].take(l, leader, k)
			x.nodes[leader].acked[id] = max(l.acked[id], k)
			if x != *s {
				visit(x)
			}
		}
		if to := min(l.applied, l.acked[id]); n.term == l.term && n.applied < to {
			x := *s
			x.nodes[id].apply(to)
			visit(x)
		}
	}
}

// take is AppendEntries with the first k entries of the leader's log.
func (n *node) take(l *node, leader int, k uint8) {
	n.enter(l.term)
	same := uint8(0)
	for same < k && same < n.size && n.log[same] == l.log[same] {
		same++
	}
	if same == k {
		return
	}
	n.cut(same)
	for _, e := range l.log[same:k] {
		n.push(e)
	}
	n.got(leader)
}

// commit has a leader apply what it knows to be committed.
func (b bounds) commit(s *state, id int, visit func(state)) {
	l := &s.nodes[id]
	for i := l.size; i > l.applied && l.log[i-1].term == l.term; i-- {
		have := 1
		for _, acked := range l.acked[:b.nodes] {
			if acked >= i {
				have++
			}
		}
		if have >= b.majority() {
			x := *s
			x.nodes[id].apply(i)
			visit(x)
			return
		}
	}
}

// deceptions are what a traitor that leads may send: to each follower a log of its own, in the
// place of what it has or after it; and that it is committed.
func (b bounds) deceptions(s *state, visit func(state)) {
	l := &s.nodes[0]
	for id := 1; id < b.nodes; id++ {
		n := &s.nodes[id]
		if n.term > l.term {
			continue
		}
		for _, command := range b.alphabet {
			for _, from := range []uint8{0, n.size} {
				if from >= b.log {
					continue
				}
				x := *s
				f := &x.nodes[id]
				f.enter(l.term)
				f.cut(from)
				f.push(entry{l.term, command})
				f.got(0)
				visit(x)
			}
		}
		if n.term == l.term && n.applied < n.size {
			x := *s
			x.nodes[id].apply(n.size)
			visit(x)
		}
	}
}

// shares have a cosigner give each share that it may: by the rule, then by its ledger.
func (b bounds) shares(r *rules, s *state, id int, visit func(state)) {
	if id == 0 {
		return // it has given all
	}
	n := &s.nodes[id]
	values := r.gives(viewOf(id, n))
	for value := one; value <= other; value++ {
		if values&(1<<value) == 0 || n.gave&(1<<value) != 0 || n.ledger != 0 && n.ledger != value {
			continue
		}
		x := *s
		x.nodes[id].gave |= 1 << value
		if !b.unledgered {
			x.nodes[id].ledger = value
		}
		visit(x)
	}
}
