package raftstore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// sink keeps a snapshot in memory.
type sink struct {
	bytes.Buffer
	fail      bool
	cancelled bool
}

func (s *sink) Write(b []byte) (int, error) {
	if s.fail {
		return 0, errors.New("disk full")
	}
	return s.Buffer.Write(b)
}

func (s *sink) ID() string    { return "sink" }
func (s *sink) Close() error  { return nil }
func (s *sink) Cancel() error { s.cancelled = true; return nil }

func testFSM(c Config) *fsm {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Fatal == nil {
		c.Fatal = func(error) {}
	}
	return newFSM(c, newHalt(c.Fatal), 0)
}

func entry(t *testing.T, index uint64, c machine.Command) *raft.Log {
	t.Helper()
	b, err := machine.Encode(c, machine.Version)
	if err != nil {
		t.Fatal(err)
	}
	return &raft.Log{Index: index, Type: raft.LogCommand, Data: b}
}

func snapshotOf(t *testing.T, f *fsm) []byte {
	t.Helper()
	snap, err := f.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var s sink
	if err := snap.Persist(&s); err != nil {
		t.Fatal(err)
	}
	snap.Release()
	return s.Bytes()
}

// mixedLog has every kind of command in it, carried out and refused ones.
func mixedLog(t *testing.T) []*raft.Log {
	logs := []*raft.Log{{Index: 1, Type: raft.LogConfiguration}}
	add := func(c machine.Command) { logs = append(logs, entry(t, uint64(len(logs))+1, c)) }
	add(claim(1, 1)) // before Genesis
	add(machine.Genesis{First: watermark.Mark{Era: 3, Height: 5}, Active: "a", At: 1000})
	for h := range uint64(40) {
		c := claim(h, byte(h))
		c.At = 2000 + int64(h)
		add(c)
		add(claim(h, 99))
	}
	for r := range uint32(40) {
		round := casper.Round{Era: 4 + uint64(r/20), ID: r, Validator: 1}
		for _, node := range []string{"a", "b"} {
			for _, m := range []casper.Message{casper.Echo{Round: round, Proposal: casper.Hash{byte(r)}},
				casper.Vote{Round: round, Value: node == "a"}} {
				add(machine.Claim{Claim: watermark.Claim{Message: m, Node: node, AskedAt: 1}, At: 3000})
			}
		}
	}
	add(machine.SetMode{Mode: failover.Fenced, Change: failover.Change{Reason: "test", At: 4000}})
	add(machine.Activate{Node: "b", Change: failover.Change{Epoch: 1, Reason: "test", At: 4001}})
	add(machine.Suspend{Node: "a", Suspended: true, Change: failover.Change{Epoch: 2, At: 4002}})
	add(claim(50, 50))
	add(machine.SetFloor{Floor: watermark.Mark{Era: 4, Height: 6}, At: 5000})
	return logs
}

func TestSameLogSameSnapshot(t *testing.T) {
	logs := mixedLog(t)
	hour := func() time.Time { return time.Now().Add(time.Hour) }
	one := testFSM(Config{Name: "a"})
	two := testFSM(Config{Name: "b", Now: hour, Voters: Voters{{Name: "b", Address: "x"}}})
	three := testFSM(Config{Name: "c", Path: "/other", Now: func() time.Time { return time.Time{} }})

	for _, l := range logs {
		one.Apply(l)
	}
	two.ApplyBatch(logs)
	// The third one lagged, and got the first half by a snapshot.
	half := testFSM(Config{Name: "d"})
	half.ApplyBatch(logs[:len(logs)/2])
	if err := three.Restore(io.NopCloser(bytes.NewReader(snapshotOf(t, half)))); err != nil {
		t.Fatal(err)
	}
	three.ApplyBatch(logs[len(logs)/2:])

	want := snapshotOf(t, one)
	for name, f := range map[string]*fsm{"two": two, "three": three} {
		if got := snapshotOf(t, f); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes that differ from the first one's %d", name, len(got), len(want))
		}
		if f.seen() != uint64(len(logs)) {
			t.Errorf("%s: seen %d entries, want %d", name, f.seen(), len(logs))
		}
	}
}

// A snapshot is of the moment at which it was taken, whatever is applied while it is written.
func TestSnapshotIsOfOneMoment(t *testing.T) {
	logs := mixedLog(t)
	f := testFSM(Config{})
	f.ApplyBatch(logs[:20])
	want := snapshotOf(t, f)
	snap, err := f.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	f.ApplyBatch(logs[20:])
	var got sink
	if err := snap.Persist(&got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Error("the snapshot has something of what was applied after it")
	}
}

