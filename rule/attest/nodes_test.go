package attest_test

import (
	"testing"

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
)

// TestNodes: a stock node gets attestations of its votes and echoes, and no signature; another one
// the reverse; a node that nobody knows is none.
func TestNodes(t *testing.T) {
	mixed := attest.Nodes{"stock": true, "remote": false}
	vote, echo := casper.Vote{Round: round}, casper.Echo{Round: round}
	for _, tt := range []struct {
		node          string
		m             casper.Message
		signs, claims refusal.Reason
	}{
		{"stock", vote, refusal.HasKey, refusal.None},
		{"stock", echo, refusal.HasKey, refusal.None},
		{"stock", casper.Finality{}, refusal.HasKey, refusal.NotAttested},
		{"stock", casper.Handshake{}, refusal.HasKey, refusal.NotAttested},
		{"remote", vote, refusal.None, refusal.HasNoKey},
		{"nobody", vote, refusal.None, refusal.HasNoKey},
	} {
		if why := mixed.AgainstSigning(tt.node); why != tt.signs {
			t.Errorf("%s signs: %v", tt.node, why)
		}
		if why := mixed.AgainstClaiming(tt.node, tt.m); why != tt.claims {
			t.Errorf("%s claims %v: %v", tt.node, tt.m.Kind(), why)
		}
	}
	for _, tt := range []struct {
		nodes         attest.Nodes
		stock, signed bool
	}{
		{mixed, true, true}, {attest.Nodes{"a": true}, true, false}, {attest.Nodes{"a": false}, false, true},
		{nil, false, false},
	} {
		if tt.nodes.Stock() != tt.stock || tt.nodes.Signed() != tt.signed {
			t.Errorf("%v: stock %v, signed %v", tt.nodes, tt.nodes.Stock(), tt.nodes.Signed())
		}
	}
}
