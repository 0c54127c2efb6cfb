package raftstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/presence"
	"casper-cosigner/statedir"
)

const (
	greetingTimeout = 2 * time.Second // with the TLS handshake
	greetingSize    = 1 << 10         // more than any Presence needs, bytes
	greetingsAtOnce = 128             // connections that are still greeting
	acceptPause     = 50 * time.Millisecond
	visitEvery      = 5 * time.Second
	visitSoon       = 150 * time.Millisecond // while the log has no Genesis
)

// stream is the raft.StreamLayer. Before Raft sees a connection each end has proved who it is,
// shown its presence and accepted the other's. The one that called shows first, so that a stranger
// learns nothing.
//
// Each member also visits each other one now and then for nothing but the exchange. Raft's own
// connections are kept for months, and two followers have none: without the visits they would not
// know each other's newest state, and could not tell that the other has come back on an older one.
// Until the log has its Genesis the visits come quickly, since Genesis waits for all to have met.
//
// When a newer start of a peer is let in, the connections of its earlier ones are closed: of a
// directory that runs twice, one process at most is heard. Nothing more is read from a process that
// was seen to go back.
type stream struct {
	self      string
	addresses map[string]string // by name, self included
	network   Network
	watchdog  statedir.Watchdog
	indexes   func() (last, applied uint64)
	founded   func() bool  // whether the log has its Genesis
	lost      func() error // why this member's memory is lost; may be nil
	complain  *complaints

	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	started  chan struct{}            // closed by start
	accepted map[string]chan net.Conn // by who called
	running  sync.WaitGroup

	mu       sync.Mutex
	greeting []net.Conn            // callers that have yet to greet, the one that came first first
	open     map[*tracked]struct{} // nil once closed
	newest   map[string]uint64     // boot count of each peer that was let in last
}

