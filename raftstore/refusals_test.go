package raftstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"

	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

// siege is a member alone with an impostor that sends as its leader, and what the member logs.
type siege struct {
	*trio
	*impostor
	victim *member
	logged syncBuffer
}

// besiege has some claims applied by all, and then leaves the victim with the impostor alone.
func besiege(t *testing.T, claims uint64) *siege {
	t.Helper()
	s := &siege{}
	s.trio = newTrio(t, func(_ string, c *Config) { c.Log = zerolog.New(&s.logged) })
	for h := range claims {
		s.apply(h, 7)
	}
	leader := s.leader()
	s.victim = s.members[s.followers(leader)[0]]
	s.catchUp(s.victim)
	s.wire.isolate(s.followers(leader)[1], true)
	s.impostor = s.trio.impostor(leader.name)
	time.Sleep(3 * time.Second) // the leader handed over as it stopped: what the victim began with is stored
	return s
}

func (s *siege) end() {
	s.Close()
	s.stopAll()
}

// alarms counts what was told of the impostor as a fault of its.
func (s *siege) alarms() int {
	return strings.Count(s.logged.String(), `"alarm":true,"cosigner":"`+s.name+`"`)
}

// TestSnapshotThatNobodyTook: what a leader sends as a snapshot is refused, and not kept, if this
// member could not go on from it. It stays as it is, says so, and takes the next sound one.
func TestSnapshotThatNobodyTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := besiege(t, 5)
		defer s.end()
		applied := s.victim.Applied()
		state := snapshotOf(t, s.victim.fsm)
		of := func(index uint64) []byte {
			return append(binary.BigEndian.AppendUint64(nil, index), state[8:]...)
		}
		members := s.voters()
		fewer, mute, astray := members, members, s.astray()
		fewer.Servers = members.Servers[:2]
		mute.Servers = append([]raft.Server{{Suffrage: raft.Nonvoter, ID: "a", Address: "a"}}, members.Servers[1:]...)
		last := applied + 100
		meta := raft.SnapshotMeta{Index: last, Term: s.term, Configuration: members}
		later, short, silent, lost, ahead := meta, meta, meta, meta, meta
		later.Term++
		lost.Configuration, ahead.ConfigurationIndex = astray, last+1
		short.Configuration, silent.Configuration = fewer, mute
		for name, c := range map[string]struct {
			meta    raft.SnapshotMeta
			content []byte
		}{
			"of more than its log":          {meta, of(1 << 62)},
			"of one entry more":             {meta, of(last + 1)},
			"without what is applied":       {meta, of(applied - 1)},
			"of a later term":               {later, of(last)},
			"of fewer members":              {short, of(last)},
			"with one that does not vote":   {silent, of(last)},
			"with one at another address":   {lost, of(last)},
			"with members of a later entry": {ahead, of(last)},
			"not a state":                   {meta, append(of(last), 1)},
			"cut":                           {meta, of(last)[:40]},
			"empty":                         {meta, nil},
		} {
			before := s.alarms()
			s.victim.disk.log.refusals.forget("snapshot")
			for range 2 {
				if ok, err := s.install(s.victim, c.meta, c.content); ok {
					t.Errorf("%s: taken, %v", name, err)
				}
			}
			if n := s.alarms() - before; n != 1 {
				t.Errorf("%s: told %d times", name, n)
			}
			if kept, err := s.victim.disk.snapshots.List(); err != nil || len(kept) > 0 {
				t.Errorf("%s: kept %v, %v", name, kept, err)
			}
			if got := s.victim.Applied(); got != applied || s.victim.fatalError() != nil {
				t.Fatalf("%s: applied %d, want %d; ended with %v", name, got, applied, s.victim.fatalError())
			}
		}
		// The last entries before a snapshot may be no commands.
		if ok, err := s.install(s.victim, meta, of(last-3)); !ok || s.victim.Applied() != last-3 {
			t.Fatalf("a sound one: %v, %v, applied %d", ok, err, s.victim.Applied())
		}
		older := raft.SnapshotMeta{Index: applied, Term: s.term, Configuration: members}
		told := s.alarms()
		if ok, _ := s.install(s.victim, older, of(applied)); ok || s.alarms() > told {
			t.Errorf("one that came late: taken %v, told %d times", ok, s.alarms()-told)
		}
		s.stop(s.victim.name)
		s.start(s.victim.name)
		if got := s.victim.Applied(); got != last-3 {
			t.Errorf("after a restart it has applied %d, want %d", got, last-3)
		}
	})
}

// astray are the members, one of which is nowhere to be reached.
func (s *siege) astray() raft.Configuration {
	c := s.voters()
	c.Servers[0].Address = "nowhere"
	return c
}

func (s *siege) voters() raft.Configuration { return s.victim.cfg.Voters.configuration() }

