package raftstore

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/rule/presence"
	"casper-cosigner/statedir"
)

// doorman shows a fixed presence and admits whom it is told to.
type doorman struct {
	id   statedir.ID
	seen map[string]statedir.Sighting

	mu     sync.Mutex
	refuse error
	boots  uint64              // starts after the first
	young  bool                // the log has no Genesis
	asked  []statedir.Sighting // with what each was admitted
}

func (d *doorman) isFounded() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.young
}

func (d *doorman) Presence(last, applied uint64) statedir.Presence {
	d.mu.Lock()
	defer d.mu.Unlock()
	return statedir.Presence{Cluster: statedir.ID{1}, Directory: d.id, Session: d.id, Boot: 1 + d.boots, LastIndex: last,
		AppliedIndex: applied}
}

func (d *doorman) Admit(_ string, _ statedir.Presence, asked statedir.Sighting) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, asked)
	return d.refuse
}

func (d *doorman) Seen(peer string) (statedir.Sighting, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, ok := d.seen[peer]
	return p, ok
}

func (d *doorman) set(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuse = err
}

// end is a stream of a test with what it shows and logs.
type end struct {
	*stream
	*doorman
	logged syncBuffer
}

// streams returns started streams of a and b that reach each other.
func streams(t *testing.T, w *wire, adjust func(name string, c *Config)) (a, b *end) {
	t.Helper()
	open := func(name string) *end {
		e := &end{doorman: &doorman{id: statedir.ID{name[0]}}}
		c := Config{
			Name: name, Voters: Voters{{Name: "a", Address: "a"}, {Name: "b", Address: "b"}}, Log: zerolog.New(&e.logged),
			Network: Network{
				Listener:  w.listen(name),
				Dial:      func(ctx context.Context, to string) (net.Conn, error) { return w.dial(ctx, name, to) },
				PeerName:  func(c net.Conn) (string, error) { return c.(*wireConn).peer, nil },
				Presences: e.doorman,
			},
		}
		if adjust != nil {
			adjust(name, &c)
		}
		e.stream = newStream(c, func() (uint64, uint64) { return 7, 5 }, e.isFounded)
		e.start()
		return e
	}
	return open("a"), open("b")
}

// taken returns the connections that Raft would see, one by one.
func taken(e *end) <-chan net.Conn {
	conns, peer := make(chan net.Conn, 100), map[string]string{"a": "b", "b": "a"}[e.self]
	go func() {
		for {
			c, err := line{e.stream, peer}.Accept()
			if err != nil {
				return
			}
			conns <- c
		}
	}()
	return conns
}

func TestStreamCarriesBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := streams(t, newWire(), nil)
		defer a.Close()
		defer b.Close()
		accepted := taken(b)
		synctest.Wait() // the visits
		for range len(accepted) {
			<-accepted
		}
		conn, err := a.Dial("b", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		go conn.Write([]byte("ping"))
		got := make([]byte, 4)
		if _, err := io.ReadFull(<-accepted, got); err != nil || string(got) != "ping" {
			t.Errorf("got %q, %v", got, err)
		}
		if a.Addr().String() != "a" || a.Addr().Network() != "raft" {
			t.Errorf("address is %v", a.Addr())
		}
		a.Close()
		if _, err := conn.Read(got); err == nil {
			t.Error("Close left a connection open")
		}
		if _, err := a.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept after Close: %v", err)
		}
		if _, err := a.Dial("b", time.Second); err == nil {
			t.Error("Dial after Close")
		}
	})
}

// Until the log has its Genesis, which waits for all to have met, members look for each
// other all the time.
func TestVisitsAreQuickBeforeGenesis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := streams(t, newWire(), nil)
		defer a.Close()
		defer b.Close()
		accepted := taken(b)
		visits := func() int {
			<-time.After(2 * visitEvery)
			n := len(accepted)
			for range n {
				<-accepted
			}
			return n
		}
		<-time.After(visitEvery / 2)
		visits()
		if n := visits(); n != 2 {
			t.Errorf("%d visits in %v, want 2", n, 2*visitEvery)
		}
		a.doorman.mu.Lock()
		a.young = true
		a.doorman.mu.Unlock()
		visits()
		if n, want := visits(), int(2*visitEvery/visitSoon); n < want {
			t.Errorf("%d visits in %v before Genesis, want %d", n, 2*visitEvery, want)
		}
	})
}

