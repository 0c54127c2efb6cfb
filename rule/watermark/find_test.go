package watermark_test

import (
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
)

// TestFind: what is shown is held, or was never asked for, or is of an era that the table knows
// nothing of; and the last is not the second.
func TestFind(t *testing.T) {
	round := func(era uint64, id uint32) casper.Round {
		return casper.Round{Chainspec: casper.Hash{1}, Era: era, KeyBlock: casper.Hash{byte(era)}, ID: id, Validator: 3}
	}
	table := watermark.New(watermark.Mark{Era: 5, Height: 1})
	claim := func(m casper.Message) {
		t.Helper()
		if _, outcome, why := table.Claim(watermark.Claim{Message: m, Node: "a"}); outcome != watermark.Claimed {
			t.Fatalf("%v: %v", m, why)
		}
	}
	claim(casper.Echo{Round: round(5, 2), Proposal: casper.Hash{7}})
	claim(casper.Vote{Round: round(5, 2), Value: true})
	claim(casper.Vote{Round: round(6, 0), Value: false})
	shown := func(m casper.Message, change func(*casper.Ballot)) casper.Ballot {
		b, ok := casper.BallotOf(m)
		if !ok {
			t.Fatalf("%v is no ballot", m)
		}
		if change != nil {
			change(&b)
		}
		return b
	}
	for _, c := range []struct {
		name        string
		ballot      casper.Ballot
		era         uint64
		held, known bool
	}{
		{"an echo", shown(casper.Echo{Round: round(5, 2), Proposal: casper.Hash{7}}, nil), 5, true, true},
		{"its signature is another one", shown(casper.Echo{Round: round(5, 2), Proposal: casper.Hash{7}},
			func(b *casper.Ballot) { b.Signature[0] = 1 }), 5, true, true},
		{"a vote", shown(casper.Vote{Round: round(5, 2), Value: true}, nil), 5, true, true},
		{"a vote of no", shown(casper.Vote{Round: round(6, 0)}, nil), 6, true, true},
		{"another echo", shown(casper.Echo{Round: round(5, 2), Proposal: casper.Hash{8}}, nil), 5, false, true},
		{"another vote", shown(casper.Vote{Round: round(5, 2)}, nil), 5, false, true},
		{"another round", shown(casper.Vote{Round: round(5, 3), Value: true}, nil), 5, false, true},
		{"a round that no table holds", shown(casper.Vote{Round: round(5, 1<<20), Value: true}, nil), 5, false, true},
		{"another index", shown(casper.Vote{Round: round(5, 2), Value: true},
			func(b *casper.Ballot) { b.Validator = 4 }), 5, false, true},
		{"a round of another era", shown(casper.Vote{Round: round(6, 2), Value: true}, nil), 6, false, true},
		{"an era before all", shown(casper.Vote{Round: round(4, 2), Value: true}, nil), 0, false, false},
		{"an era in which nobody asked", shown(casper.Vote{Round: round(7, 2), Value: true}, nil), 0, false, false},
	} {
		era, held, known := table.Find(c.ballot)
		if era != c.era || held != c.held || known != c.known {
			t.Errorf("%s: era %d, held %v, known %v", c.name, era, held, known)
		}
	}
	claim(casper.Vote{Round: round(5+watermark.KeptEras, 0), Value: true}) // era 5 is forgotten
	if _, held, known := table.Find(shown(casper.Vote{Round: round(5, 2)}, nil)); held || known {
		t.Errorf("of an era that was forgotten: held %v, known %v", held, known)
	}
}
