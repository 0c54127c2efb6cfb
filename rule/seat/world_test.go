package seat_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"casper-cosigner/rule/seat"
)

var begin = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

const interval = time.Second

// pair is two that are some way apart, or one and what it says of another.
type pair [2]string

// world is cosigners that tell each other all each second, and nodes with their agents. It knows
// nothing of Raft: who leads is told.
type world struct {
	t         time.Duration
	members   map[string]*member
	names     []string
	ways      map[pair]time.Duration
	lies      map[pair]time.Duration // what one says of the way to another, in place of the truth; below 0: nothing
	leader    string
	active    string
	settled   bool
	unsettled time.Duration // when they last were not
	moves     []move
	// meddle changes what a cosigner tells; may be nil.
	meddle func(name string, w seat.Word) seat.Word
}

type member struct {
	name                    string
	settings                seat.Settings
	seat                    *seat.Seat
	up                      time.Time
	down, unfit, distrusted bool
	behind                  uint64
	last                    seat.Decision
}

// move is a hand-over.
type move struct {
	at       time.Duration
	from, to string
}

func newWorld(n, threshold int) *world {
	w := &world{members: map[string]*member{}, ways: map[pair]time.Duration{}, lies: map[pair]time.Duration{},
		leader: "c1", active: "main", settled: true}
	for i := range n {
		w.names = append(w.names, fmt.Sprintf("c%d", i+1))
	}
	for _, name := range w.names {
		w.members[name] = &member{name: name, settings: seat.Settings{Self: name, Members: w.names, Majority: n/2 + 1,
			Threshold: threshold, PingInterval: interval, Steady: seat.Steady, Rest: seat.Rest}}
		w.start(w.members[name])
		w.members[name].up = begin.Add(-time.Hour)
	}
	all := append(slices.Clone(w.names), "main", "standby")
	for i, a := range all {
		for _, b := range all[i+1:] {
			w.apart(a, b, time.Millisecond)
		}
	}
	return w
}

func (w *world) now() time.Time { return begin.Add(w.t) }

func (w *world) apart(a, b string, d time.Duration) { w.ways[pair{a, b}], w.ways[pair{b, a}] = d, d }

func (w *world) start(m *member) { m.seat, m.up, m.down = seat.New(m.settings), w.now(), false }

// way is what one says of the way to another.
func (w *world) way(from, to string) time.Duration {
	if d, lies := w.lies[pair{from, to}]; lies {
		return d
	}
	return w.ways[pair{from, to}]
}

// reach is what one says of the ways to all cosigners that answer.
func (w *world) reach(from string) map[string]time.Duration {
	all := map[string]time.Duration{}
	for _, m := range w.members {
		if d := w.way(from, m.name); m.name != from && !m.down && d >= 0 {
			all[m.name] = d
		}
	}
	return all
}

// pass lets a second pass: each cosigner looks, in the order of their names.
func (w *world) pass() {
	w.t += interval
	if !w.settled {
		w.unsettled = w.t
	}
	for _, name := range w.names {
		m := w.members[name]
		if m.down {
			continue
		}
		l := w.look(m)
		m.last = m.seat.Judge(l)
		if to := m.last.To; to != "" {
			w.moves = append(w.moves, move{w.t, name, to})
			if w.leader == name && !w.members[to].down {
				w.leader = to
			}
		}
	}
}

func (w *world) look(m *member) seat.Look {
	l := seat.Look{Now: w.now(), Leads: w.leader == m.name, Settled: w.settled, Active: w.active,
		Agent: w.reach(w.active), Reach: w.reach(m.name), Words: map[string]seat.Word{}, Others: map[string]seat.Standing{}}
	for _, o := range w.members {
		if o.down || o == m {
			continue
		}
		word := o.seat.Word(w.reach(o.name), !o.unfit, w.now())
		word.Up = o.up
		if w.meddle != nil {
			word = w.meddle(o.name, word)
		}
		l.Words[o.name] = word
		l.Others[o.name] = seat.Standing{Good: !o.distrusted, Behind: o.behind}
	}
	return l
}

// why is what the leader said last.
func (w *world) why() string {
	if m := w.members[w.leader]; m != nil {
		return m.last.Why
	}
	return ""
}

// takes is how long a signature truly takes while the cosigner leads.
func (w *world) takes(leader string) time.Duration {
	ways := []time.Duration{0}
	for _, name := range slices.Sorted(maps.Keys(w.members)) {
		if name != leader && !w.members[name].down {
			ways = append(ways, w.ways[pair{leader, name}])
		}
	}
	slices.Sort(ways)
	c := w.members[leader].settings
	return w.ways[pair{w.active, leader}] + ways[c.Majority-1] + ways[c.Threshold-1]
}
