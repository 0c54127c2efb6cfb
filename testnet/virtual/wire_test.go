//go:build !race

package virtual

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"

	"casper-cosigner/testnet/link"
)

// wire joins members in memory, by a link for each and each other one that it calls.
type wire struct {
	links   []*link.Link
	running sync.WaitGroup
	cancel  context.CancelFunc

	mu        sync.Mutex
	listeners map[string]*listener // of the members that run
}

func newWire(ctx context.Context, names []string) *wire {
	w := &wire{listeners: map[string]*listener{}}
	ctx, w.cancel = context.WithCancel(ctx)
	for _, from := range names {
		for _, to := range names {
			if from == to {
				continue
			}
			l := &link.Link{From: from, To: to, Listener: newListener(), Dial: func(ctx context.Context) (net.Conn, error) {
				return w.listener(to).dial(ctx, from)
			}}
			w.links = append(w.links, l)
			w.running.Go(func() { l.Run(ctx) })
		}
	}
	return w
}

func (w *wire) close() {
	w.cancel()
	w.running.Wait()
}

// listen makes the listener of a member that starts.
func (w *wire) listen(name string) *listener {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listeners[name] = newListener()
	return w.listeners[name]
}

func (w *wire) listener(name string) *listener {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.listeners[name]
}

// dial has one member call another.
func (w *wire) dial(ctx context.Context, from, to string) (net.Conn, error) {
	conn, err := w.of(from, to)[0].Listener.(*listener).dial(ctx, from)
	if err != nil {
		return nil, err
	}
	return named{conn, to}, nil
}

// of returns the links from one member to another; an empty name is any.
func (w *wire) of(from, to string) (all []*link.Link) {
	for _, l := range w.links {
		if (from == "" || l.From == from) && (to == "" || l.To == to) {
			all = append(all, l)
		}
	}
	return all
}

// passes reports whether a call and its answer would pass now.
func (w *wire) passes(from, to string) bool {
	return !slices.ContainsFunc(w.of(from, to), (*link.Link).IsCut)
}

func cutAll(links []*link.Link) {
	for _, l := range links {
		l.Cut()
	}
}

func mendAll(links []*link.Link) {
	for _, l := range links {
		l.Mend()
	}
}

// named is a connection that proves who is at its other end, as one with TLS does.
type named struct {
	net.Conn
	peer string
}

// listener is a net.Listener in memory.
type listener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newListener() *listener { return &listener{conns: make(chan net.Conn), done: make(chan struct{})} }

var errRefused = errors.New("connection refused")

func (l *listener) dial(ctx context.Context, from string) (net.Conn, error) {
	if l == nil {
		return nil, errRefused
	}
	ours, theirs := net.Pipe()
	select {
	case l.conns <- named{theirs, from}:
		return ours, nil
	case <-l.done:
		return nil, errRefused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept returns the next caller's connection.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr is no address: nobody asks.
func (l *listener) Addr() net.Addr { return &net.UnixAddr{} }