func TestWrongPeersAreKeptOut(t *testing.T) {
	for what, peerName := range map[string]func(net.Conn) (string, error){
		"no certificate": func(net.Conn) (string, error) { return "", errors.New("no certificate") },
		"a node":         func(net.Conn) (string, error) { return "main", nil },
		"ourselves":      func(net.Conn) (string, error) { return "b", nil },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := streams(t, newWire(), func(name string, c *Config) {
					if name == "b" {
						c.Network.PeerName = peerName
					}
				})
				defer a.Close()
				defer b.Close()
				accepted := taken(b)
				if _, err := a.Dial("b", time.Second); err == nil {
					t.Error("b let it in")
				}
				if _, err := b.Dial("a", time.Second); err == nil {
					t.Error("b took it for a")
				}
				<-time.After(time.Minute)
				if len(accepted) > 0 {
					t.Error("Raft saw a connection")
				}
				if n := strings.Count(b.logged.String(), "Raft connection refused"); n == 0 || n > 2 {
					t.Errorf("logged %d refusals in a minute, want one as caller and one as callee:\n%s", n, b.logged.String())
				}
			})
		})
	}
}

// b answers at c's address: its votes must not count as c's.
func TestOtherMemberAtTheAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := streams(t, newWire(), func(name string, c *Config) {
			c.Voters = append(c.Voters, Voter{Name: "c", Address: "b"})
		})
		defer a.Close()
		defer b.Close()
		accepted := taken(b)
		synctest.Wait()
		for range len(accepted) {
			<-accepted
		}
		if _, err := a.Dial("c", time.Second); err == nil {
			t.Error("b was taken for c")
		}
		synctest.Wait()
		if len(accepted) > 0 {
			t.Error("b's Raft saw a connection that was meant for c")
		}
		if _, err := a.Dial("d", time.Second); err == nil {
			t.Error("there is no d")
		}
	})
}

func TestRefusedPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := streams(t, newWire(), nil)
		defer a.Close()
		defer b.Close()
		fromA, fromB := taken(b), taken(a)
		synctest.Wait()
		drain := func() {
			for len(fromA) > 0 || len(fromB) > 0 {
				select {
				case <-fromA:
				case <-fromB:
				}
			}
		}
		refusals := func() int { return strings.Count(b.logged.String(), string(presence.ReasonBoot)) }
		for round := 1; round <= 2; round++ {
			synctest.Wait()
			drain()
			b.set(&statedir.PeerError{Peer: "a", Reason: presence.ReasonBoot})
			for range 5 {
				if _, err := b.Dial("a", time.Second); err == nil {
					t.Error("b called a and went on")
				}
				if _, err := a.Dial("b", time.Second); err == nil {
					t.Error("b let a in")
				}
			}
			synctest.Wait()
			if len(fromA) > 0 {
				t.Error("b's Raft saw a connection of a")
			}
			if n := refusals(); n != 2*round { // the line names the reason twice
				t.Errorf("the reason was logged %d times, want %d", n, 2*round)
			}
			if s := a.logged.String(); !strings.Contains(s, "cosigner b hung up") || !strings.Contains(s, "its log tells why") {
				t.Errorf("a is not told where to look:\n%s", s)
			}
			b.set(nil)
			if _, err := a.Dial("b", time.Second); err != nil {
				t.Error(err)
			}
		}
	})
}

// Of a state directory that runs twice one process at most is heard: the first connection of the
// newer start ends those of the older one, and a late one of that is not let in.
func TestNewerStartEndsOlderConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := streams(t, newWire(), nil)
		defer a.Close()
		defer b.Close()
		fromA := taken(b)
		synctest.Wait()
		for range len(fromA) {
			<-fromA
		}
		older, err := a.Dial("b", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		heard := <-fromA
		a.doorman.mu.Lock()
		a.boots = 1
		a.doorman.mu.Unlock()
		if _, err := a.Dial("b", time.Second); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			heard.Read(make([]byte, 1))
			close(ended)
		}()
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Error("b still hears the older start of a")
		}
		older.Close()
		if _, err := b.track(heard, "a", 1); !errors.Is(err, errSuperseded) {
			t.Errorf("a late connection of the older start: got %v", err)
		}
	})
}
