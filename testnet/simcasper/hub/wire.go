package hub

import (
	"bufio"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/gob"
	"errors"
	"fmt"
	"net"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet/zug"
)

// Frame is what travels between the hub and a node of ours: gob over TCP, whole and in order,
// neither encrypted nor proven beside the handshake's certificate, which the hub checks. One field
// beside Peer is set.
type Frame struct {
	Peer        int // to a node: whom Message is from; from a node: whom it is to, or zug.All
	Message     zug.Message
	Hello       *Hello
	Welcome     *Welcome
	Certificate *casper.Signature // of the handshake's message
	Staged      *Upgrade
}

// Hello is a node's first frame.
type Hello struct {
	ID     int // address in the network
	Point  casper.TLSPoint
	Random [12]byte
}

// Welcome is the hub's answer. It comes once the network is up.
type Welcome struct {
	Chain   zug.Chain
	Version string   // of the protocol in force
	Height  uint64   // of the newest block
	Upgrade *Upgrade // nil if none is staged
	Point   casper.TLSPoint
	Random  [12]byte
}

// Upgrade is a next version, as it is staged on all hosts of the network.
type Upgrade struct {
	Era     uint64 // the first in which it is in force
	Version string
}

// NewPoint draws a TLS key and returns its point, compressed (SEC 1, section 2.3.3).
// Nobody needs the key.
func NewPoint() (p casper.TLSPoint) {
	key, err := ecdh.P521().GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	whole := key.PublicKey().Bytes() // 4, x, y
	p[0] = 2 + whole[len(whole)-1]&1
	copy(p[1:], whole[1:])
	return p
}

// Certified returns the message that both ends of a handshake sign (casper-node
// network/counting_format.rs).
func Certified(h Hello, w Welcome) casper.Handshake {
	m := casper.Handshake{Our: h.Point, Their: w.Point}
	for i := range m.Random {
		m.Random[i] = h.Random[i] ^ w.Random[i]
	}
	return m
}

// Conn is one end of a connection. One goroutine may send while another receives.
type Conn struct {
	conn net.Conn
	in   *gob.Decoder
	out  *gob.Encoder
	buf  *bufio.Writer
}

// NewConn returns the end of a connection. Both ends must be made by it.
func NewConn(c net.Conn) *Conn {
	Register()
	buf := bufio.NewWriter(c)
	return &Conn{conn: c, in: gob.NewDecoder(bufio.NewReader(c)), out: gob.NewEncoder(buf), buf: buf}
}

// Register tells gob of all messages of the network. It may be called again.
func Register() {
	for _, m := range []any{zug.Signed{}, zug.Proposed{}, zug.SyncRequest{}, zug.SyncResponse{}, zug.BlockRequest{},
		zug.BlockResponse{}, casper.Echo{}, casper.Vote{}, casper.Finality{}} {
		gob.Register(m)
	}
}

// Send sends a frame.
func (c *Conn) Send(f Frame) error {
	if err := errors.Join(c.out.Encode(f), c.buf.Flush()); err != nil {
		return fmt.Errorf("sending a frame: %w", err)
	}
	return nil
}

// Receive returns the next frame.
func (c *Conn) Receive() (f Frame, err error) {
	if err := c.in.Decode(&f); err != nil {
		return f, fmt.Errorf("receiving a frame: %w", err)
	}
	return f, nil
}

// Close closes the connection. Whoever sends or receives fails.
func (c *Conn) Close() { c.conn.Close() }
