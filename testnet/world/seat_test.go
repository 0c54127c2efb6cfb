package world

import (
	"strings"
	"testing"
	"time"

	"casper-cosigner/rule/seat"
)

// between is a plan in which sites are 50 ms apart, there and back.
func between(end time.Duration, faults ...Fault) *Plan {
	p := calm(faults...)
	p.Sites, p.End = *Evenly(50 * time.Millisecond), end
	return p
}

// TestSeat: the lead goes to the cosigner beside the active node, and stays there for ten minutes
// whatever becomes of roles.
func TestSeat(t *testing.T) {
	room := between(4 * time.Minute)
	room.Sites = Sites{}
	for _, c := range []struct {
		name  string
		plan  *Plan
		moves []string // to whom; the lead may have begun at the first of them
	}{
		{"nothing happens", between(4 * time.Minute), []string{"cosigner-1"}},
		{"within one room", room, nil},
		{"main dies before it is over, and again", between(5*time.Minute,
			Fault{Kind: KillHost, At: 50 * time.Second, For: 20 * time.Second},
			Fault{Kind: KillHost, At: 3 * time.Minute, For: 20 * time.Second}), []string{"cosigner-1"}},
		{"the standby is made active", between(13*time.Minute, Fault{Kind: Promote, Host: standbyHost, At: 3 * time.Minute}),
			[]string{"cosigner-1", "cosigner-2"}},
		{"roles are held for a while", between(6*time.Minute, Fault{Kind: Hold, At: 10 * time.Second, For: 3 * time.Minute}),
			[]string{"cosigner-1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			whole := false // seen once
			for seed := range uint64(4) {
				var went []string
				r := Run(seed, Options{Plan: c.plan, Log: func(line string) {
					if _, to, ok := strings.Cut(line, " hands the lead over to "); ok {
						to, _, _ = strings.Cut(to, ":")
						went = append(went, to)
						t.Log(line)
					}
				}})
				tell(t, seed, r)
				want := c.moves
				whole = whole || len(went) == len(want)
				if len(went) < len(want) {
					want = want[1:]
				}
				if strings.Join(went, " ") != strings.Join(want, " ") || r.Stats[Moves] != len(went) {
					t.Errorf("seed %d: the lead went to %q, want %q", seed, went, want)
				}
			}
			if !whole {
				t.Errorf("no seed begins with another leader than %s", c.moves[0])
			}
		})
	}
}

// brokenSeats are broken rules of where the lead is.
func brokenSeats() []brokenRule {
	return []brokenRule{
		{"the lead moves while roles are held", Rules{Sit: whatever(func(l *seat.Look) { l.Settled = true })},
			"hands the lead over while the roles are held",
			between(5*time.Minute, Fault{Kind: Hold, At: 10 * time.Second, For: 4 * time.Minute})},
		{"the lead does not rest", Rules{Restless: true}, "after the last time",
			between(6*time.Minute, Fault{Kind: Promote, Host: standbyHost, At: 3 * time.Minute})},
	}
}

func whatever(change func(*seat.Look)) func(*seat.Seat, seat.Look) seat.Decision {
	return func(s *seat.Seat, l seat.Look) seat.Decision {
		change(&l)
		return s.Judge(l)
	}
}
