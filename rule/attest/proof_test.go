package attest_test

import (
	"errors"
	"testing"

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
)

// TestOfBallot: the short form of a message and the era make the same as the message.
func TestOfBallot(t *testing.T) {
	for _, m := range []casper.Message{casper.Echo{Round: round, Proposal: casper.Hash{7}},
		casper.Vote{Round: round, Value: true}, casper.Vote{Round: round}} {
		b, _ := casper.BallotOf(m)
		b.Signature = casper.Signature{1}
		if h, ok := attest.OfBallot(b, round.Era); !ok || h != holding(t, m) {
			t.Errorf("%v: %v, %v", m.Kind(), h, ok)
		}
		b.Kind = casper.KindFinality
		if _, ok := attest.OfBallot(b, round.Era); ok {
			t.Error("a height is attested")
		}
	}
}

// TestSettle: a proof is of what the slot of the claimed message holds by a threshold's word, and
// of nothing else; there is none otherwise.
func TestSettle(t *testing.T) {
	c := newCommittee(2, 3)
	yes, no := casper.Vote{Round: round, Value: true}, casper.Vote{Round: round}
	later := round
	later.ID++
	next := casper.Vote{Round: later, Value: true}
	for name, tt := range map[string]struct {
		held casper.Message
		all  []attest.Attestation
		want bool
	}{
		"it is held":               {yes, c.by(holding(t, yes), "c1", "c2"), true},
		"another content is":       {no, c.by(holding(t, no), "c3", "c2"), true},
		"by one":                   {yes, c.by(holding(t, yes), "c1"), false},
		"by nobody":                {no, nil, false},
		"another content attested": {yes, c.by(holding(t, no), "c1", "c2", "c3"), false},
		"of another slot":          {next, c.by(holding(t, next), "c1", "c2"), false},
		"of a height":              {casper.Finality{Height: 7}, c.by(holding(t, yes), "c1", "c2"), false},
	} {
		p, err := c.Settle(yes, tt.held, tt.all)
		if (err == nil) != tt.want || (err != nil) != errors.Is(err, attest.ErrUnproven) {
			t.Errorf("%s: %v", name, err)
		}
		for _, m := range []casper.Message{yes, no, next} {
			b, _ := casper.BallotOf(m)
			b.Signature = casper.Signature{1} // whoever signs it
			if p.Of(b) != (tt.want && m == tt.held) {
				t.Errorf("%s: it is of %v: %v", name, m, p.Of(b))
			}
		}
	}
	if (attest.Proof{}).Of(casper.Ballot{}) {
		t.Error("no proof is of nothing")
	}
}
