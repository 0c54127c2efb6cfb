package instance_test

import (
	"fmt"
	"slices"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/instance"
)

var wanted = casper.Round{Chainspec: casper.Hash{1}, Era: 12, KeyBlock: casper.Hash{2}}

// TestFind: an instance is found once chainspec and last block were told, by whomever, and not by
// what makes another one.
func TestFind(t *testing.T) {
	var k instance.Known
	missing := func(why string) {
		t.Helper()
		if r, ok := k.Find(wanted.Instance()); ok {
			t.Errorf("%s: found %v", why, r)
		}
	}
	missing("nothing was told")
	k.Chainspec("a", wanted.Chainspec)
	missing("no block was told")
	k.Ended("b", wanted.Era, wanted.KeyBlock)
	k.Ended("b", wanted.Era-1, casper.Hash{3})
	k.Chainspec("b", casper.Hash{4})
	missing("another era's block, another block")
	k.Ended("c", wanted.Era-1, wanted.KeyBlock)
	if r, ok := k.Find(wanted.Instance()); !ok || r != wanted {
		t.Errorf("found %v, %v", r, ok)
	}
	if r, ok := k.Find(casper.Hash{9}); ok {
		t.Errorf("found %v for what nobody told of", r)
	}
}

// TestFlood: whoever tells a lot drives out what he told himself, and nobody else's; nor do many
// who come later.
func TestFlood(t *testing.T) {
	var k instance.Known
	k.Chainspec("own", wanted.Chainspec)
	k.Ended("other", wanted.Era-1, wanted.KeyBlock)
	for i := range 1000 {
		for _, by := range []string{"hostile", fmt.Sprint(i)} {
			k.Chainspec(by, casper.Hash{7, byte(i), byte(i >> 8)})
			k.Ended(by, uint64(i), casper.Hash{7, byte(i), byte(i >> 8)})
		}
	}
	if r, ok := k.Find(wanted.Instance()); !ok || r != wanted {
		t.Errorf("found %v, %v", r, ok)
	}
	k.Ended("other", wanted.Era, casper.Hash{8}) // the next era
	for range 100 {
		k.Ended("other", wanted.Era, casper.Hash{8}) // told again, as feeds do
	}
	if _, ok := k.Find(wanted.Instance()); !ok {
		t.Error("what was told again drove out what was told before")
	}
	for era := range uint64(20) {
		k.Ended("other", 100+era, casper.Hash{8})
	}
	if _, ok := k.Find(wanted.Instance()); !ok {
		t.Error("what made an instance is forgotten")
	}
	long := casper.Round{Chainspec: wanted.Chainspec, Era: 101, KeyBlock: casper.Hash{8}}
	if _, ok := k.Find(long.Instance()); ok {
		t.Error("an era of long ago, that nobody asked for, is known still")
	}
}

// TestStrangers: whatever strangers say and however many they are, one that says the right thing is
// heard, and what fitted stays.
func TestStrangers(t *testing.T) {
	var k instance.Known
	lies := 0
	lie := func(by, times int) {
		for range times {
			for s := range by {
				lies++
				k.Answered(fmt.Sprint("liar ", s), casper.Hash{7, byte(lies), byte(lies >> 8)})
			}
		}
	}
	found := func(want bool) {
		t.Helper()
		if r, ok := k.Find(wanted.Instance()); ok != want || ok && r != wanted {
			t.Errorf("found %v, %v", r, ok)
		}
	}
	k.Ended("own", wanted.Era-1, wanted.KeyBlock)
	k.Answered("honest", wanted.Chainspec)
	lie(60, 100)
	k.Answered("honest", casper.Hash{9}) // it changes its mind
	found(false)
	k.Answered("honest", wanted.Chainspec)
	lie(60, 100) // each has one word
	if !slices.Contains(k.Candidates(), wanted.Chainspec) {
		t.Error("few liars drive out what another one said")
	}
	k.Answered("liar 1", wanted.Chainspec)
	if list := k.Candidates(); len(list) == 0 || list[len(list)-1] != wanted.Chainspec {
		t.Error("what most say is not said last")
	}
	found(true)
	lie(1000, 2)
	found(true)
	if list := k.Candidates(); len(list) > 64 || list[len(list)-1] != wanted.Chainspec {
		t.Errorf("%d are kept, and the one that fitted is not", len(list))
	}
	k.Ended("own", wanted.Era, casper.Hash{5})
	next := casper.Round{Chainspec: wanted.Chainspec, Era: wanted.Era + 1, KeyBlock: casper.Hash{5}}
	if r, ok := k.Find(next.Instance()); !ok || r != next {
		t.Errorf("the next era is not found with what fitted: %v", r)
	}
}

// TestAgain: what was not found is found once the rest is told, an era that is run again under
// another chainspec too.
func TestAgain(t *testing.T) {
	var k instance.Known
	k.Ended("own", wanted.Era-1, wanted.KeyBlock)
	for i := range 40 { // more misses than are remembered
		if _, ok := k.Find(casper.Hash{9, byte(i)}); ok {
			t.Error("found what nobody told of")
		}
	}
	for _, again := range []byte{1, 2} {
		run := casper.Round{Chainspec: casper.Hash{again}, Era: wanted.Era, KeyBlock: wanted.KeyBlock}
		for range 2 {
			if _, ok := k.Find(run.Instance()); ok {
				t.Error("found before it was told")
			}
		}
		k.Answered("peer", run.Chainspec)
		if r, ok := k.Find(run.Instance()); !ok || r != run {
			t.Errorf("found %v, %v", r, ok)
		}
	}
}
