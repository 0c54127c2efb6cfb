package link

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"casper-cosigner/testnet"
)

const (
	soon  = 5 * time.Second        // for what must come
	quiet = 100 * time.Millisecond // for what must not
)

// rig is a link with both ends in the test's hands.
type rig struct {
	*Link
	t              *testing.T
	target         net.Listener
	caller, callee net.Conn
}

func newRig(t *testing.T) *rig {
	t.Helper()
	listener, err := net.Listen("tcp", testnet.Loopback(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	ours, err := net.Listen("tcp", testnet.Loopback(0))
	if err != nil {
		t.Fatal(err)
	}
	l := &Link{Listener: ours, Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", listener.Addr().String())
	}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
	r := &rig{Link: l, t: t, target: listener}
	r.caller, r.callee = r.dial(), r.accept()
	return r
}

func (r *rig) dial() net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

func (r *rig) accept() net.Conn {
	r.t.Helper()
	c, err := r.target.Accept()
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

func (r *rig) send(from net.Conn, text string) {
	r.t.Helper()
	if _, err := from.Write([]byte(text)); err != nil {
		r.t.Fatal(err)
	}
}

// receive reads so many bytes, or what came within that time.
func (r *rig) receive(at net.Conn, bytes int, within time.Duration) (string, error) {
	r.t.Helper()
	if err := at.SetReadDeadline(time.Now().Add(within)); err != nil {
		r.t.Fatal(err)
	}
	b := make([]byte, bytes)
	n, err := io.ReadFull(at, b)
	return string(b[:n]), err
}

func (r *rig) wantReceived(at net.Conn, want string) {
	r.t.Helper()
	if got, err := r.receive(at, len(want), soon); got != want {
		r.t.Fatalf("received %q, want %q: %v", got, want, err)
	}
}

func (r *rig) wantNothing(at net.Conn) {
	r.t.Helper()
	if got, err := r.receive(at, 1, quiet); got != "" || !errors.Is(err, os.ErrDeadlineExceeded) {
		r.t.Fatalf("received %q, %v; want nothing", got, err)
	}
}

func TestALinkCarriesBothWays(t *testing.T) {
	r := newRig(t)
	r.send(r.caller, "there")
	r.wantReceived(r.callee, "there")
	r.send(r.callee, "back")
	r.wantReceived(r.caller, "back")
	r.caller.Close()
	if _, err := r.receive(r.callee, 1, soon); !errors.Is(err, io.EOF) {
		t.Errorf("the caller has closed; the callee sees %v", err)
	}
}

func TestACutHoldsBytesUntilItIsMended(t *testing.T) {
	r := newRig(t)
	r.Cut()
	r.Cut()
	r.send(r.caller, "late")
	r.send(r.callee, "late too")
	r.wantNothing(r.callee)
	r.wantNothing(r.caller)
	again := r.dial()
	r.send(again, "a new call")
	r.Mend()
	r.wantNothing(r.callee) // one of two cuts is left
	r.Mend()
	r.wantReceived(r.callee, "late")
	r.wantReceived(r.caller, "late too")
	r.wantReceived(r.accept(), "a new call")
}

func TestASlowLinkIsLate(t *testing.T) {
	const late = 200 * time.Millisecond
	r := newRig(t)
	r.Slow(late)
	sent := time.Now()
	r.send(r.caller, "late")
	r.wantReceived(r.callee, "late")
	if took := time.Since(sent); took < late {
		t.Errorf("took %v, want %v", took, late)
	}
	r.Slow(-late)
	if r.late() != 0 {
		t.Errorf("it is late by %v still", r.late())
	}
}

func TestSeverBreaksBothEnds(t *testing.T) {
	r := newRig(t)
	r.send(r.caller, "x")
	r.wantReceived(r.callee, "x") // so that the link knows the connection
	r.Cut()
	r.send(r.caller, "lost")
	r.Sever()
	r.Mend()
	for name, end := range map[string]net.Conn{"caller": r.caller, "callee": r.callee} {
		if got, err := r.receive(end, 1, soon); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the %s reads %q, %v; want a broken connection", name, got, err)
		}
	}
	again := r.dial()
	r.send(again, "anew")
	r.wantReceived(r.accept(), "anew")
}

func TestNobodyListensIsSeenAtOnce(t *testing.T) {
	r := newRig(t)
	r.target.Close()
	if _, err := r.receive(r.dial(), 1, soon); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a call to nobody: %v", err)
	}
}
