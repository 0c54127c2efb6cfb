package model

import (
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/held"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

const (
	mostNodes = 4
	mostLog   = 4
	mostSeen  = mostLog + 2 // a log that the next leader adds to
)

// The commands. A no-op is what a leader begins with. The two values are claims of the slot by the
// two nodes; the others come before them in the log, or after, and change what they do.
const (
	noOp   uint8 = iota
	one          // node a claims the slot
	other        // node b claims it with another value
	spent        // node a uses up its one instance of the era, so that its claim is refused
	shut         // node a is suspended
	fence        // only node b may claim
	prune        // the era is pruned away
	forged       // node a claims the slot with the value of one, at a date that it did not sign
)

// nodes are who asked for which value. Neither says when.
var nodes = map[uint8]string{one: "a", other: "b"}

var (
	round    = casper.Round{Era: 20, ID: 3, Validator: 1}
	messages = map[uint8]casper.Message{one: casper.Vote{Round: round, Value: true}, other: casper.Vote{Round: round}}
	slot, _  = casper.SlotOf(messages[one])
	commands = map[uint8]machine.Command{
		one:    claim(nodes[one], messages[one]),
		other:  claim(nodes[other], messages[other]),
		spent:  claim("a", casper.Vote{Round: casper.Round{Era: 20, ID: 1, Validator: 2}}),
		shut:   machine.Suspend{Node: "a", Suspended: true},
		fence:  machine.Activate{Node: "b", Change: failover.Change{Epoch: 1}},
		prune:  claim("b", casper.Vote{Round: casper.Round{Era: 40, ID: 1, Validator: 1}}),
		forged: machine.Claim{Claim: watermark.Claim{Message: messages[one], Node: "a", AskedAt: 7}},
	}
)

func claim(node string, m casper.Message) machine.Command {
	return machine.Claim{Claim: watermark.Claim{Message: m, Node: node}}
}

// founded is the state before the first entry that is looked at. With a fence only the active node
// may claim a round.
func founded(fenced bool) *machine.State {
	s := machine.New()
	s.Apply(machine.Genesis{First: watermark.Mark{Era: 10}, Active: "a"})
	if fenced {
		s.Apply(machine.SetMode{Mode: failover.Fenced})
	}
	return s
}

// entry is one entry of a log.
type entry struct{ term, command uint8 }

// node is a cosigner.
type node struct {
	term    uint8
	leads   bool
	sender  uint8 // of the newest entry, counted from 1; 0: not known
	at      uint8 // own term when it came
	size    uint8
	log     [mostLog]entry
	applied uint8
	did     [mostLog]uint8   // what was applied: a traitor can replace it in the log
	acked   [mostNodes]uint8 // of a leader: how far it knows the others' logs to be its own
	ledger  uint8            // value that it holds for the slot
	gave    uint8            // values that it gave a share for, a bit each
}

func (n *node) lastTerm() uint8 {
	if n.size == 0 {
		return 0
	}
	return n.log[n.size-1].term
}

// has reports whether a command is in the log.
func (n *node) has(command uint8) bool {
	for _, e := range n.log[:n.size] {
		if e.command == command {
			return true
		}
	}
	return false
}

// got notes who sent the newest entry.
func (n *node) got(leader int) { n.sender, n.at = uint8(leader+1), n.term }

func (n *node) push(e entry) {
	n.log[n.size] = e
	n.size++
}

// cut drops the entries from the one at place i on.
func (n *node) cut(i uint8) {
	clear(n.log[i:])
	n.size = i
}

// apply applies the log as far as to.
func (n *node) apply(to uint8) {
	for ; n.applied < to; n.applied++ {
		n.did[n.applied] = n.log[n.applied].command
	}
}

// newer reports whether n's log is newer than o's, as Raft compares them.
func (n *node) newer(o *node) bool {
	return n.lastTerm() > o.lastTerm() || n.lastTerm() == o.lastTerm() && n.size > o.size
}

// state is that of a cluster.
type state struct {
	nodes [mostNodes]node
	terms uint8 // so far
}

var names = [mostNodes]string{"c1", "c2", "c3", "c4"}

// rules plays the product's rules, and keeps what they said.
type rules struct {
	fenced bool
	said   map[view]uint8
	live   map[left]bool
	early  int // how many times a share may be given for what is not applied
}

// view is all of a node that the rule looks at.
type view struct {
	id, term, sender, at, size, applied uint8
	log                                 [mostSeen]entry
	did                                 [mostSeen]uint8
}

func viewOf(id int, n *node) view {
	v := view{id: uint8(id), term: n.term, sender: n.sender, at: n.at, size: n.size, applied: n.applied}
	copy(v.log[:], n.log[:])
	copy(v.did[:], n.did[:])
	return v
}

// gives returns the values, a bit each, that the rule lets a node give shares for, to anybody and
// whatever they say.
func (r *rules) gives(v view) uint8 {
	values, known := r.said[v]
	if !known {
		values = r.judge(v)
		r.said[v] = values
	}
	return values
}

func (r *rules) judge(v view) (values uint8) {
	applied, log := r.own(v)
	for _, asker := range names {
		for term := range uint64(v.term) + 2 {
			for value, m := range messages {
				c := held.Claim{Asker: asker, Term: term, Slot: slot, Message: m, Node: nodes[value]}
				if log.Judge(applied, c) != held.Holds {
					continue
				}
				values |= 1 << value
				if _, ok := applied.Table().Lookup(slot); !ok {
					r.early++
				}
			}
		}
	}
	return values
}

// own returns what is applied at a node, and its own log.
func (r *rules) own(v view) (*machine.State, *held.Log) {
	applied := r.run(v.did[:v.applied])
	log := held.New(names[v.id])
	last := uint64(v.size)
	if last == 0 {
		log.Begin(uint64(v.term), 0)
		log.Rerun(applied, nil)
		return applied, log
	}
	var tail []held.Entry
	for i := v.applied; i < v.size; i++ {
		e := v.log[i]
		tail = append(tail, held.Entry{Index: uint64(i) + 1, Term: uint64(e.term),
			Version: machine.Oldest, Command: commands[e.command]})
	}
	newest := held.Entry{Index: last, Term: uint64(v.log[last-1].term), Version: machine.Oldest}
	if len(tail) > 0 {
		newest, tail = tail[len(tail)-1], tail[:len(tail)-1]
	}
	if v.sender > 0 {
		newest.From = names[v.sender-1]
	}
	log.Begin(uint64(v.at), last-1)
	log.Rerun(applied, tail)
	log.Store(newest)
	log.Enter(uint64(v.term))
	return applied, log
}

// run returns what entries amount to.
func (r *rules) run(list []uint8) *machine.State {
	s := founded(r.fenced)
	for _, c := range list {
		if command := commands[c]; command != nil {
			s.Apply(command)
		}
	}
	return s
}
