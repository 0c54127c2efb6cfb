package raftstore

import (
	"net"
	"time"
)

const (
	visitEvery = 5 * time.Second
	visitSoon  = 150 * time.Millisecond // while the log has no Genesis
)

// visit exchanges presences with a peer now and then, until the stream is closed.
func (s *stream) visit(name string) {
	for {
		if conn, err := s.connect(name, greetingTimeout); err == nil {
			s.keep(name, conn)
		}
		pause := visitEvery
		if !s.founded() {
			pause = visitSoon
		}
		select {
		case <-time.After(pause):
		case <-s.ctx.Done():
			return
		}
	}
}

// keep has a connection to a peer ready, in place of the one before.
func (s *stream) keep(name string, conn net.Conn) {
	s.mu.Lock()
	before := s.spare[name]
	s.spare[name] = conn
	s.mu.Unlock()
	if before != nil {
		before.Close()
	}
}
