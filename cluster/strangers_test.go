package cluster_test

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	"casper-cosigner/cluster"
	"casper-cosigner/cluster/clustertest"
	"casper-cosigner/rule/casper"
)

// pipes is a listener to which tests connect, in a bubble of their own time.
type pipes struct {
	made   chan net.Conn
	closed chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.made:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error   { close(p.closed); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// connect returns one end of a connection that was accepted.
func (p pipes) connect(t *testing.T) net.Conn {
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close() })
	p.made <- theirs
	return ours
}

// TestStrangers: who connects and says nothing is dropped after a few seconds; where many do, the
// first of them at once, and none that has shown which member it is.
func TestStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, casper.PublicKey{1}, nil)
		listener := pipes{make(chan net.Conn), make(chan struct{})}
		server := c.File.NewServer(c.Certificates["cosigner-1"], cluster.Access{"/a/b": {cluster.Operator}})
		go server.Serve(listener)
		defer server.Stop()
		start := time.Now()
		gone := func(stranger net.Conn, within time.Duration) {
			t.Helper()
			if _, err := io.ReadAll(stranger); err != nil {
				t.Error(err)
			}
			if after := time.Since(start); after > within {
				t.Errorf("a silent stranger was dropped after %v, want %v", after, within)
			}
		}
		gone(listener.connect(t), 10*time.Second)

		conn, err := c.File.Dial(c.Certificates["ops"], "cosigner-1", "", grpc.WithContextDialer(
			func(context.Context, string) (net.Conn, error) { return listener.connect(t), nil }))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Connect()
		synctest.Wait()
		const many = 300
		var strangers []net.Conn
		start = time.Now()
		for range many {
			strangers = append(strangers, listener.connect(t))
			synctest.Wait()
		}
		gone(strangers[0], 0)
		if conn.GetState() != connectivity.Ready {
			t.Errorf("a member is %v while strangers come", conn.GetState())
		}
		gone(strangers[many-1], 10*time.Second)
	})
}
