package raftstore

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"
)

// send is a message of an impostor, and the library's answer to it.
type send func(h raft.RPCHeader, deprecated []byte) error

// messages are all that there are, each of a term that would be followed.
func (s *siege) messages() map[string]send {
	id, to := raft.ServerID(s.victim.name), raft.ServerAddress(s.victim.name)
	last, _ := s.victim.Indexes()
	before := s.victim.entry(s.t(), last)
	appends := func(q raft.AppendEntriesRequest) send {
		return func(h raft.RPCHeader, deprecated []byte) error {
			q.RPCHeader, q.Term = h, s.term
			q.Leader = deprecated //nolint:staticcheck // the library still reads it
			return s.AppendEntries(id, to, &q, new(raft.AppendEntriesResponse))
		}
	}
	state := snapshotOf(s.t(), s.victim.fsm)[8:]
	content := append(binary.BigEndian.AppendUint64(nil, last+9), state...)
	return map[string]send{
		"heartbeat": appends(raft.AppendEntriesRequest{}),
		"entry": appends(raft.AppendEntriesRequest{PrevLogEntry: before.Index, PrevLogTerm: before.Term,
			Entries: []*raft.Log{{Index: last + 1, Term: s.term, Type: raft.LogNoop}}}),
		"vote": func(h raft.RPCHeader, deprecated []byte) error {
			q := raft.RequestVoteRequest{RPCHeader: h, Term: s.term, LastLogIndex: last + 9, LastLogTerm: s.term,
				LeadershipTransfer: true}
			q.Candidate = deprecated //nolint:staticcheck // the library still reads it
			return s.RequestVote(id, to, &q, new(raft.RequestVoteResponse))
		},
		"question": func(h raft.RPCHeader, _ []byte) error {
			q := raft.RequestPreVoteRequest{RPCHeader: h, Term: s.term, LastLogIndex: last + 9, LastLogTerm: s.term}
			return s.RequestPreVote(id, to, &q, new(raft.RequestPreVoteResponse))
		},
		"snapshot": func(h raft.RPCHeader, deprecated []byte) error {
			q := raft.InstallSnapshotRequest{RPCHeader: h, SnapshotVersion: raft.SnapshotVersionMax, Term: s.term,
				Leader: deprecated, LastLogIndex: last + 9, LastLogTerm: s.term, ConfigurationIndex: 1,
				Configuration: raft.EncodeConfiguration(s.voters()), Size: int64(len(content))}
			return s.InstallSnapshot(id, to, &q, new(raft.InstallSnapshotResponse), bytes.NewReader(content))
		},
		"call": func(h raft.RPCHeader, _ []byte) error {
			return s.TimeoutNow(id, to, &raft.TimeoutNowRequest{RPCHeader: h}, new(raft.TimeoutNowResponse))
		},
	}
}

func (s *siege) t() *testing.T { return s.trio.t.(*testing.T) }

// TestMessageThatNamesAnother: what names another member than the one whose key was proved is
// refused before the library sees it, and told: no vote, no term, no leader and no entry come of
// it. The cluster goes on with that other one.
func TestMessageThatNamesAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := besiege(t, 3)
		defer s.end()
		other := s.other()
		forged := s.head()
		forged.ID, forged.Addr = []byte(other), []byte(other)
		address, id := s.head(), s.head()
		address.Addr, id.ID = []byte(other), []byte(other)
		nobody := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax}
		for name, send := range s.messages() {
			term, last := s.victim.raft.CurrentTerm(), s.victim.raft.LastIndex()
			told := s.alarms()
			for _, h := range []raft.RPCHeader{forged, address, id, nobody} {
				if err := send(h, nil); err == nil || !strings.Contains(err.Error(), "it says that cosigner") {
					t.Errorf("%s of %q at %q: %v", name, h.ID, h.Addr, err)
				}
			}
			if name != "question" && name != "call" { // which have no such field
				if err := send(s.head(), []byte(other)); err == nil {
					t.Errorf("%s that names another one where releases before had it: heard", name)
				}
			}
			if n := s.alarms() - told; n != 1 && name != "entry" && name != "heartbeat" {
				t.Errorf("%s: told %d times", name, n)
			}
			_, leader := s.victim.raft.LeaderWithID()
			if now := s.victim.raft.CurrentTerm(); leader != "" || now >= s.term || s.victim.raft.LastIndex() != last {
				t.Fatalf("%s: follows %q, in the term %d after %d", name, leader, now, term)
			}
		}
		s.wire.isolate(other, false)
		if r := s.apply(90, 1); r.Held.Message == nil {
			t.Errorf("the cluster does not go on: %+v", r)
		}
	})
}

// other returns the member that neither the impostor nor its victim is.
func (s *siege) other() string {
	for _, name := range trioNames {
		if name != s.name && name != s.victim.name {
			return name
		}
	}
	return ""
}

// TestCallToStandOfNoLeader: a member that does not lead cannot have another one stand for
// election, which would unseat a sound leader as often as it likes. One that leads can.
func TestCallToStandOfNoLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged syncBuffer
		tr := newTrio(t, func(_ string, c *Config) { c.Log = zerolog.New(&logged) })
		defer tr.stopAll()
		tr.apply(1, 7)
		leader := tr.leader()
		i := tr.impostor(tr.followers(leader)[0])
		defer i.Close()
		term := leader.raft.CurrentTerm()
		for _, to := range []string{leader.name, tr.followers(leader)[1]} {
			for range 3 {
				err := i.TimeoutNow(raft.ServerID(to), raft.ServerAddress(to), &raft.TimeoutNowRequest{RPCHeader: i.head()},
					new(raft.TimeoutNowResponse))
				if err == nil || !strings.Contains(err.Error(), errSenderDoesNotLead.Error()) {
					t.Errorf("%s: %v", to, err)
				}
			}
		}
		time.Sleep(3 * time.Second)
		if now := leader.raft.CurrentTerm(); now != term || !leader.Leader().Self {
			t.Errorf("%s was unseated: term %d after %d", leader.name, now, term)
		}
		if n := strings.Count(logged.String(), "hands the lead over, and was not heard"); n != 2 {
			t.Errorf("told %d times, want once by each", n)
		}
		if err := leader.HandOverTo(tr.followers(leader)[1]); err != nil {
			t.Errorf("the leader hands over: %v", err)
		}
	})
}