func newStream(c Config, indexes func() (last, applied uint64), founded func() bool) *stream {
	s := &stream{
		self: c.Name, addresses: c.Voters.addresses(), network: c.Network, watchdog: c.Watchdog, indexes: indexes,
		founded: founded, lost: c.Lost, complain: newComplaints(c.Log),
		started: make(chan struct{}), accepted: map[string]chan net.Conn{},
		open: map[*tracked]struct{}{}, newest: map[string]uint64{},
	}
	for name := range s.addresses {
		s.accepted[name] = make(chan net.Conn)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// start lets connections in and out. Before it there is no index to show.
func (s *stream) start() {
	s.running.Go(s.listen)
	for name := range s.addresses {
		if name != s.self {
			s.running.Go(func() { s.visit(name) })
		}
	}
	close(s.started)
}

func (s *stream) visit(name string) {
	for {
		if conn, err := s.Dial(raft.ServerAddress(name), greetingTimeout); err == nil {
			conn.Close()
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

func (s *stream) listen() {
	for {
		conn, err := s.network.Listener.Accept()
		switch {
		case s.ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return
		case err != nil:
			s.complain.about("", "accept", fmt.Errorf("accepting a connection: %w", err))
			select {
			case <-time.After(acceptPause):
			case <-s.ctx.Done():
			}
			continue
		}
		s.begin(conn)
		s.running.Go(func() { s.receive(conn) })
	}
}

// begin notes that a caller is greeting. If too many are, it closes the one that has been at it
// longest: a peer needs milliseconds, so that is a stranger, and a port full of strangers must not
// shut peers out.
func (s *stream) begin(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.greeting) == greetingsAtOnce {
		s.greeting[0].Close() // whoever reads from it finds out
		s.greeting = slices.Delete(s.greeting, 0, 1)
	}
	s.greeting = append(s.greeting, conn)
}

// end notes that a caller has greeted, or has failed to.
func (s *stream) end(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.greeting, conn); i >= 0 {
		s.greeting = slices.Delete(s.greeting, i, i+1)
	}
}

// receive greets one caller and hands it to Raft.
func (s *stream) receive(conn net.Conn) {
	ctx, cancel := context.WithTimeout(s.ctx, greetingTimeout)
	defer cancel()
	greeted, err := s.greet(ctx, conn, "")
	s.end(conn)
	if err != nil {
		return
	}
	select {
	case s.accepted[greeted.peer] <- greeted:
	case <-s.ctx.Done():
		_ = greeted.Close()
	}
}

// Accept returns nothing until the stream is closed: who called is heard by line.
func (s *stream) Accept() (net.Conn, error) {
	<-s.ctx.Done()
	return nil, net.ErrClosed
}

// Dial connects to the member with the name that Raft has for its address.
func (s *stream) Dial(name raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.ctx, min(timeout, greetingTimeout))
	defer cancel()
	select {
	case <-s.started:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	address, ok := s.addresses[string(name)]
	if !ok {
		return nil, fmt.Errorf("calling cosigner %s: it is not in the cluster file", name)
	}
	conn, err := s.network.Dial(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("calling cosigner %s: %w", name, err)
	}
	greeted, err := s.greet(ctx, conn, string(name))
	if err != nil {
		// Raft repeats what it is told here with every attempt; greet has said it once.
		return nil, fmt.Errorf("calling cosigner %s: %w", name, errNotGreeted)
	}
	return greeted, nil
}

// errNotGreeted is what Raft is told of a connection that came to nothing.
var errNotGreeted = errors.New("no presences were exchanged")

// greet exchanges presences on a connection, which it closes when ctx ends too early, or on an
// error, which it logs. callee is whom we called, empty if we were called.
func (s *stream) greet(ctx context.Context, conn net.Conn, callee string) (*tracked, error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	peer, boot, step, err := s.exchange(ctx, conn, callee, s.before(conn, callee))
	if err == nil && !stop() {
		err, step = ctx.Err(), "exchange"
	}
	if err == nil {
		var t *tracked
		if t, err = s.track(conn, peer, boot); err == nil {
			s.complain.forget(peer)
			return t, nil
		}
	}
	stop()
	conn.Close()
	if s.ctx.Err() == nil {
		s.complain.about(peer, step, err)
	}
	return nil, err
}

// handshaker is a connection on which each end hears from the other before the first byte.
type handshaker interface{ HandshakeContext(context.Context) error }

// before returns what was seen of the others up to now, if whatever presence comes on the
// connection is made after now: whom we called shows itself after we did, and a caller after its
// handshake, which needs our part. Without a handshake a caller may have made it before we knew of
// the call.
func (s *stream) before(conn net.Conn, callee string) map[string]statedir.Sighting {
	if _, ok := conn.(handshaker); !ok && callee == "" {
		return nil
	}
	all := map[string]statedir.Sighting{}
	for name := range s.addresses {
		all[name], _ = s.network.Presences.Seen(name)
	}
	return all
}

// exchange returns the peer's name, once known, and the boot count that it showed, or on an error
// in which step it came. before is what was seen of each before.
func (s *stream) exchange(ctx context.Context, conn net.Conn, callee string,
	before map[string]statedir.Sighting) (peer string, boot uint64, step string, err error) {
	if peer, step, err = s.identify(ctx, conn, callee); err != nil {
		return peer, 0, step, err
	}
	if callee != "" {
		if err := s.show(conn); err != nil {
			return peer, 0, "exchange", err
		}
	}
	theirs, err := readPresence(conn)
	if callee != "" && errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: cosigner %s hung up on ours and may have refused our state; its log tells why", err, callee)
	}
	if err != nil {
		return peer, 0, "exchange", err
	}
	if err := s.admit(peer, theirs, before[peer]); err != nil {
		return peer, 0, stepOf(err), err
	}
	if callee == "" {
		err = s.show(conn)
	}
	return peer, theirs.GetBootCount(), "exchange", err
}

// identify returns which cosigner is at the other end.
func (s *stream) identify(ctx context.Context, conn net.Conn, callee string) (peer, step string, err error) {
	if t, ok := conn.(handshaker); ok {
		if err := t.HandshakeContext(ctx); err != nil {
			return callee, "tls", err
		}
	}
	peer, err = s.network.PeerName(conn)
	if err != nil {
		return callee, "name", err
	}
	_, known := s.addresses[peer]
	switch {
	case !known || peer == s.self:
		return peer, "name", fmt.Errorf("%q is no other cosigner", peer)
	case callee != "" && peer != callee:
		// Two answers of one cosigner must never count as those of two.
		return callee, "name", fmt.Errorf("%q answers at the address of %q", peer, callee)
	}
	return peer, "", nil
}

// admit asks whether the peer may come in on the state that it shows.
func (s *stream) admit(peer string, theirs *cosignerv1.Presence, asked statedir.Sighting) error {
	p, err := presence.Parse(theirs)
	if err != nil {
		return err
	}
	defer s.watchdog.Start("recording a presence")()
	return s.network.Presences.Admit(peer, p, asked)
}

func stepOf(err error) string {
	if refused := (*statedir.PeerError)(nil); errors.As(err, &refused) {
		return string(refused.Reason)
	}
	return "presence"
}

func (s *stream) show(conn net.Conn) error {
	b, err := proto.Marshal(s.network.Presences.Presence(s.indexes()).Proto())
	if err != nil {
		return err
	}
	_, err = conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
	return err
}

// readPresence reads one, and not a byte more: what follows is Raft's.
func readPresence(conn net.Conn) (*cosignerv1.Presence, error) {
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, fmt.Errorf("reading presence: %w", err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > greetingSize {
		return nil, fmt.Errorf("reading presence: %d bytes are announced", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(conn, b); err != nil {
		return nil, fmt.Errorf("reading presence: %w", err)
	}
	p := &cosignerv1.Presence{}
	if err := proto.Unmarshal(b, p); err != nil {
		return nil, fmt.Errorf("reading presence: %w", err)
	}
	return p, nil
}

// Close stops listening and closes every connection. A second call does nothing.
func (s *stream) Close() error {
	s.cancel()
	err := s.network.Listener.Close()
	s.mu.Lock()
	conns := s.open
	s.open = nil
	s.mu.Unlock()
	for conn := range conns {
		conn.Conn.Close()
	}
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	s.running.Wait()
	return err
}

// Addr returns the member's address as Raft knows it: its name.
func (s *stream) Addr() net.Addr { return raftAddr(s.self) }

type raftAddr string

func (raftAddr) Network() string  { return "raft" }
func (a raftAddr) String() string { return string(a) }
