package raftstore

import (
	"bytes"
	"testing"

	"github.com/hashicorp/raft"

	"casper-cosigner/rule/held"
	"casper-cosigner/rule/machine"
)

// TestFresh: what was read when an entry was stored counts for that entry only, by its place and
// its bytes, and once.
func TestFresh(t *testing.T) {
	entry := func(index, height uint64, value byte) *raft.Log {
		b, err := machine.Encode(claim(height, value), machine.Version)
		if err != nil {
			t.Fatal(err)
		}
		return &raft.Log{Index: index, Term: 1, Type: raft.LogCommand, Data: b}
	}
	first := entry(7, 1, 1)
	var f fresh
	mark := machine.SetFloor{Reason: "kept"} // not what the bytes say: it shows whence it came
	for _, c := range []struct {
		name  string
		taken *raft.Log
		kept  bool
	}{
		{"the same", &raft.Log{Index: 7, Type: raft.LogCommand, Data: bytes.Clone(first.Data)}, true},
		{"another value in its place", entry(7, 1, 2), false},
		{"the same bytes in another place", &raft.Log{Index: 7 + freshest, Type: raft.LogCommand, Data: first.Data}, false},
		{"no bytes", &raft.Log{Index: 7, Type: raft.LogNoop}, false},
	} {
		f.keep(first.Data, held.Entry{Index: 7, Term: 1, Version: machine.Version, Command: mark})
		got, err := f.take(c.taken)
		if err != nil || (got.Command == mark) != c.kept {
			t.Errorf("%s: %+v, %v; want what was kept: %v", c.name, got, err, c.kept)
		}
		if again, err := f.take(c.taken); err != nil || c.kept && again.Command == mark {
			t.Errorf("%s, once more: %+v, %v", c.name, again, err)
		}
	}
}
