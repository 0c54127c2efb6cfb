package instance_test

import (
	"fmt"
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
	if _, ok := k.Find(wanted.Instance()); ok {
		t.Error("an era of long ago is known still")
	}
}
