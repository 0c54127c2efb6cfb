package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// Refusals is for a connection to the named member, beside what Dial sets. told is called whenever
// that member ends the handshake because it does not take our certificate, which a call only shows
// as a connection that broke.
func (f *File) Refusals(own tls.Certificate, name string, told func(error)) grpc.DialOption {
	return grpc.WithTransportCredentials(noting{credentials.NewTLS(f.ClientTLS(own, name)), told})
}

// noting are credentials that tell of refusals.
type noting struct {
	credentials.TransportCredentials
	told func(error)
}

// ClientHandshake makes a connection of TLS 1.3, on which the other end's refusal comes after the
// handshake is over on ours.
func (n noting) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo,
	error) {
	conn, info, err := n.TransportCredentials.ClientHandshake(ctx, authority, raw)
	n.note(err)
	if err != nil {
		return nil, nil, err
	}
	return &notingConn{conn, n}, info, nil
}

// Clone returns credentials that tell the same.
func (n noting) Clone() credentials.TransportCredentials {
	return noting{n.TransportCredentials.Clone(), n.told}
}

// note tells of an error if the other end sent it, as crypto/tls marks an alert.
func (n noting) note(err error) {
	if alert := (*net.OpError)(nil); errors.As(err, &alert) && alert.Op == "remote error" {
		n.told(alert)
	}
}

// lastWords is how long an alert is waited for that came before the end of a connection.
const lastWords = 50 * time.Millisecond

type notingConn struct {
	net.Conn
	noting noting
}

// Read reads.
func (c *notingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		c.noting.note(err)
	}
	return n, err
}

// Write writes. Where that fails because the other end has hung up, what it said before it did may
// not have been read yet, and nobody reads on: it is what this fails for.
func (c *notingConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err != nil && c.SetReadDeadline(time.Now().Add(lastWords)) == nil {
		_, _ = c.Read(make([]byte, 1)) // notes what comes
	}
	return n, err
}
