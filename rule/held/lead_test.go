package held_test

import (
	"testing"

	"casper-cosigner/rule/held"
)

// TestHeeds: a nonce is used for who leads by the own Raft, in the own term, and for the own
// signatures. Whoever says that a later term has begun waits until that is known here, too.
func TestHeeds(t *testing.T) {
	led, electing := held.Lead{Name: leader, Term: 5}, held.Lead{Term: 5}
	for _, tt := range []struct {
		name  string
		lead  held.Lead
		asker string
		term  uint64
		want  held.Answer
	}{
		{"the leader", led, leader, 5, held.Holds},
		{"a follower", led, "c3", 5, held.Stranger},
		{"nobody", led, "", 5, held.Stranger},
		{"a follower, nobody leads", electing, "c3", 5, held.Waits},
		{"nobody, nobody leads", electing, "", 5, held.Waits},
		{"the leader of before", led, leader, 4, held.Over},
		{"a follower, of before", led, "c3", 4, held.Over},
		{"the leader, ahead", led, leader, 6, held.Waits},
		{"a follower, ahead", led, "c3", 1 << 60, held.Waits},
		{"itself, leading", held.Lead{Name: self, Term: 5}, self, 5, held.Holds},
		{"itself, following", led, self, 5, held.Holds},
		{"itself, of before", led, self, 4, held.Over},
	} {
		if got := tt.lead.Heeds(self, tt.asker, tt.term); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, answers[got], answers[tt.want])
		}
	}
}
