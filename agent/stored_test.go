package agent_test

import (
	"slices"
	"testing"

	"casper-cosigner/agent"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
)

// TestStored: what a gate stored is passed on as it came, as much of it as one call may tell.
func TestStored(t *testing.T) {
	var kept, want []casper.Ballot
	s := &agent.GateServer{Signed: func(b casper.Ballot) { kept = append(kept, b) }}
	r := &cosignerv1.StoredRequest{}
	for round := range uint32(300) {
		b := casper.Ballot{Kind: casper.KindVote, Round: round, Signature: casper.Signature{1}}
		r.Ballots = append(r.Ballots, wire.ToldBallot(b))
		want = append(want, b)
	}
	r.Ballots[0].Signature = nil
	if _, err := s.Stored(t.Context(), r); err != nil || !slices.Equal(kept, want[1:256]) {
		t.Errorf("%d are passed on: %v", len(kept), err)
	}
}
