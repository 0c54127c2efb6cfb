package raftstore

import (
	"errors"
	"net"
)

// errSuperseded says that a newer start of the peer was let in meanwhile.
var errSuperseded = errors.New("a newer start of this cosigner was let in")

// track makes Close close the connection as well, since Raft itself leaves open what it has taken;
// likewise the first connection of a newer start of the peer.
func (s *stream) track(conn net.Conn, peer string, boot uint64) (*tracked, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		return nil, net.ErrClosed
	}
	if boot < s.newest[peer] {
		return nil, errSuperseded
	}
	s.newest[peer] = boot
	for t := range s.open {
		if t.peer == peer && t.boot < boot {
			t.Conn.Close() // whoever uses it finds out, and closes it for good
		}
	}
	t := &tracked{Conn: conn, stream: s, peer: peer, boot: boot}
	s.open[t] = struct{}{}
	return t, nil
}

type tracked struct {
	net.Conn
	stream *stream
	peer   string
	boot   uint64 // of the peer, when it was let in
}

// errFell says that the peer's state was seen to go back.
var errFell = errors.New("this cosigner's state went back")

// Read reads what the peer sent, unless its state was seen to go back, here or on a call.
func (t *tracked) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if lost := t.stream.takePart(); lost != nil {
		return 0, lost
	}
	if seen, _ := t.stream.network.Presences.Seen(t.peer); seen.Void(t.boot) {
		return 0, errFell
	}
	return n, err
}

// Write sends to the peer, unless this member's own memory is lost.
func (t *tracked) Write(b []byte) (int, error) {
	if lost := t.stream.takePart(); lost != nil {
		return 0, lost
	}
	return t.Conn.Write(b)
}

// takePart returns an error once this member's memory is lost, and while it is not known yet
// whether it is. It may have voted for another leader, and acknowledged entries that it does not
// have any more: its vote could elect a leader without what was committed, and its word could
// commit something else in that place. Raft knows no follower whose word does not count, so it
// does not follow either. That costs no signature: such a member gives no share, and fewer than a
// threshold of the others are never a majority.
func (s *stream) takePart() error {
	if s.lost == nil {
		return nil
	}
	return s.lost()
}

// Close closes the connection.
func (t *tracked) Close() error {
	t.stream.mu.Lock()
	delete(t.stream.open, t)
	t.stream.mu.Unlock()
	return t.Conn.Close()
}
