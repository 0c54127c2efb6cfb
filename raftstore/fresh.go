package raftstore

import (
	"bytes"

	"github.com/hashicorp/raft"

	"casper-cosigner/rule/held"
)

// freshest is how many entries are kept: more than are under way at any time but when much is
// caught up with.
const freshest = 512

// fresh is what the newest entries say, kept from when they were stored until they are applied, so
// that each is decoded once. Only the bytes count: an entry that took another's place is decoded
// anew.
type fresh [freshest]struct {
	data  []byte
	entry held.Entry
}

// keep notes what an entry of these bytes says. Nobody may change them.
func (f *fresh) keep(data []byte, e held.Entry) {
	if e.Command != nil {
		f[e.Index%freshest].data, f[e.Index%freshest].entry = data, e
	}
}

// take returns what the entry says, and keeps it no longer.
func (f *fresh) take(l *raft.Log) (held.Entry, error) {
	kept := f[l.Index%freshest]
	if kept.entry.Index != l.Index || !bytes.Equal(kept.data, l.Data) {
		return read(l)
	}
	f[l.Index%freshest].data, f[l.Index%freshest].entry = nil, held.Entry{}
	return kept.entry, nil
}