// TestKeptSnapshotOfMore: one that was kept by an earlier release, and says more than its log held,
// is not begun with.
func TestKeptSnapshotOfMore(t *testing.T) {
	c := filled(t, 1, 10)
	d, err := c.openDisk()
	if err != nil {
		t.Fatal(err)
	}
	defer d.log.Close()
	for index, sound := range map[uint64]bool{10: true, 11: false} {
		sink, err := d.snapshots.SnapshotStore.Create(raft.SnapshotVersionMax, 10, 2, raft.Configuration{}, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = sink.Write(binary.BigEndian.AppendUint64(nil, index))
		if err := errors.Join(err, sink.Close()); err != nil {
			t.Fatal(err)
		}
		_, r, err := d.snapshots.Open(sink.ID())
		if (err == nil) != sound {
			t.Errorf("of entry %d: %v", index, err)
		}
		if err == nil {
			r.Close()
		}
	}
}

// TestEntryThatNobodyWrote: entries that no honest leader sends are not stored: with them the next
// start would take the log for lost.
func TestEntryThatNobodyWrote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := besiege(t, 3)
		defer s.end()
		last, _ := s.victim.Indexes()
		before := s.victim.entry(t, last)
		of := func(index, term uint64, kind raft.LogType, data []byte) *raft.Log {
			return &raft.Log{Index: index, Term: term, Type: kind, Data: data}
		}
		fewer := s.voters()
		fewer.Servers = fewer.Servers[:2]
		for name, entries := range map[string][]*raft.Log{
			"a gap":           {of(last+2, s.term, raft.LogNoop, nil)},
			"a gap in it":     {of(last+1, s.term, raft.LogNoop, nil), of(last+3, s.term, raft.LogNoop, nil)},
			"a later term":    {of(last+1, s.term+1, raft.LogNoop, nil)},
			"an earlier term": {of(last+1, before.Term-1, raft.LogNoop, nil)},
			"falling terms":   {of(last+1, s.term, raft.LogNoop, nil), of(last+2, s.term-1, raft.LogNoop, nil)},
			"unknown kind":    {of(last+1, s.term, raft.LogType(99), nil)},
			"other members":   {of(last+1, s.term, raft.LogConfiguration, raft.EncodeConfiguration(fewer))},
			"other addresses": {of(last+1, s.term, raft.LogConfiguration, raft.EncodeConfiguration(s.astray()))},
			"no members":      {of(last+1, s.term, raft.LogConfiguration, []byte("none"))},
		} {
			told := s.alarms()
			s.victim.disk.log.refusals.forget("log entry")
			for range 2 {
				if ok, _ := s.append(s.victim, before, entries...); ok {
					t.Errorf("%s: taken", name)
				}
			}
			if n := s.alarms() - told; n != 1 {
				t.Errorf("%s: told %d times", name, n)
			}
			if now, err := s.victim.disk.log.LastIndex(); now != last || err != nil || s.victim.fatalError() != nil {
				t.Fatalf("%s: the log ends at entry %d, %v; ended with %v", name, now, err, s.victim.fatalError())
			}
		}
		same := of(last+1, s.term, raft.LogConfiguration, raft.EncodeConfiguration(s.voters()))
		if ok, err := s.append(s.victim, before, same, of(last+2, s.term, raft.LogNoop, nil)); !ok {
			t.Errorf("sound ones: %v", err)
		}
		s.stop(s.victim.name)
		s.start(s.victim.name)
	})
}

// TestFoundedBelow: a cluster that is founded below what the operator of this member typed has it
// end, before anything is stored of it.
func TestFoundedBelow(t *testing.T) {
	own := watermark.Mark{Era: 5, Height: 50}
	for name, founded := range map[string]watermark.Mark{"era": {Era: 4, Height: 50}, "height": {Era: 5, Height: 49}} {
		for _, way := range []string{"entry", "snapshot"} {
			synctest.Test(t, func(t *testing.T) {
				tr := newTrio(t, func(_ string, c *Config) {
					c.MayFound = func() error { return errors.New("not in this test") }
				})
				defer tr.stopAll()
				tr.stop("c")
				err := statedir.Restate(tr.members["c"].path, own, func(statedir.Identity, statedir.ID) error { return nil })
				if err != nil {
					t.Fatal(err)
				}
				tr.start("c")
				tr.wire.isolate("b", true)
				i, victim := tr.impostor("a"), tr.members["c"]
				defer i.Close()
				genesis := entry(t, 2, machine.Genesis{First: founded, Active: "a", At: 1})
				genesis.Term = i.term
				if way == "entry" {
					_, _ = i.append(victim, victim.entry(t, 1), genesis)
				} else {
					f := testFSM(Config{})
					f.Apply(genesis)
					meta := raft.SnapshotMeta{Index: 2, Term: i.term, Configuration: victim.cfg.Voters.configuration()}
					_, _ = i.install(victim, meta, snapshotOf(t, f))
				}
				below := errBelow{}
				if !errors.As(victim.fatalError(), &below) || below != (errBelow{founded, own}) {
					t.Errorf("%s, by %s: ended with %v", name, way, victim.fatalError())
				}
				tr.stop("c")
				if holds, err := HoldsCommands(filepath.Join(victim.path, "raft")); holds || err != nil {
					t.Errorf("%s, by %s: something was stored, %v", name, way, err)
				}
			})
		}
	}
}

