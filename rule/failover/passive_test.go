package failover

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
)

// TestPassive: a passive node is refused at once, unless it voted last in that era; and the active
// one is served whoever did.
func TestPassive(t *testing.T) {
	at := func(voter string) Bound {
		return Bound{Place: Place{Era: 5, Round: 10, Height: 100}, HeightAt: start, Voter: voter}
	}
	for _, c := range []struct {
		name      string
		active    string
		node      string
		slot      casper.Slot
		voter     string
		suspended bool
		want      Verdict
	}{
		{"the first of an era", "main", "standby", zug(6, 0), "", false, Refuse},
		{"later in it", "main", "standby", zug(5, 11), "main", false, Refuse},
		{"it voted last in it: the role went elsewhere meanwhile", "main", "standby", zug(5, 11), "standby", false, Serve},
		{"the active one takes over within an era", "main", "main", zug(5, 11), "standby", false, Serve},
		{"the active one is suspended", "main", "standby", zug(6, 0), "", true, Serve},
		{"a block", "main", "standby", height(100), "main", false, Serve},
		{"a node that signs remotely", "standby", "main", zug(5, 11), "standby", false, Serve},
	} {
		p := &Preference{Round: round, Grace: grace, Passive: []string{"standby"}}
		p.Lead(start.Add(-time.Hour))
		s := State{Mode: Hot, Active: c.active}
		if c.suspended {
			s.Suspended = []string{c.active}
		}
		got := p.Decide(s, c.node, c.slot, at(c.voter), start)
		if got.Verdict != c.want || (got.Why == refusal.Passive) != (c.want == Refuse) {
			t.Errorf("%s: verdict %d, %v", c.name, got.Verdict, got.Why)
		}
	}
}

// TestHeightsBesideStock: an active node that signs blocks by itself asks for no height, so nobody
// waits for it there; and nobody gets further than the chain can be.
func TestHeightsBesideStock(t *testing.T) {
	for _, stock := range []bool{true, false} {
		p := &Preference{Round: round, Grace: grace}
		if stock {
			p.Stock = []string{"main"}
		}
		p.Lead(start.Add(-time.Hour))
		p.Asked("main", zug(5, 11), start)
		bound := Bound{Place: Place{Era: 5, Round: 11, Height: 100}, HeightAt: start.Add(-round)}
		s := State{Mode: Hot, Active: "main"}
		if got := p.Decide(s, "standby", height(101), bound, start); (got.Verdict == Serve) != stock {
			t.Errorf("stock %v: verdict %d", stock, got.Verdict)
		}
		if got := p.Decide(s, "standby", height(103), bound, start); (got.Verdict == Serve) != stock {
			t.Errorf("stock %v, three behind: verdict %d", stock, got.Verdict)
		}
		if got := p.Decide(s, "standby", height(500), bound, start); got.Verdict != Refuse {
			t.Errorf("stock %v, far ahead: verdict %d", stock, got.Verdict)
		}
	}
}

// TestOneVoter: two passive nodes ask as they like while the role moves; each claim that is served
// is bound. Within an era the voter changes only to the node that is active then, and while the
// role stays no two nodes' claims take turns.
func TestOneVoter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &Preference{Round: round, Grace: grace, Passive: []string{"main", "standby"}}
		s := State{Mode: Hot, Active: "main"}
		now, slot, voters, said := start, zug(5, 0), map[uint64]string{}, map[string]string{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 9000).Draw(t, "ms")) * time.Millisecond)
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				s.Activate(rapid.SampledFrom(p.Passive).Draw(t, "active"), Change{Epoch: s.Epoch})
			case 1:
				slot = zug(slot.Era+1, 0)
			case 2:
				p.Lead(now)
			default:
				slot.Round++
			}
			for _, node := range rapid.Permutation(p.Passive).Draw(t, "who asks") {
				voter := voters[slot.Era]
				p.Asked(node, slot, now)
				bound := Bound{Place: Place{Era: slot.Era, Round: slot.Round}, Voter: voter}
				if p.Decide(s, node, slot, bound, now).Verdict != Serve {
					continue
				}
				if node != voter && node != s.Active {
					t.Fatalf("%s votes after %s in era %d, and %s is active", node, voter, slot.Era, s.Active)
				}
				voters[slot.Era] = node
				turn := fmt.Sprintf("%d %d", s.Epoch, slot.Era)
				if was := said[turn]; was == s.Active && node != was {
					t.Fatalf("%s votes beside %s at epoch %d", node, was, s.Epoch)
				}
				said[turn] = node
			}
		}
	})
}
