package turn_test

import (
	"testing"

	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/turn"
)

// TestFollower: a request is passed on once, by a process that was not paused, to a leader that is
// known.
func TestFollower(t *testing.T) {
	for f, want := range map[turn.Follower]refusal.Reason{
		{Forwarded: false, Steady: true, Leader: true}:   refusal.None,
		{Forwarded: false, Steady: true, Leader: false}:  refusal.NoLeader,
		{Forwarded: false, Steady: false, Leader: true}:  refusal.Paused,
		{Forwarded: false, Steady: false, Leader: false}: refusal.Paused,
		{Forwarded: true, Steady: true, Leader: true}:    refusal.NotLeading,
		{Forwarded: true, Steady: true, Leader: false}:   refusal.NotLeading,
		{Forwarded: true, Steady: false, Leader: true}:   refusal.NotLeading,
		{Forwarded: true, Steady: false, Leader: false}:  refusal.NotLeading,
	} {
		if got := f.Against(); got != want || got.Definite() {
			t.Errorf("%+v: got %v, want %v", f, got, want)
		}
	}
}

// TestMoment: a claim needs a quorum, an asker that waits and a process that was not paused; none
// of them is a definite no.
func TestMoment(t *testing.T) {
	for m, want := range map[turn.Moment]refusal.Reason{
		{Quorum: true, Asker: true, Steady: true}:    refusal.None,
		{Quorum: true, Asker: true, Steady: false}:   refusal.Paused,
		{Quorum: true, Asker: false, Steady: true}:   refusal.AskerGone,
		{Quorum: true, Asker: false, Steady: false}:  refusal.AskerGone,
		{Quorum: false, Asker: true, Steady: true}:   refusal.NoQuorum,
		{Quorum: false, Asker: true, Steady: false}:  refusal.NoQuorum,
		{Quorum: false, Asker: false, Steady: true}:  refusal.NoQuorum,
		{Quorum: false, Asker: false, Steady: false}: refusal.NoQuorum,
	} {
		if got := m.Against(); got != want || got.Definite() {
			t.Errorf("%+v: got %v, want %v", m, got, want)
		}
	}
}
