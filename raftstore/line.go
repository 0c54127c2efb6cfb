package raftstore

import (
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/hashicorp/raft"
)

// line is the raft.StreamLayer of what one peer sends, as its key proved when it was let in. The
// library believes each message whom it is of, and does not tell on which connection it came: so
// each peer is read by a transport of its own.
type line struct {
	*stream
	peer string
}

// Accept returns the next connection of the peer.
func (l line) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepted[l.peer]:
		return conn, nil
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close does nothing: the stream is closed once, for all.
func (line) Close() error { return nil }

// lines is a transport that takes a message only if it names the peer that sent it.
type lines struct {
	transport // for calls; it hears nobody
	peers     map[string]*raft.NetworkTransport
	hearing   hearing
	heard     chan raft.RPC
}

func newLines(s *stream, c Config, l *hcLogger, h hearing) lines {
	all := lines{transport: newTransport(s, c, l), peers: map[string]*raft.NetworkTransport{}, hearing: h,
		heard: make(chan raft.RPC)}
	for _, name := range c.Voters.but(c.Name) {
		from := newTransport(line{s, name}, c, l).NetworkTransport
		all.peers[name] = from
		s.running.Go(func() { all.hear(s, name, from) })
	}
	return all
}

// hearing is what messages of peers are held against, and where those are told that are refused.
type hearing struct {
	leader   func() string // whom this member knows as the leader, empty if nobody
	refusals *refusals
}

// errSenderDoesNotLead says that a member has this one stand for election and does not lead. One
// that led until a moment ago may do so.
var errSenderDoesNotLead = errors.New("it has this cosigner stand for election, and another one leads here, or none")

// may returns an error for a message that the peer may not send.
func (h hearing) may(peer string, message any) error {
	kind, err := sentBy(peer, message)
	if err != nil {
		return h.refusals.impostor(peer, kind, err)
	}
	if _, ok := message.(*raft.TimeoutNowRequest); ok && h.leader() != peer {
		return h.refusals.pretender(peer, errSenderDoesNotLead)
	}
	return nil
}

// sentBy returns an error unless the message says, wherever it says so, that the peer sent it. Name
// and address are the same word here.
func sentBy(peer string, message any) (kind string, err error) {
	var older []byte // where releases of the library before had it
	switch m := message.(type) {
	case *raft.AppendEntriesRequest:
		kind, older = "log entry or heartbeat", m.Leader //nolint:staticcheck // the library still reads it
	case *raft.InstallSnapshotRequest:
		kind, older = "snapshot", m.Leader
	case *raft.RequestVoteRequest:
		kind, older = "request for a vote", m.Candidate //nolint:staticcheck // the library still reads it
	case *raft.RequestPreVoteRequest:
		kind = "question for a vote"
	case *raft.TimeoutNowRequest:
		kind = "call to stand for election"
	default:
		return "message of an unknown kind", fmt.Errorf("%T", message)
	}
	h := message.(raft.WithRPCHeader).GetRPCHeader()
	for _, name := range []string{string(h.ID), string(h.Addr)} {
		if name != peer {
			return kind, fmt.Errorf("it says that cosigner %q sent it", name)
		}
	}
	if len(older) > 0 && string(older) != peer {
		return kind, fmt.Errorf("it says that cosigner %q sent it", older)
	}
	return kind, nil
}

// hear reads what the peer sends, and passes on what it may.
func (all lines) hear(s *stream, peer string, from *raft.NetworkTransport) {
	for {
		select {
		case m := <-from.Consumer():
			if err := all.hearing.may(peer, m.Command); err != nil {
				if m.Reader != nil { // what is left of it would be taken for messages; nobody but the peer waits
					_, _ = io.Copy(io.Discard, m.Reader)
				}
				m.Respond(nil, err)
				continue
			}
			select {
			case all.heard <- m:
			case <-s.ctx.Done():
				return
			}
		case <-s.ctx.Done():
			return
		}
	}
}

// Consumer returns what peers send, each in its own name.
func (all lines) Consumer() <-chan raft.RPC { return all.heard }

// SetHeartbeatHandler has heartbeats, which do not wait for other messages, handled by beat.
func (all lines) SetHeartbeatHandler(beat func(raft.RPC)) {
	for peer, from := range all.peers {
		from.SetHeartbeatHandler(func(m raft.RPC) {
			if err := all.hearing.may(peer, m.Command); err != nil {
				m.Respond(nil, err)
				return
			}
			beat(m)
		})
	}
}

// Close ends what is read of each peer, and the stream. A second call does nothing.
func (all lines) Close() error {
	var failed error
	for _, from := range all.peers {
		failed = errors.Join(failed, from.Close())
	}
	return errors.Join(failed, all.transport.Close())
}
