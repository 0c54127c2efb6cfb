package link

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"casper-cosigner/cluster"
	"casper-cosigner/cluster/clustertest"
	"casper-cosigner/rule/casper"
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
	l, err := OnTCP("caller", "callee", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
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
	c, err := net.Dial("tcp", r.Address())
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
	if !r.IsCut() {
		t.Error("it says that nothing cuts it")
	}
	r.Mend()
	if r.IsCut() {
		t.Error("it says that something cuts it")
	}
	r.wantReceived(r.callee, "late")
	r.wantReceived(r.caller, "late too")
	r.wantReceived(r.accept(), "a new call")
}

// In memory too: there a write waits for its reader, and at the other end nobody may read any more.
func TestAnEndPassesInMemory(t *testing.T) {
	var l Link
	caller, atCaller := net.Pipe()
	callee, atCallee := net.Pipe()
	defer caller.Close()
	defer callee.Close()
	carried := make(chan struct{})
	go func() {
		defer close(carried)
		l.carry(t.Context(), &pair{atCaller, atCallee})
	}()
	l.Cut()
	caller.Close()
	select {
	case <-carried:
		t.Error("the end came through a cut")
	case <-time.After(quiet):
	}
	l.Mend()
	select {
	case <-carried:
	case <-time.After(soon):
		t.Fatal("the caller has closed, and the callee's end stays open")
	}
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
	if still := r.late(newWay(0, 0)); still != 0 {
		t.Errorf("it is late by %v still", still)
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

// TestRewire: the change is in the file, and one that fails leaves it as it was.
func TestRewire(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cluster.toml")
	if err := Rewire(path, func(*cluster.File) error { return nil }); err == nil {
		t.Error("there was no file")
	}
	if err := os.WriteFile(path, clustertest.New(t, casper.PublicKey{1}, nil).Text, 0o600); err != nil {
		t.Fatal(err)
	}
	const elsewhere = "127.0.0.1:7"
	failed := errors.New("no")
	for _, want := range []error{nil, failed} {
		err := Rewire(path, func(f *cluster.File) error {
			f.Cosigners[0].Address = elsewhere
			if want != nil {
				f.Cosigners[0].Address = "127.0.0.1:8"
			}
			return want
		})
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if f, err := cluster.Parse(text); err != nil || f.Cosigners[0].Address != elsewhere {
			t.Errorf("after %v: %v, %v", want, f, err)
		}
	}
}

func TestNobodyListensIsSeenAtOnce(t *testing.T) {
	r := newRig(t)
	r.target.Close()
	c, err := net.Dial("tcp", r.Address())
	if err == nil { // else it was broken before this call saw that it was taken
		defer c.Close()
		_, err = r.receive(c, 1, soon)
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a call to nobody: %v", err)
	}
}