// TestFoundingThatIsObjectedTo: nothing is stored of a founding that this member holds something
// against, whoever leads it; it does not end, and follows once that is out of the way.
func TestFoundingThatIsObjectedTo(t *testing.T) {
	for _, way := range []string{"entry", "snapshot"} {
		synctest.Test(t, func(t *testing.T) {
			var free atomic.Bool
			tr := newTrio(t, func(_ string, c *Config) {
				c.MayFound = func() error { return errors.New("not in this test") }
				c.MayFollow = func() error {
					if free.Load() {
						return nil
					}
					return errors.New("an agent remembers more")
				}
			})
			defer tr.stopAll()
			tr.wire.isolate("b", true)
			i, victim := tr.impostor("a"), tr.members["c"]
			defer i.Close()
			genesis := entry(t, 2, machine.Genesis{First: watermark.Mark{Era: 9, Height: 9}, Active: "a", At: 1})
			genesis.Term = i.term
			send := func() {
				if way == "entry" {
					_, _ = i.append(victim, victim.entry(t, 1), genesis)
					return
				}
				f := testFSM(Config{})
				f.Apply(genesis)
				meta := raft.SnapshotMeta{Index: 2, Term: i.term, Configuration: victim.cfg.Voters.configuration()}
				_, _ = i.install(victim, meta, snapshotOf(t, f))
			}
			holds := func() bool {
				last, err := victim.disk.log.LastIndex()
				return err == nil && last > 1 || victim.founded()
			}
			if send(); holds() || victim.fatalError() != nil {
				t.Errorf("by %s: stored, or ended with %v", way, victim.fatalError())
			}
			free.Store(true)
			if send(); !holds() || victim.fatalError() != nil {
				t.Errorf("by %s: not stored once nothing stood against it, %v", way, victim.fatalError())
			}
		})
	}
}

// TestStoredGenesisBelow: one that an earlier release stored is not applied.
func TestStoredGenesisBelow(t *testing.T) {
	for _, era := range []uint64{4, 5, 6} {
		var fatal error
		f := testFSM(Config{Fatal: func(err error) { fatal = err }})
		f.first = watermark.Mark{Era: 5}
		f.Apply(entry(t, 2, machine.Genesis{First: watermark.Mark{Era: era}, Active: "a"}))
		if (fatal == nil) != (era >= 5) || f.founded() != (era >= 5) {
			t.Errorf("founded for era %d on: %v", era, fatal)
		}
	}
}

// TestSnapshotOfAnotherFounding: a log has one Genesis, so no state of another one takes the place
// of the own state; one that is not founded yet takes any at or above what its host was made for.
func TestSnapshotOfAnotherFounding(t *testing.T) {
	founded := func(era uint64) *fsm {
		f := testFSM(Config{})
		f.Apply(entry(t, 2, machine.Genesis{First: watermark.Mark{Era: era}, Active: "a"}))
		return f
	}
	f := founded(5)
	for era, ok := range map[uint64]bool{4: false, 5: true, 6: false} {
		if err := f.sameFounding(founded(era).state); (err == nil) != ok {
			t.Errorf("of era %d: %v", era, err)
		}
		if err := testFSM(Config{}).sameFounding(founded(era).state); err != nil {
			t.Errorf("before Genesis, of era %d: %v", era, err)
		}
		if err := mayBegin(begun(founded(era).state), watermark.Mark{Era: 5}); (err == nil) != (era >= 5) {
			t.Errorf("made for era 5, founded for era %d: %v", era, err)
		}
	}
	if f.sameFounding(machine.New()) == nil {
		t.Error("a state that was never founded")
	}
}

// TestSnapshotAfterAReset: a reset lowers the height from which on the log lets anything be signed,
// and how far it may each ledger judges; a state after one is taken.
func TestSnapshotAfterAReset(t *testing.T) {
	f := testFSM(Config{})
	first := watermark.Mark{Era: 5, Height: 50}
	genesis, err := machine.Encode(machine.Genesis{First: first, Active: "a"}, machine.Oldest) // which does not keep it
	if err != nil {
		t.Fatal(err)
	}
	f.ApplyBatch([]*raft.Log{
		{Index: 2, Type: raft.LogCommand, Data: genesis}, entry(t, 3, claim(60, 1)),
		entry(t, 4, machine.ResetHeights{Reset: watermark.Reset{Count: 1, Height: 40, Until: 60, SeenAt: 3,
			Network: watermark.Version{Major: 2},
			Seen:    watermark.Seen{From: 50, Bits: "\x00\x04"}}}),
	})
	_, state, err := readSnapshot(bytes.NewReader(snapshotOf(t, f)))
	if err != nil || state.LastReset().Count != 1 {
		t.Fatal(err, state.LastReset())
	}
	if err := mayBegin(begun(state), first); err != nil {
		t.Error(err)
	}
}
