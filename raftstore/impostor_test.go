package raftstore

import (
	"bytes"
	"testing"

	"github.com/hashicorp/raft"

	"casper-cosigner/statedir"
)

// impostor speaks as a member that has been compromised: with its identity and its directory, and
// whatever it likes.
type impostor struct {
	transport
	t    testing.TB
	name string
	term uint64
	open bool // nothing is committed of what it sends
}

// impostor stops a member and takes its place, in a term that nobody has seen.
func (tr *trio) impostor(name string) *impostor {
	tr.t.Helper()
	term := tr.members[name].raft.CurrentTerm() + 100
	tr.stop(name)
	m := tr.members[name]
	dir, err := statedir.Open(m.path)
	if err != nil {
		tr.t.Fatal(err)
	}
	m.dir = dir
	c := tr.config(m)
	longer := func() (last, applied uint64) { return 1 << 20, 1 << 20 }
	s := newStream(c, longer, func() bool { return true })
	i := &impostor{transport: newTransport(s, c, newHCLogger(c.Log, c.Now)), t: tr.t, name: name, term: term}
	s.start()
	tr.t.Cleanup(func() { dir.Close() })
	return i
}

func (i *impostor) head() raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(i.name), Addr: []byte(i.name)}
}

// append sends an append as the leader of its term, after the entry before the first one.
func (i *impostor) append(to *member, before *raft.Log, entries ...*raft.Log) (bool, error) {
	i.t.Helper()
	q := &raft.AppendEntriesRequest{RPCHeader: i.head(), Term: i.term, Entries: entries}
	if before != nil {
		q.PrevLogEntry, q.PrevLogTerm = before.Index, before.Term
	}
	if n := len(entries); n > 0 && !i.open {
		q.LeaderCommitIndex = entries[n-1].Index
	}
	var a raft.AppendEntriesResponse
	err := i.AppendEntries(raft.ServerID(to.name), raft.ServerAddress(to.name), q, &a)
	return a.Success, err
}

// install sends a snapshot as the leader of its term.
func (i *impostor) install(to *member, meta raft.SnapshotMeta, content []byte) (bool, error) {
	i.t.Helper()
	q := &raft.InstallSnapshotRequest{RPCHeader: i.head(), SnapshotVersion: raft.SnapshotVersionMax, Term: i.term,
		LastLogIndex: meta.Index, LastLogTerm: meta.Term, Configuration: raft.EncodeConfiguration(meta.Configuration),
		ConfigurationIndex: max(1, meta.ConfigurationIndex), Size: int64(len(content))}
	var a raft.InstallSnapshotResponse
	err := i.InstallSnapshot(raft.ServerID(to.name), raft.ServerAddress(to.name), q, &a, bytes.NewReader(content))
	return a.Success, err
}

// entry is one of the member's own log.
func (m *member) entry(t testing.TB, index uint64) *raft.Log {
	t.Helper()
	var l raft.Log
	if err := m.disk.log.GetLog(index, &l); err != nil {
		t.Fatal(err)
	}
	return &l
}
