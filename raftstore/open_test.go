package raftstore

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"
)

// A crash after a snapshot was installed and before the log below it was deleted leaves entries
// that may never have been committed. They must be gone before this member can lead with them.
func TestStaleEntriesBelowASnapshot(t *testing.T) {
	const snapshotIndex, snapshotTerm = 8, 3
	entries := func(first, last, term uint64) (logs []*raft.Log) {
		for i := first; i <= last; i++ {
			logs = append(logs, &raft.Log{Index: i, Term: term})
		}
		return logs
	}
	for what, tt := range map[string]struct {
		log  []*raft.Log
		kept bool
	}{
		"ends below the snapshot":           {entries(1, 5, 1), false},
		"ends just below the snapshot":      {entries(1, 7, 3), false},
		"holds another entry at its end":    {entries(1, 9, 2), false},
		"holds the snapshot's entry":        {append(entries(1, 7, 1), entries(8, 9, 3)...), true},
		"ends with the snapshot's entry":    {append(entries(1, 7, 1), entries(8, 8, 3)...), true},
		"begins right after the snapshot":   {entries(9, 12, 2), true},
		"is empty":                          {nil, true},
		"is the snapshot's last entry only": {entries(8, 8, 3), true},
	} {
		t.Run(what, func(t *testing.T) {
			c := Config{Name: "a", Voters: Voters{{Name: "a", Address: "a"}}, Path: t.TempDir(), FirstRun: true}
			c.Network.Presences = &doorman{}
			l := newHCLogger(zerolog.New(io.Discard), time.Now)
			d, err := openDisk(c, newHalt(func(error) {}), l)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.log.DeleteRange(1, 1); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(d.log.SetUint64([]byte(keyTerm), 3), d.log.StoreLogs(tt.log),
				takeSnapshot(d, snapshotIndex, snapshotTerm), d.log.Close()); err != nil {
				t.Fatal(err)
			}
			c.FirstRun = false
			d, err = openDisk(c, newHalt(func(error) {}), l)
			if err != nil {
				t.Fatal(err)
			}
			defer d.log.Close()
			want := [2]uint64{}
			if n := len(tt.log); tt.kept && n > 0 {
				want = [2]uint64{tt.log[0].Index, tt.log[n-1].Index}
			}
			first, last, snapshot, err := d.extent()
			if got := [2]uint64{first, last}; err != nil || got != want || snapshot != snapshotIndex {
				t.Errorf("the log spans %v after a snapshot to %d, %v; want %v and %d", got, snapshot, err, want, snapshotIndex)
			}
			if d.last != max(want[1], snapshotIndex) {
				t.Errorf("it ends at %d, want %d", d.last, max(want[1], snapshotIndex))
			}
		})
	}
}

func takeSnapshot(d *disk, index, term uint64) error {
	sink, err := d.snapshots.SnapshotStore.Create(raft.SnapshotVersionMax, index, term, raft.Configuration{}, 1, nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(sink, bytes.NewReader([]byte("state")))
	return errors.Join(err, sink.Close())
}