func TestUnwrittenSnapshotIsCancelled(t *testing.T) {
	f := testFSM(Config{})
	f.ApplyBatch(mixedLog(t))
	snap, err := f.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	full := sink{fail: true}
	if err := snap.Persist(&full); err == nil || !full.cancelled {
		t.Errorf("Persist: %v, cancelled %v, want an error and true", err, full.cancelled)
	}
}

func TestUndecodableEntryIsFatal(t *testing.T) {
	var fatal []error
	f := testFSM(Config{Fatal: func(err error) { fatal = append(fatal, err) }})
	logs := mixedLog(t)[:10]
	logs = append(logs,
		&raft.Log{Index: 11, Type: raft.LogCommand, Data: []byte("junk")},
		entry(t, 12, claim(30, 30)))
	results := f.ApplyBatch(logs)
	f.Apply(entry(t, 13, claim(31, 31)))
	if len(fatal) != 1 {
		t.Fatalf("Fatal was called %d times, want once: %v", len(fatal), fatal)
	}
	if results[10] != nil || results[11] != nil {
		t.Errorf("results %v and %v, want none", results[10], results[11])
	}
	if f.seen() != 10 {
		t.Errorf("went on to entry %d, want 10", f.seen())
	}
	if _, err := f.Snapshot(); err == nil {
		t.Error("a snapshot was taken after the failure")
	}
	if err := f.wait(context.Background(), 12); err == nil {
		t.Error("a wait for an entry that was not applied ended well")
	}
}

func TestUnreadableSnapshotIsFatal(t *testing.T) {
	whole := testFSM(Config{})
	whole.ApplyBatch(mixedLog(t))
	b := snapshotOf(t, whole)
	for name, bad := range map[string][]byte{
		"empty": nil, "index only": b[:8], "cut": b[:len(b)-1], "longer": append(bytes.Clone(b), 0),
	} {
		fatal := 0
		f := testFSM(Config{Fatal: func(error) { fatal++ }})
		if err := f.Restore(io.NopCloser(bytes.NewReader(bad))); err == nil || fatal != 1 {
			t.Errorf("%s: %v, Fatal called %d times, want an error and once", name, err, fatal)
		}
		if f.state.Started() {
			t.Errorf("%s: the state was replaced", name)
		}
	}
}

// A snapshot that another one and later entries overtook changes nothing, and ends nothing.
func TestOlderSnapshotIsRefused(t *testing.T) {
	logs := mixedLog(t)
	half := testFSM(Config{})
	half.ApplyBatch(logs[:len(logs)/2])
	whole := testFSM(Config{Fatal: func(err error) { t.Error(err) }})
	whole.ApplyBatch(logs)
	before := snapshotOf(t, whole)
	if err := whole.Restore(io.NopCloser(bytes.NewReader(snapshotOf(t, half)))); err == nil {
		t.Error("an older snapshot was taken")
	}
	if whole.seen() != uint64(len(logs)) || !bytes.Equal(snapshotOf(t, whole), before) {
		t.Errorf("the state went back to entry %d", whole.seen())
	}
	if err := whole.Restore(io.NopCloser(bytes.NewReader(before))); err != nil {
		t.Errorf("one of the same entry: %v", err)
	}
}

func TestAdvancedAt(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	at := func(height uint64, stamp int64) machine.Claim {
		c := claim(height, 1)
		c.At = stamp
		return c
	}
	f := testFSM(Config{Now: func() time.Time { return now }})
	f.onDisk = 4
	check := func(what string, height int64) {
		t.Helper()
		if got := f.height.UnixMilli(); got != height {
			t.Errorf("%s: height advanced at %d, want %d", what, got, height)
		}
		if got := f.era.UnixMilli(); got != 900_000 {
			t.Errorf("%s: era advanced at %d, want that of Genesis", what, got)
		}
	}
	f.Apply(entry(t, 1, machine.Genesis{Active: "a", At: 900_000}))
	check("Genesis read from disk", 900_000)
	f.Apply(entry(t, 2, at(5, 950_000)))
	check("read from disk", 950_000)
	f.Apply(entry(t, 3, at(4, 960_000)))
	check("a claim that moves nothing", 950_000)
	f.Apply(entry(t, 4, at(6, 2_000_000)))
	check("read from disk with a stamp in the future", 1_000_000)
	now = time.UnixMilli(1_500_000)
	f.Apply(entry(t, 5, at(7, 3_000)))
	check("applied live, with a clock that is behind", 1_500_000)
	b := snapshotOf(t, f)
	now = time.UnixMilli(1_600_000)
	if err := f.Restore(io.NopCloser(bytes.NewReader(b))); err != nil {
		t.Fatal(err)
	}
	check("restored", 3_000)
}
