package raftstore

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

// TestGenesisWaitsForAll: the log begins once this voter has met each other one and each shows that
// it has met all, with the highest of all first eras and heights. What one showed before this
// start, or has not shown again for a while, does not count.
func TestGenesisWaitsForAll(t *testing.T) {
	own, now := watermark.Mark{Era: 5, Height: 50}, time.Unix(1000, 0)
	pinned := func(n uint32, era, height uint64) statedir.Sighting {
		return statedir.Sighting{At: now, Presence: statedir.Presence{Pinned: n,
			First: watermark.Mark{Era: era, Height: height}}}
	}
	heard := func(s statedir.Sighting, at time.Time) statedir.Sighting { s.At = at; return s }
	for name, c := range map[string]struct {
		seen    map[string]statedir.Sighting
		missing []string
		first   watermark.Mark
	}{
		"nobody":          {nil, []string{"b", "c"}, own},
		"one of two":      {map[string]statedir.Sighting{"b": pinned(2, 0, 0)}, []string{"c"}, own},
		"one met only us": {map[string]statedir.Sighting{"b": pinned(2, 0, 0), "c": pinned(1, 0, 0)}, []string{"c"}, own},
		"one from a file": {map[string]statedir.Sighting{"b": pinned(2, 0, 0), "c": heard(pinned(2, 0, 0), time.Time{})},
			[]string{"c"}, own},
		"one gone silent": {map[string]statedir.Sighting{"b": heard(pinned(2, 0, 0), now.Add(-heardWithin-1)),
			"c": heard(pinned(2, 0, 0), now.Add(-heardWithin))}, []string{"b"}, own},
		"all, we highest": {map[string]statedir.Sighting{"b": pinned(2, 4, 40), "c": pinned(2, 0, 0)}, nil, own},
		"all, mixed": {map[string]statedir.Sighting{"b": pinned(2, 7, 40), "c": pinned(2, 1, 60)}, nil,
			watermark.Mark{Era: 7, Height: 60}},
	} {
		config := Config{Name: "a", Voters: Voters{{Name: "a"}, {Name: "b"}, {Name: "c"}},
			Network: Network{Presences: &doorman{seen: c.seen}}}
		first, missing := config.met(own, now)
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

// TestGenesisWaitsForAllAgain: all have met, and something stands against the founding. One is
// stopped and the others are started again: what they have on disk of the stopped one is no word of
// it, and they found nothing without it.
func TestGenesisWaitsForAllAgain(t *testing.T) {
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
		stop := func() {
			time.Sleep(5 * time.Second) // virtual
			for _, name := range trioNames {
				tr.stop(name)
			}
		}
		stop()
		for _, name := range trioNames {
			tr.start(name) // and shows from the first that it has met all
		}
		stop()
		free.Store(true)
		tr.start("a")
		tr.start("b")
		time.Sleep(10 * time.Second)
		for _, name := range []string{"a", "b"} {
			if m := tr.members[name]; m.founded() || m.Leader().Self {
				t.Errorf("%s has a Genesis, or leads, and c was not asked", name)
			}
		}
		tr.start("c")
		tr.leader()
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

// TestStated: members that state different first eras or heights are named, all of them, with what
// each states; whom nobody met yet is not.
func TestStated(t *testing.T) {
	own := watermark.Mark{Era: 5, Height: 50}
	states := func(era, height uint64) statedir.Sighting {
		return statedir.Sighting{Presence: statedir.Presence{First: watermark.Mark{Era: era, Height: height}}}
	}
	for name, c := range map[string]struct {
		seen map[string]statedir.Sighting
		want []string // in the text; nil: nothing is wrong
	}{
		"nobody was met": {},
		"all the same":   {map[string]statedir.Sighting{"b": states(5, 50), "c": states(5, 50)}, nil},
		"another era": {map[string]statedir.Sighting{"b": states(5, 50), "c": states(99999, 50)},
			[]string{"a era 5 and height 50", "b era 5 and height 50", "c era 99999 and height 50", "cosigner restate"}},
		"a lower height": {map[string]statedir.Sighting{"b": states(5, 49)},
			[]string{"a era 5 and height 50", "b era 5 and height 49"}},
	} {
		config := Config{Name: "a", Voters: Voters{{Name: "a"}, {Name: "b"}, {Name: "c"}},
			Network: Network{Presences: &doorman{seen: c.seen}}}
		err := config.stated(own)
		if (err == nil) != (c.want == nil) {
			t.Errorf("%s: got %v", name, err)
		}
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v lacks %q", name, err, want)
			}
		}
	}
}

// TestGenesisWaitsForOneWord: nothing is written while the members state different first eras. Once
// the one that was mistaken states the same, under the directory that the others met, the log
// begins.
func TestGenesisWaitsForOneWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, nil)
		defer tr.stopAll()
		restate := func(name string, era uint64) {
			err := statedir.Restate(tr.members[name].path, watermark.Mark{Era: era},
				func(statedir.Identity, statedir.ID) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
		}
		holds := func(name string) bool {
			holds, err := HoldsCommands(filepath.Join(tr.members[name].path, "raft"))
			if err != nil {
				t.Fatal(err)
			}
			return holds
		}
		for _, name := range trioNames { // as if they had never run
			tr.stop(name)
			tr.init(name)
		}
		restate("c", 99999)
		for _, name := range trioNames {
			tr.start(name)
		}
		time.Sleep(5 * time.Second) // virtual
		for _, name := range trioNames {
			if m := tr.members[name]; m.founded() || m.Stated() == nil {
				t.Errorf("%s: founded %v though c states another era: %v", name, m.founded(), m.Stated())
			}
		}
		tr.stop("c")
		if holds("c") {
			t.Error("the log of c holds a command before Genesis")
		}
		restate("c", 0)
		tr.start("c")
		tr.leader()
		tr.until("all apply Genesis", func() bool {
			return tr.members["a"].founded() && tr.members["b"].founded() && tr.members["c"].founded()
		})
		if err := tr.members["a"].Stated(); err != nil {
			t.Errorf("once founded: %v", err)
		}
		tr.stop("c")
		if !holds("c") {
			t.Error("the log of c holds no command after Genesis")
		}
	})
}
