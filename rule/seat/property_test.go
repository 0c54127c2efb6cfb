package seat_test

import (
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"casper-cosigner/rule/seat"
)

// TestWhatever plays networks in which anything changes at any time, cosigners are killed, others
// elected, and one of them, or none, tells the others whatever it likes. Then those that do not lie
// hand over at most once in Rest, only to one that may have it, never while roles are unsettled,
// and only if a signature is indeed much faster from there.
func TestWhatever(t *testing.T) {
	moves := 0
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{3, 3, 5}).Draw(t, "cosigners")
		w := newWorld(n, n/2+1)
		for _, m := range w.members {
			m.settings.Steady, m.settings.Rest = steady, rest
			m.seat = seat.New(m.settings)
		}
		for p := range maps.Clone(w.ways) {
			w.apart(p[0], p[1], 80*time.Millisecond)
		}
		liar := rapid.SampledFrom([]string{"", "c3"}).Draw(t, "liar")
		w.meddle = func(name string, word seat.Word) seat.Word {
			if name == liar {
				return lie(t, w, word)
			}
			return word
		}
		for range 40 {
			disturb(t, w, liar)
			for range rapid.IntRange(1, 30).Draw(t, "seconds") {
				before := len(w.moves)
				w.pass()
				for _, m := range w.moves[before:] {
					w.inspect(t, m, liar)
				}
			}
		}
		last := time.Duration(-1)
		for _, m := range w.moves {
			if last >= 0 && m.at-last < rest-2*interval {
				t.Fatalf("two in %v: %v", m.at-last, w.moves)
			}
			last = m.at
		}
		moves += len(w.moves)
	})
	t.Logf("%d hand-overs", moves)
	if moves < 20 {
		t.Errorf("%d hand-overs in all: that is too calm to mean anything", moves)
	}
}

const (
	steady = 10 * time.Second
	rest   = 100 * time.Second
)

// disturb lets one thing happen. Only c1 is ever down or started anew, so that somebody always
// remembers.
func disturb(t *rapid.T, w *world, liar string) {
	name := rapid.SampledFrom(w.names).Draw(t, "cosigner")
	m := w.members[name]
	switch rapid.IntRange(0, 19).Draw(t, "what") {
	case 0:
		if name != liar && !m.down {
			w.leader = name
		}
	case 1:
		w.start(w.members["c1"])
	case 2:
		w.members["c1"].down = w.leader != "c1"
	case 3:
		m.unfit = !m.unfit && rapid.Bool().Draw(t, "unfit")
	case 4:
		m.distrusted = !m.distrusted && rapid.Bool().Draw(t, "distrusted")
	case 5:
		w.settled = !w.settled
	case 6:
		w.active = rapid.SampledFrom([]string{"main", "standby"}).Draw(t, "active")
	default:
		other := rapid.SampledFrom(append([]string{"main", "main", "standby", "standby"}, w.names...)).Draw(t, "other")
		if other != name {
			w.apart(name, other, time.Duration(rapid.SampledFrom([]int{1, 1, 5, 30, 80, 200}).Draw(t, "ms"))*time.Millisecond)
		}
	}
	if !w.settled && rapid.IntRange(0, 2).Draw(t, "settles") > 0 {
		w.settled = true
	}
}

// lie is whatever a cosigner may say of itself.
func lie(t *rapid.T, w *world, word seat.Word) seat.Word {
	for name := range word.Reach {
		word.Reach[name] = time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 80, 1000}).Draw(t, "lie")) * time.Millisecond
	}
	word.Fit, word.Up = true, begin
	if rapid.IntRange(0, 500).Draw(t, "handed") == 0 {
		word.Handed = w.now()
	}
	return word
}

// inspect looks at a hand-over that was just done.
func (w *world) inspect(t *rapid.T, m move, liar string) {
	to := w.members[m.to]
	switch {
	case !w.settled || w.t-w.unsettled < steady:
		t.Fatalf("%+v, and the roles were not settled %v ago", m, w.t-w.unsettled)
	case to.down || to.distrusted:
		t.Fatalf("%+v, who is down or distrusted", m)
	case m.to != liar && (to.unfit || w.now().Sub(to.up) < steady):
		t.Fatalf("%+v, who is unfit or was just started", m)
	case m.from == liar:
		return
	}
	if here, there := w.takes(m.from), w.takes(m.to); here-there <= there/3 || here-there < 5*time.Millisecond {
		t.Fatalf("%+v, from where a signature takes %v, and %v from there", m, here, there)
	}
}
