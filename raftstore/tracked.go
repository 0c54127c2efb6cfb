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
	if seen, _ := t.stream.network.Presences.Seen(t.peer); seen.Void(t.boot) {
		return 0, errFell
	}
	return n, err
}

// Close closes the connection.
func (t *tracked) Close() error {
	t.stream.mu.Lock()
	delete(t.stream.open, t)
	t.stream.mu.Unlock()
	return t.Conn.Close()
}
