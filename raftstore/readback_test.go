package raftstore

import (
	"slices"
	"testing"

	"github.com/hashicorp/raft"

	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// flipper is a disk that writes one byte of each snapshot otherwise, before any checksum is made.
type flipper struct {
	raft.SnapshotStore
	at int // -1: none
}

type flippingSink struct {
	raft.SnapshotSink
	at int
}

func (f flipper) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration, at uint64,
	t raft.Transport) (raft.SnapshotSink, error) {
	sink, err := f.SnapshotStore.Create(v, index, term, c, at, t)
	return &flippingSink{sink, f.at}, err
}

func (f *flippingSink) Write(b []byte) (int, error) {
	if f.at >= 0 && f.at < len(b) {
		b = slices.Clone(b)
		b[f.at] ^= 1
	}
	f.at -= len(b)
	return f.SnapshotSink.Write(b)
}

// TestSnapshotIsReadBack: an own snapshot counts once it was read back whole, and as of the entry
// that it was written of. Else it is gone, the older ones are kept, and the log is not compacted.
func TestSnapshotIsReadBack(t *testing.T) {
	c := filled(t, 1, 10)
	d, err := c.openDisk()
	if err != nil {
		t.Fatal(err)
	}
	defer d.log.Close()
	f := testFSM(Config{})
	f.Apply(entry(t, 2, machine.Genesis{First: watermark.Mark{Era: 1, Height: 1}, Active: "a"}))
	files := d.snapshots.SnapshotStore
	take := func(index uint64, flipped int) error {
		t.Helper()
		f.Apply(entry(t, index, claim(index, 1)))
		d.snapshots.SnapshotStore = flipper{files, flipped}
		sink, err := d.snapshots.Create(raft.SnapshotVersionMax, index, 2, raft.Configuration{}, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		snap, err := f.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		return snap.Persist(sink)
	}
	kept := func(want ...uint64) {
		t.Helper()
		all, err := d.snapshots.List()
		var got []uint64
		for _, s := range all {
			got = append(got, s.Index)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("kept %v, %v, want %v", got, err, want)
		}
	}
	for index := range uint64(3) {
		if err := take(index+3, -1); err != nil {
			t.Fatal(err)
		}
	}
	kept(5, 4)
	for name, at := range map[string]int{"of an earlier entry": 7, "not a state": 9} {
		if err := take(7, at); err == nil {
			t.Errorf("%s: counts", name)
		}
		kept(5, 4)
	}
	if err := take(9, -1); err != nil {
		t.Error(err)
	}
	kept(9, 5)
}
