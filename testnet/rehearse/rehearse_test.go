package rehearse

import (
	"testing"

	"casper-cosigner/testnet/simcasper/hub"
	"casper-cosigner/testnet/simcasper/node"
)

func TestAsksNow(t *testing.T) {
	r := hub.Report{Era: 2, Round: 7}
	for e, want := range map[node.Entry]bool{
		{Kind: "vote", Era: 2, Round: 7}:     true,
		{Kind: "echo", Era: 2, Round: 6}:     true,
		{Kind: "vote", Era: 2, Round: 5}:     false,
		{Kind: "vote", Era: 1, Round: 9}:     false,
		{Kind: "finality", Era: 2, Round: 7}: false,
	} {
		if asksNow(r, []node.Entry{e}) != want {
			t.Errorf("%+v: not %v", e, want)
		}
	}
}
