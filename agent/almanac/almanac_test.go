package almanac

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
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

// TestChainspec: peers are asked after each start of the node until one tells, and not again until
// it runs another version or is started anew.
func TestChainspec(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := deaf()
		var tells atomic.Bool
		var count atomic.Int32
		a.Chainspec = func(_ context.Context, address string) (casper.Hash, error) {
			if count.Add(1); !tells.Load() || address != "c" {
				return casper.Hash{}, errors.New("no")
			}
			return wanted.Chainspec, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go a.Run(ctx)
		up := time.Now()
		says := func(version string, want int32) {
			t.Helper()
			for range 10 {
				time.Sleep(time.Second)
				a.Status(health.Status{Version: version, Uptime: time.Since(up), Addresses: []string{"b", "c"}}, time.Now())
			}
			synctest.Wait()
			if n := count.Swap(0); n != want {
				t.Errorf("asked %d times, want %d", n, want)
			}
		}
		a.Ended(health.EraEnd{Era: 11, Last: wanted.KeyBlock})
		a.Status(health.Status{}, time.Now()) // it has no peers yet
		says("2.0.3", 10)
		mustMiss(t, a, "chainspec")
		tells.Store(true)
		time.Sleep(shakeAgain)
		says("2.0.3", 2)
		mustFind(t, a, "unknown")
		says("2.0.3", 0)
		says("2.0.4", 2)
		up = time.Now()
		says("2.0.4", 2)
	})
}

// TestHandshake: only the hash at its end is read.
func TestHandshake(t *testing.T) {
	hash := casper.Hash{5}
	good := append([]byte("network, address, version\xd9\x40"), hash.String()...)
	if got, err := chainspecOf(good); err != nil || got != hash {
		t.Errorf("got %v, %v", got, err)
	}
	for name, bad := range map[string][]byte{
		"nothing": nil, "the hash alone": good[len(good)-64:], "no text": append([]byte("..\xda\x40"), hash.String()...),
		"another length": append([]byte("..\xd9\x41"), hash.String()...), "more": append(good, 0),
		"no hex": append([]byte("..\xd9\x40"), strings.Repeat("x", 64)...), "none": append(good[:25:25], 0xc0),
	} {
		if got, err := chainspecOf(bad); err == nil {
			t.Errorf("%s: got %v from %s", name, got, hex.EncodeToString(bad))
		}
	}
}
