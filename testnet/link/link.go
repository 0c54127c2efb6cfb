// Package link is connections that can be cut, slowed down and broken: what lies between two
// members of a cluster under faults, be they processes on TCP or in one process in memory.
//
// It promises that bytes of a connection arrive in their order, each once, or not at all,
// as TCP does.
package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"casper-cosigner/testnet"
)

const (
	chunk  = 32 << 10 // bytes that are carried at once
	chunks = 64       // that wait in each direction of a connection, until TCP holds the sender back
)

// Link carries the calls of one member to another, and what comes back on them. It can be long, so
// that every byte takes its time; be cut, so that bytes wait in it and arrive late; be slowed
// down; and have its connections broken. What it cannot do is lose, repeat or reorder bytes of
// a connection: TCP would not let that be seen.
type Link struct {
	From, To string // members
	Listener net.Listener
	// Dial reaches the called member's own listener.
	Dial func(ctx context.Context) (net.Conn, error)

	mu       sync.Mutex
	cuts     int           // faults that cut it now
	clear    chan struct{} // closed while nothing cuts it; nil before it was ever cut
	delay    time.Duration // of every byte, beyond what the distance takes
	distance Distance
	ways     uint64 // that there were, two for each connection
	pairs    map[*pair]struct{}
}

// pair is a connection of a caller and the one that it is carried on to.
type pair struct{ caller, callee net.Conn }

// OnTCP returns a Link that listens at a free port, for calls to the target, HOST:PORT.
func OnTCP(from, to, target string) (*Link, error) {
	listener, err := net.Listen("tcp", testnet.Loopback(0))
	if err != nil {
		return nil, fmt.Errorf("linking %s to %s: %w", from, to, err)
	}
	return &Link{From: from, To: to, Listener: listener, Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", target)
	}}, nil
}

// Address is where it listens.
func (l *Link) Address() string { return l.Listener.Addr().String() }

// Run carries until ctx ends.
func (l *Link) Run(ctx context.Context) {
	var carrying sync.WaitGroup
	defer carrying.Wait()
	stop := context.AfterFunc(ctx, func() { l.Listener.Close() }) //nolint:errcheck // nothing is lost
	defer stop()
	for {
		caller, err := l.Listener.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			continue // the caller was gone again
		}
		carrying.Go(func() { l.accept(ctx, caller) })
	}
}

// accept carries one call on. While the link is cut the caller waits, as for one that
// does not answer. What it says before the callee could have answered waits too, since on a network
// the caller has no connection until then.
func (l *Link) accept(ctx context.Context, caller net.Conn) {
	defer caller.Close()
	if testnet.Pause(ctx, l.handshake()) != nil || l.pass(ctx) != nil {
		return
	}
	callee, err := l.Dial(ctx)
	if err != nil {
		reset(caller) // nobody listens, and the caller is to see that at once
		return
	}
	defer callee.Close()
	l.carry(ctx, &pair{caller, callee})
}

// carry passes bytes on, both ways, until one end is closed, ctx ends or the connections
// are broken.
func (l *Link) carry(ctx context.Context, p *pair) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { p.caller.Close(); p.callee.Close() })
	defer stop()
	l.mu.Lock()
	if l.pairs == nil {
		l.pairs = map[*pair]struct{}{}
	}
	l.pairs[p] = struct{}{}
	first, seed := l.ways, l.distance.Seed
	l.ways += 2
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.pairs, p)
		l.mu.Unlock()
	}()
	var pumping sync.WaitGroup
	for i, ends := range [][2]net.Conn{{p.callee, p.caller}, {p.caller, p.callee}} {
		pieces, way := make(chan piece, chunks), newWay(seed, first+uint64(i))
		pumping.Go(func() {
			defer close(pieces)
			read(ctx, ends[1], pieces)
		})
		pumping.Go(func() {
			defer cancel() // which ends the other way too
			l.write(ctx, ends[0], pieces, way)
		})
	}
	pumping.Wait()
}

// piece is some bytes, and when they were sent.
type piece struct {
	bytes []byte
	sent  time.Time
}

func read(ctx context.Context, src net.Conn, into chan<- piece) {
	for {
		buffer := make([]byte, chunk)
		n, err := src.Read(buffer)
		select {
		case into <- piece{buffer[:n], time.Now()}: // at the sender's end of no bytes, so that the end too is held up
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// write passes the pieces on. It returns when all have arrived after the sender's end, so that the
// end of a connection is held up as its bytes are, or on any error.
func (l *Link) write(ctx context.Context, dst net.Conn, pieces <-chan piece, w *way) {
	for p := range pieces {
		if testnet.Pause(ctx, time.Until(p.sent.Add(l.late(w)))) != nil || l.pass(ctx) != nil {
			return
		}
		if len(p.bytes) == 0 { // to write nothing waits for a reader, where the connection is in memory
			continue
		}
		if _, err := dst.Write(p.bytes); err != nil {
			return
		}
	}
}

// late is by how much the next piece on a way is late.
func (l *Link) late(w *way) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.delay + w.takes(l.distance)
}

// pass waits until nothing cuts the link.
func (l *Link) pass(ctx context.Context) error {
	for {
		l.mu.Lock()
		clear, cut := l.clear, l.cuts > 0
		l.mu.Unlock()
		if !cut {
			return ctx.Err()
		}
		select {
		case <-clear:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Cut holds up every byte, until as many calls of Mend.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cuts++; l.cuts == 1 {
		l.clear = make(chan struct{})
	}
}

// Mend undoes one cut.
func (l *Link) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cuts--; l.cuts == 0 {
		close(l.clear)
	}
}

// IsCut reports whether something cuts it now.
func (l *Link) IsCut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cuts > 0
}

// Slow makes every byte later by d, or with a negative d undoes that.
func (l *Link) Slow(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay += d
}

// Sever breaks every connection, at both ends at once. What was on its way is lost.
func (l *Link) Sever() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.pairs {
		reset(p.caller)
		reset(p.callee)
	}
}

// reset closes a connection so that the other end sees it broken, not ended.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		t.SetLinger(0) //nolint:errcheck // it is closed in any case
	}
	c.Close()
}
