package raftstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/encoding/protodelim"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/refusal"
	"casper-cosigner/statedir"
)

// earlier is the presences of a member of the release that showed no version.
type earlier struct{ Presences }

func (e earlier) Presence(last, applied uint64) statedir.Presence {
	p := e.Presences.Presence(last, applied)
	p.Version = 0
	return p
}

// TestWithout: a command of the newest version is not written while a member never shows that it
// reads it, and is once an operator names that one; from then on the version is in force.
func TestWithout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrio(t, func(name string, c *Config) {
			if name == "c" {
				c.Network.Presences = earlier{c.Network.Presences}
			}
		})
		defer tr.stopAll()
		tr.until("a or b leads, and has heard the others", func() bool {
			m := tr.leader()
			if m.cfg.Name == "c" {
				_ = m.HandOver()
				return false
			}
			return slices.Equal(m.Unshown(), []string{"c"})
		})
		again := machine.SetInstance{Era: 1, Chainspec: casper.Hash{1}}
		apply := func(want error, without ...string) {
			t.Helper()
			tr.until("an answer", func() bool {
				m := tr.leader()
				if m.cfg.Name == "c" {
					return false
				}
				r, err := m.ApplyWithout(context.Background(), again, without)
				if errors.Is(err, ErrNotLeader) || errors.Is(err, ErrUnknown) {
					return false
				}
				if !errors.Is(err, want) || err == nil && r.Outcome != machine.Done {
					t.Errorf("without %v: %+v, %v", without, r, err)
				}
				return true
			})
		}
		apply(machine.ErrVersion)
		apply(machine.ErrVersion, "a", "b")
		apply(nil, "c")
		tr.until("the version is in force", func() bool { return tr.leader().Version() == machine.Version })
	})
}

// TestRollingChange: members are replaced by those of a later release one by one, while claims go
// on. None is written for a version that a member may not be able to read; when the last has been
// replaced the next entry raises it, and it stays.
func TestRollingChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := map[string]bool{"a": true, "b": true, "c": true}
		tr := newTrio(t, func(name string, c *Config) {
			if old[name] {
				c.Network.Presences = earlier{c.Network.Presences}
			}
		})
		defer tr.stopAll()
		height := uint64(0)
		sign := func() {
			t.Helper()
			for range 3 {
				height++
				h := height
				tr.until("a claim is committed", func() bool {
					m, c := tr.leader(), claim(h, 1)
					if !m.Next().Dates() {
						c.AskedAt = 0
					}
					r, err := m.Apply(context.Background(), c)
					return err == nil && (r.Outcome == machine.Done || r.Outcome == machine.Held)
				})
			}
		}
		sign()
		for _, name := range trioNames {
			tr.stop(name)
			sign()
			if v := tr.leader().Version(); v != machine.Oldest {
				t.Fatalf("with %s still to be replaced version %d is written", name, v)
			}
			old[name] = false
			tr.start(name)
			sign()
		}
		tr.until("all have shown what they read", func() bool { return tr.leader().Version() == machine.Version })
		sign()
		for _, name := range trioNames { // what was shown is forgotten, what the log holds is not
			tr.stop(name)
			tr.start(name)
			old[name] = true
			if v := tr.leader().Version(); v != machine.Version {
				t.Errorf("after a restart of %s version %d is written", name, v)
			}
		}
		sign()
		m := tr.leader()
		undated := claim(height+1, 1)
		undated.AskedAt = 0
		if r, err := m.Apply(context.Background(), undated); err != nil || r.Why != refusal.Stale {
			t.Errorf("a claim of the earlier form: %+v, %v", r, err)
		}
		b, err := machine.Encode(undated, machine.Oldest)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.enqueue(context.Background(), func() raft.ApplyFuture { return m.raft.Apply(b, 0) })
		if r, ok := got.(machine.Result); err != nil || !ok || r.Why != refusal.OldVersion {
			t.Errorf("an entry of the earlier version: %+v, %v", got, err)
		}
		versions := map[uint32]int{}
		for i := uint64(1); i <= m.raft.LastIndex(); i++ {
			var l raft.Log
			if err := m.disk.log.GetLog(i, &l); err != nil {
				t.Fatal(err)
			}
			if l.Type != raft.LogCommand {
				continue
			}
			_, version, err := machine.Decode(l.Data)
			if err != nil {
				t.Fatal(err)
			}
			versions[version]++
		}
		if versions[machine.Oldest] < 20 || versions[machine.Version] < 6 {
			t.Errorf("entries by version: %v", versions)
		}
	})
}

// TestSnapshotOfANewerVersion: a sound leader of a later release sends a snapshot that this one
// cannot read. The member ends, says which version it is, and calls nobody hostile.
func TestSnapshotOfANewerVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := besiege(t, 5)
		defer s.end()
		meta := raft.SnapshotMeta{Index: s.victim.Applied() + 10, Term: s.term, Configuration: s.voters()}
		content := bytes.NewBuffer(binary.BigEndian.AppendUint64(nil, meta.Index))
		if _, err := protodelim.MarshalTo(content, &cosignerv1.SnapshotHeader{Version: machine.Version + 1}); err != nil {
			t.Fatal(err)
		}
		if ok, _ := s.install(s.victim, meta, content.Bytes()); ok {
			t.Error("it was taken")
		}
		if err := s.victim.fatalError(); !errors.Is(err, machine.ErrNewer) || s.alarms() > 0 {
			t.Errorf("it ended with %v, and told %d times", err, s.alarms())
		}
	})
}
