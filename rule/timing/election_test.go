package timing

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// election is what hashicorp/raft does when one of three has died: the timers, the vote before the
// vote, which is refused by whoever believes in a leader still, and the vote. Times are in ms.
type election struct {
	rng           *rand.Rand
	timeout, trip float64
	now           float64
	due           events
	members       [2]voter
	over          bool
}

type voter struct {
	term, voted   int
	leads, stands bool // knows a leader; is a candidate
	run           int  // of its timer
}

type event struct {
	at float64
	do func()
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at < e[j].at }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

func (e *election) after(d float64, do func()) { heap.Push(&e.due, event{e.now + d, do}) }

func (e *election) random() float64 { return e.timeout * (1 + e.rng.Float64()) }

// run returns how long after the leader's death there is another.
func (e *election) run() float64 {
	for i := range e.members {
		e.members[i] = voter{term: 1, leads: true}
		last := e.trip/2 - e.rng.Float64()*(0.15*e.timeout+e.trip) // what was under way still arrives
		fires := -20*e.timeout - 2*e.timeout*e.rng.Float64()
		for fires < last+e.timeout {
			fires += e.random()
		}
		e.after(fires, func() { e.stand(i) })
	}
	for !e.over {
		next := heap.Pop(&e.due).(event)
		e.now = next.at
		next.do()
	}
	return e.now
}

// rearm starts a member's timer anew.
func (e *election) rearm(i int) {
	m := &e.members[i]
	m.run++
	run := m.run
	e.after(e.random(), func() {
		if m.run == run {
			e.stand(i)
		}
	})
}

func (e *election) stand(i int) {
	m, other := &e.members[i], &e.members[1-i]
	m.leads, m.stands = false, true
	e.rearm(i)
	run, term := m.run, m.term+1
	e.after(e.trip/2, func() {
		granted := !other.leads && term >= other.term
		e.after(e.trip/2, func() {
			if granted && m.stands && m.run == run {
				e.rearm(i)
				e.elect(i)
			}
		})
	})
}

func (e *election) elect(i int) {
	m, other := &e.members[i], &e.members[1-i]
	m.term++
	m.voted = m.term
	run, term := m.run, m.term
	e.after(e.trip/2, func() {
		granted := !other.leads && term >= other.term && other.voted < term
		if granted {
			other.voted = term
		}
		if !other.leads && term > other.term {
			other.term, other.stands = term, false
			e.rearm(1 - i)
		}
		e.after(e.trip/2, func() { e.over = e.over || granted && m.stands && m.run == run })
	})
}

// median is of many elections.
func median(rng *rand.Rand, timeout, trip time.Duration) (middle, late float64) {
	all := make([]float64, 4000)
	for i := range all {
		e := &election{rng: rng, timeout: float64(timeout / ms), trip: float64(trip / ms)}
		all[i] = e.run()
	}
	slices.Sort(all)
	return all[len(all)/2], all[len(all)*95/100]
}

// TestHeartbeatAgainstElections: the next leader comes the sooner the shorter the timeout is, at
// every distance up to 100 ms and in all but the worst cases, collisions and all. So nothing is
// gained by a longer one but that a stall does not make an election.
func TestHeartbeatAgainstElections(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, trip := range []time.Duration{ms, 20 * ms, 40 * ms, 80 * ms, 100 * ms} {
		before, beforeLate := 0.0, 0.0
		for timeout := Least; timeout <= Most; timeout += 2 * step {
			middle, late := median(rng, timeout, trip)
			t.Logf("%v apart, timeout %v: p50 %.0f ms, p95 %.0f ms", trip, timeout, middle, late)
			if middle < before || late < beforeLate {
				t.Errorf("%v apart: with a timeout of %v p50 is %.0f ms and p95 %.0f, with a shorter one %.0f and %.0f",
					trip, timeout, middle, late, before, beforeLate)
			}
			before, beforeLate = middle, late
		}
	}
}
