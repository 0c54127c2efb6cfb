package simnet

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"casper-cosigner/testnet"
)

// proxy stands between an agent and a cosigner, and can be cut. It is safe for concurrent use.
type proxy struct {
	listener net.Listener
	to       string
	running  sync.WaitGroup

	mu    sync.Mutex // guards what follows
	cut   bool
	conns map[net.Conn]bool
}

// openProxy passes connections on to an address.
func openProxy(to string) (*proxy, error) {
	l, err := net.Listen("tcp", testnet.Loopback(0))
	if err != nil {
		return nil, fmt.Errorf("opening a proxy to %s: %w", to, err)
	}
	p := &proxy{listener: l, to: to, conns: map[net.Conn]bool{}}
	p.running.Go(p.accept)
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return // it is closed
		}
		p.running.Go(func() { p.pass(near) })
	}
}

func (p *proxy) pass(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer far.Close()
	if !p.keep(near, far) {
		return
	}
	defer p.forget(near, far)
	p.running.Go(func() {
		io.Copy(far, near) //nolint:errcheck // either end may close
		far.Close()
	})
	io.Copy(near, far) //nolint:errcheck // likewise
}

// keep notes a connection, unless the proxy is cut.
func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		return false
	}
	for _, c := range conns {
		p.conns[c] = true
	}
	return true
}

func (p *proxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.conns, c)
	}
}

// setCut ends all connections and lets none come about, until it is mended.
func (p *proxy) setCut(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	if cut {
		for c := range p.conns {
			c.Close()
		}
		clear(p.conns)
	}
}

func (p *proxy) close() error {
	err := p.listener.Close()
	p.setCut(true)
	p.running.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
