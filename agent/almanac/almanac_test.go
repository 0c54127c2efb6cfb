package almanac

import (
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/agent/health"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
)

var (
	validator = casper.PublicKey{7}
	wanted    = casper.Round{Chainspec: casper.Hash{1}, Era: 12, KeyBlock: casper.Hash{2}}
)

// deaf asks nobody.
func deaf() *Almanac { return New(Config{Validator: validator, Logger: zerolog.Nop()}) }

// mustFind fails unless the wanted instance is found, with that index.
func mustFind(t *testing.T, a *Almanac, index string) {
	t.Helper()
	r, at, missing := a.Find(wanted.Instance())
	got := "unknown"
	if at != nil {
		got = string(rune('0' + *at))
	}
	if r != wanted || missing != "" || got != index {
		t.Errorf("found %v with index %s, missing %q; want %v with index %s", r, got, missing, wanted, index)
	}
}

// mustMiss fails unless it is told what is missing.
func mustMiss(t *testing.T, a *Almanac, want string) {
	t.Helper()
	if r, _, missing := a.Find(wanted.Instance()); !strings.Contains(missing, want) || missing == "" {
		t.Errorf("found %v, missing %q; want %q missing", r, missing, want)
	}
}

// TestFacts: what this agent heard another one uses too, and passes it on no further.
func TestFacts(t *testing.T) {
	a := deaf()
	mustMiss(t, a, "chainspec")
	a.Asked(casper.Handshake{})
	a.Asked(casper.Vote{Round: casper.Round{Chainspec: wanted.Chainspec}})
	mustMiss(t, a, "last block")
	a.Ended(health.EraEnd{Era: 10, Last: casper.Hash{9}})
	mustMiss(t, a, "last era that ended is 10")
	next := []string{casper.PublicKey{3}.String(), validator.String()}
	a.Ended(health.EraEnd{Era: 11, Last: wanted.KeyBlock, Next: next})
	mustFind(t, a, "1")

	b := deaf()
	b.Heard("node-a", &cosignerv1.ChainFacts{Chainspecs: [][]byte{{1}}, Ends: []*cosignerv1.EraEnd{{Era: 11}}})
	mustMiss(t, b, "chainspec")
	b.Heard("node-a", a.Facts("node-b"))
	mustFind(t, b, "unknown")
	if f := b.Facts("node-a"); len(f.GetChainspecs()) != 0 || len(f.GetEnds()) != 0 {
		t.Errorf("it tells what it was told: %v", f)
	}
}

// TestStatus: an agent that was started in the middle of an era finds it by what the node says, and
// one that was started at the end of one, too.
func TestStatus(t *testing.T) {
	for _, newest := range []health.Block{{Era: 12, Hash: "ab"}, {Era: 11, Hash: wanted.KeyBlock.String()}} {
		a := deaf()
		a.Asked(casper.Echo{Round: casper.Round{Chainspec: wanted.Chainspec}})
		for _, s := range []health.Status{{}, {SwitchBlock: "ab", LastBlock: &newest},
			{SwitchBlock: "xx", LastBlock: &newest}, {SwitchBlock: wanted.KeyBlock.String()},
			{SwitchBlock: wanted.KeyBlock.String(), LastBlock: &health.Block{}}} {
			a.Status(s, time.Now())
		}
		mustMiss(t, a, "last block")
		a.Status(health.Status{SwitchBlock: wanted.KeyBlock.String(), LastBlock: &newest}, time.Now())
		mustFind(t, a, "unknown")
	}
}

// TestLyingAgent: an agent that lies, whenever and however much, hides nothing that another one
// tells, and what it has told to others is bounded.
func TestLyingAgent(t *testing.T) {
	honest, b := deaf(), deaf()
	honest.known.Answered("peer", wanted.Chainspec)
	honest.Ended(health.EraEnd{Era: wanted.Era - 1, Last: wanted.KeyBlock})
	lies := 0
	lie := func() {
		f := &cosignerv1.ChainFacts{}
		for range 1000 {
			lies++
			hash := casper.Hash{9, byte(lies), byte(lies >> 8)}
			f.Chainspecs = append(f.Chainspecs, hash[:])
			f.Ends = append(f.Ends, &cosignerv1.EraEnd{Era: wanted.Era - 1, LastBlock: hash[:]})
		}
		b.Heard("hostile", f)
	}
	lie()
	b.Heard("honest", honest.Facts("b"))
	lie()
	mustFind(t, b, "unknown")
	mustFind(t, honest, "unknown")
	for i := range 100 { // the peers of an honest agent's node may lie: it tells few of their words
		honest.known.Answered("peer", casper.Hash{7})
		honest.known.Answered(string(rune('A'+i)), casper.Hash{8, byte(i)})
	}
	mustFind(t, honest, "unknown")
	if f := honest.Facts("b"); len(f.GetChainspecs()) > 3*mostTold {
		t.Errorf("it tells %d", len(f.GetChainspecs()))
	}
	c := deaf()
	c.Heard("honest", honest.Facts("c"))
	mustFind(t, c, "unknown")
}
