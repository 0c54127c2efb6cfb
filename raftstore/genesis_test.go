package raftstore

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

// TestGenesisWaitsForAll: the log begins once this voter has met each other one and each shows that
// it has met all, with the highest of all first eras and heights.
func TestGenesisWaitsForAll(t *testing.T) {
	own := watermark.Mark{Era: 5, Height: 50}
	pinned := func(n uint32, era, height uint64) statedir.Presence {
		return statedir.Presence{Pinned: n, First: watermark.Mark{Era: era, Height: height}}
	}
	for name, c := range map[string]struct {
		seen    map[string]statedir.Presence
		missing []string
		first   watermark.Mark
	}{
		"nobody":          {nil, []string{"b", "c"}, own},
		"one of two":      {map[string]statedir.Presence{"b": pinned(2, 0, 0)}, []string{"c"}, own},
		"one met only us": {map[string]statedir.Presence{"b": pinned(2, 0, 0), "c": pinned(1, 0, 0)}, []string{"c"}, own},
		"all, we highest": {map[string]statedir.Presence{"b": pinned(2, 4, 40), "c": pinned(2, 0, 0)}, nil, own},
		"all, mixed": {map[string]statedir.Presence{"b": pinned(2, 7, 40), "c": pinned(2, 1, 60)}, nil,
			watermark.Mark{Era: 7, Height: 60}},
	} {
		config := Config{Name: "a", Voters: Voters{{Name: "a"}, {Name: "b"}, {Name: "c"}},
			Network: Network{Presences: &doorman{seen: c.seen}}}
		first, missing := config.met(own)
		if !slices.Equal(missing, c.missing) || missing == nil && first != c.first {
			t.Errorf("%s: %v is missing and %v is first, want %v and %v", name, missing, first, c.missing, c.first)
		}
	}
}

// TestGenesisIsNotWrittenBefore: two of three elect a leader, and that begins no log before the
// third has been met by both.
func TestGenesisIsNotWrittenBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		tr.stop("c")
		for _, name := range trioNames { // as if c had never been there
			if tr.members[name].Store != nil {
				tr.stop(name)
			}
			tr.init(name)
		}
		tr.start("a")
		tr.start("b")
		time.Sleep(5 * time.Second) // virtual
		for _, name := range []string{"a", "b"} {
			if m := tr.members[name]; m.founded() || m.Leader().Self {
				t.Errorf("%s has a Genesis, or leads, before c was met", name)
			}
		}
		tr.start("c")
		tr.leader().View(func(s *machine.State) {
			if roles := s.Roles(); roles.Active != "a" {
				t.Errorf("%q is active first, want the one that was configured", roles.Active)
			}
		})
	})
}

// TestGenesisIsHeld: a leader that knows of something against it writes no Genesis, until that is
// out of the way.
func TestGenesisIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var free atomic.Bool
		tr := newTrio(t, func(_ string, c *Config) {
			c.MayFound = func() error {
				if free.Load() {
					return nil
				}
				return errors.New("an agent remembers more")
			}
		})
		defer tr.stopAll()
		time.Sleep(5 * time.Second) // virtual
		for name, m := range tr.members {
			if m.founded() {
				t.Errorf("%s has a Genesis", name)
			}
		}
		free.Store(true)
		tr.leader()
	})
}
