package raftstore

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"casper-cosigner/statedir"
)

// shaken is a connection with a handshake.
type shaken struct{ net.Conn }

func (shaken) HandshakeContext(context.Context) error { return nil }

// TestGreetingIsHeldAgainstWhatWasSeen: whom we call shows itself after we called, and who calls
// after a handshake with us; so both are held against what was seen before. Without a handshake a
// caller is not.
func TestGreetingIsHeldAgainstWhatWasSeen(t *testing.T) {
	for _, tls := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWire()
			before := statedir.Sighting{Presence: statedir.Presence{Boot: 9, AppliedIndex: 40}, Highest: 40}
			a, b := streams(t, w, func(_ string, c *Config) {
				plain, dial := c.Network.Listener, c.Network.Dial
				c.Network.Presences.(*doorman).seen = map[string]statedir.Sighting{"a": before, "b": before}
				if !tls {
					return
				}
				c.Network.Listener = &shakes{plain}
				c.Network.Dial = func(ctx context.Context, to string) (net.Conn, error) {
					conn, err := dial(ctx, to)
					return shaken{conn}, err
				}
				c.Network.PeerName = func(c net.Conn) (string, error) { return c.(shaken).Conn.(*wireConn).peer, nil }
			})
			defer a.Close()
			defer b.Close()
			synctest.Wait() // each has visited the other
			held := 0
			for _, e := range []*end{a, b} {
				e.doorman.mu.Lock()
				for _, asked := range e.asked {
					if asked == before {
						held++
					} else if asked != (statedir.Sighting{}) {
						t.Errorf("held against %+v", asked)
					}
				}
				if want := map[bool]int{true: 2, false: 1}[tls]; held != want {
					t.Errorf("with TLS %v, %s held %d of two greetings against what was seen, want %d", tls, e.self, held, want)
				}
				held = 0
				e.doorman.mu.Unlock()
			}
		})
	}
}

// shakes is a listener whose connections have a handshake.
type shakes struct{ net.Listener }

func (l *shakes) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return shaken{conn}, nil
}

// TestFallenIsNotHeard: once a process was seen to go back, nothing more is read from it, on
// connections that were let in before as well.
func TestFallenIsNotHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := streams(t, newWire(), nil)
		defer a.Close()
		defer b.Close()
		fromA := taken(b)
		synctest.Wait()
		for range len(fromA) {
			<-fromA
		}
		said, err := a.Dial("b", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		heard, got := <-fromA, make([]byte, 1)
		go said.Write([]byte("ab"))
		if _, err := heard.Read(got); err != nil {
			t.Fatal(err)
		}
		fallen := statedir.Sighting{Presence: statedir.Presence{Boot: 1}, Fell: &statedir.Fall{From: 2, To: 1}}
		b.doorman.mu.Lock()
		b.seen = map[string]statedir.Sighting{"a": fallen}
		b.doorman.mu.Unlock()
		if n, err := heard.Read(got); n != 0 || !errors.Is(err, errFell) {
			t.Errorf("read %d bytes of a process that went back, %v", n, err)
		}
		b.doorman.mu.Lock()
		fallen.Boot, fallen.Fell = 2, nil // started anew
		b.seen["a"] = fallen
		b.doorman.mu.Unlock()
		go said.Write([]byte("c"))
		if _, err := heard.Read(got); err != nil {
			t.Error(err)
		}
	})
}
