package raftstore

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// Whoever is silent holds up nobody else, and not for longer than a greeting may take.
func TestSilentCallerBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		a, b := streams(t, w, nil)
		defer a.Close()
		defer b.Close()
		accepted := taken(b)
		var silent []net.Conn
		for range 20 {
			c, err := w.dial(context.Background(), "a", "b")
			if err != nil {
				t.Fatal(err)
			}
			silent = append(silent, c)
		}
		start := time.Now()
		conn, err := a.Dial("b", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		<-accepted
		if took := time.Since(start); took > time.Millisecond {
			t.Errorf("it took %v", took)
		}
		for _, c := range silent {
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Error("a silent caller was shown something")
			}
		}
		if took := time.Since(start); took > greetingTimeout {
			t.Errorf("silent callers were kept for %v", took)
		}
	})
}

// Strangers who say nothing cannot shut a peer out: the one that came first makes room for the one
// that comes last.
func TestTooManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		a, b := streams(t, w, nil)
		defer a.Close()
		defer b.Close()
		accepted := taken(b)
		synctest.Wait()
		for range len(accepted) {
			<-accepted
		}
		start := time.Now()
		var silent []net.Conn
		for range greetingsAtOnce {
			c, err := w.dial(context.Background(), "a", "b")
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			silent = append(silent, c)
		}
		synctest.Wait()
		conn, err := a.Dial("b", time.Second)
		if err != nil {
			t.Fatalf("a peer was shut out: %v", err)
		}
		defer conn.Close()
		<-accepted
		if _, err := silent[0].Read(make([]byte, 1)); err == nil || time.Since(start) > 0 {
			t.Errorf("the one that came first: %v after %v, want it closed at once", err, time.Since(start))
		}
		if _, err := silent[1].Read(make([]byte, 1)); err == nil || time.Since(start) != greetingTimeout {
			t.Errorf("the second: %v after %v, want it kept until it has had its time", err, time.Since(start))
		}
		synctest.Wait()
		b.stream.mu.Lock()
		defer b.stream.mu.Unlock()
		if n := len(b.greeting); n > 0 {
			t.Errorf("%d are still counted as greeting", n)
		}
	})
}

func TestBadGreetings(t *testing.T) {
	for what, said := range map[string][]byte{
		"too long":   {0, 1, 0, 0},
		"not proto":  {0, 0, 0, 2, 0xff, 0xff},
		"empty":      {0, 0, 0, 0},
		"zero ids":   {0, 0, 0, 2, 0x18, 1},
		"Raft bytes": {1, 2, 3, 4, 5, 6},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWire()
				a, b := streams(t, w, nil)
				defer a.Close()
				defer b.Close()
				accepted := taken(b)
				synctest.Wait()
				for range len(accepted) {
					<-accepted
				}
				conn, err := w.dial(context.Background(), "a", "b")
				if err != nil {
					t.Fatal(err)
				}
				go conn.Write(said)
				if got, err := io.ReadAll(conn); err != nil && !errors.Is(err, io.ErrClosedPipe) || len(got) > 0 {
					t.Errorf("it was answered %x, %v", got, err)
				}
				synctest.Wait()
				if len(accepted) > 0 {
					t.Error("Raft saw the connection")
				}
			})
		})
	}
}
